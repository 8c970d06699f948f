import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { DType, Tensor } from '#src/tensor/tensor.js';
import { bytesOf, bytesPerElement, float32, tensor, tensorFromBytes, zeros } from '#src/tensor/tensor.js';
import {
  MAX_HEADER_BYTES,
  openSafetensors,
  parseSafetensors,
  readSafetensors,
  safetensorsChunks,
  writeSafetensors,
} from '#src/weights/safetensors.js';
import { fixture } from './fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
afterAll(() => rmSync(folder, { recursive: true }));

function encode(...given: Parameters<typeof safetensorsChunks>): Uint8Array {
  return new Uint8Array(Buffer.concat(safetensorsChunks(...given)));
}

/** A file from a header as text and a number of data bytes. */
function file(header: string, dataBytes = 0): Uint8Array {
  const json = Buffer.from(header);
  const out = Buffer.alloc(8 + json.length + dataBytes);
  out.writeBigUInt64LE(BigInt(json.length), 0);
  json.copy(out, 8);
  return new Uint8Array(out);
}

const dtypes: DType[] = [
  ...(['bool', 'uint8', 'int8', 'float16', 'bfloat16', 'int16', 'uint16'] as const),
  ...(['float32', 'int32', 'uint32', 'float64', 'int64', 'uint64'] as const),
];

describe('safetensors', () => {
  it('round-trips every type, scalars, empty tensors, odd names and metadata, in order', async () => {
    const tensors = new Map<string, Tensor>();
    for (const dtype of dtypes) {
      const bytes = Uint8Array.from({ length: 3 * bytesPerElement(dtype) }, (_, i) =>
        dtype === 'bool' ? i % 2 : i + 1,
      );
      tensors.set(`${dtype} "é"`, tensorFromBytes(dtype, [3, 1], bytes));
    }
    tensors.set('scalar', float32([], [1.5]));
    tensors.set('empty', zeros('float32', [0, 4]));
    const path = join(folder, 'all.safetensors');
    const metadata = new Map([['note', 'line\n"quoted" 日本']]);
    await writeSafetensors(path, tensors, metadata);
    const back = await readSafetensors(path);
    expect([...back.tensors.keys()]).toEqual([...tensors.keys()]);
    for (const [name, { dtype, shape }] of tensors) {
      const found = back.tensors.get(name);
      expect([found?.dtype, found?.shape]).toEqual([dtype, shape]);
      expect(found && [...bytesOf(found)]).toEqual([...bytesOf(tensors.get(name) ?? zeros('bool', []))]);
    }
    expect(back.metadata).toEqual(metadata);
    expect(readdirSync(folder)).toEqual(['all.safetensors']);
  });

  it('writes the same bytes for the same input, and aligned, so that reading from memory copies nothing', async () => {
    const tensors = new Map<string, Tensor>([
      ['b', tensor('uint8', [3], Uint8Array.of(1, 2, 3))],
      ['a', float32([2], [1, 2])],
    ]);
    const bytes = encode(tensors);
    expect(bytes).toEqual(encode(new Map(tensors)));
    const back = await parseSafetensors(bytes, 'x');
    for (const { data } of back.tensors.values()) expect(data.buffer).toBe(bytes.buffer);
  });

  it('reads what another program wrote, and one tensor alone', async () => {
    const opened = await openSafetensors(fixture('expected.safetensors'));
    expect([...opened.tensors.keys()]).toContain('cls.4.bias');
    expect((await opened.read('cls.4.bias')).shape).toEqual([19]);
    await expect(opened.read('nothing')).rejects.toThrow('holds no tensor "nothing"');
    await opened.close();
  });

  const f32 = (shape: string, begin: number, end: number) =>
    `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;
  const huge = '9007199254740991';
  const refused: [why: string, bytes: Uint8Array, message: RegExp][] = [
    ['an empty file', new Uint8Array(0), /at least 8 bytes, found 0/],
    ['a header longer than the file', file('{}').subarray(0, 9), /header of 2 bytes, and 1 follow/],
    ['a header length beyond 2^53', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 1), /not a safetensors file/],
    ['a header beyond the limit', file(' '.repeat(MAX_HEADER_BYTES + 1)), /header of at most/],
    ['a header that is no JSON', file('{"a"'), /not JSON/],
    ['a header that is a list', file('[]'), /not a JSON object/],
    [
      'a header nested too deep',
      file(`{"a":{"dtype":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`),
      /expected a dtype/,
    ],
    [
      'an unknown type',
      file('{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1),
      /tensor "a": expected a dtype of F64.*found "F8_E4M3"/,
    ],
    ['a negative dimension', file(`{"a":${f32('[-1]', 0, 4)}}`, 4), /shape of whole numbers, found \[-1\]/],
    ['a fractional dimension', file(`{"a":${f32('[0.5]', 0, 4)}}`, 4), /shape of whole numbers/],
    ['a shape beyond 2^53', file(`{"a":${f32(`[${huge},${huge}]`, 0, 4)}}`, 4), /too large/],
    ['a wrong product', file(`{"a":${f32('[3]', 0, 8)}}`, 8), /expected 12 bytes for float32 3, found 8/],
    ['offsets out of range', file(`{"a":${f32('[2]', 0, 8)}}`, 4), /within 4 bytes of data, found \[0, 8\]/],
    ['offsets in reverse', file(`{"a":${f32('[1]', 4, 0)}}`, 4), /found \[4, 0\]/],
    ['no offsets', file('{"a":{"dtype":"F32","shape":[1]}}', 4), /two data_offsets, found nothing/],
    ['three offsets', file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}', 4), /two data_offsets, found 3/],
    ['an overlap', file(`{"a":${f32('[2]', 0, 8)},"b":${f32('[2]', 4, 12)}}`, 12), /"b" overlaps/],
    ['a hole', file(`{"a":${f32('[1]', 0, 4)},"b":${f32('[1]', 8, 12)}}`, 12), /"b" leaves a hole/],
    ['data after the end', file(`{"a":${f32('[1]', 0, 4)}}`, 8), /expected \d+ bytes, as its header says/],
    ['metadata that is no string', file('{"__metadata__":{"a":1}}'), /metadata "a": expected a string/],
  ];
  it.each(refused)('refuses %s', async (_, bytes, message) => {
    await expect(parseSafetensors(bytes, 'broken.safetensors')).rejects.toThrow(message);
    await expect(parseSafetensors(bytes, 'broken.safetensors')).rejects.toThrow(/^broken\.safetensors: /);
  });

  it('refuses a file cut off anywhere', async () => {
    const bytes = new Uint8Array(readFileSync(fixture('expected.safetensors')));
    for (let length = 0; length < bytes.length; length++) {
      await expect(parseSafetensors(bytes.subarray(0, length), 'cut')).rejects.toThrow(/^cut: /);
    }
  });

  it('names a file that is missing or no file', async () => {
    await expect(readSafetensors(join(folder, 'none.safetensors'))).rejects.toThrow(/none\.safetensors: no such file/);
    await expect(readSafetensors(folder)).rejects.toThrow(/found a directory/);
  });

  it('leaves what was there when writing fails', async () => {
    const path = join(folder, 'kept.safetensors');
    writeFileSync(path, 'old');
    await expect(writeSafetensors(path, new Map([['__metadata__', float32([], [1])]]))).rejects.toThrow('__metadata__');
    expect(readFileSync(path, 'utf8')).toBe('old');
  });
});
