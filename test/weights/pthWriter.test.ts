import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  bytesOf,
  bytesPerElement,
  type DType,
  float32,
  type Tensor,
  tensorFromBytes,
  zeros,
} from '#src/tensor/tensor.js';
import { memorySource } from '#src/weights/byteSource.js';
import { openWeights, weightsFrom } from '#src/weights/openWeights.js';
import { pthChunks, writePth } from '#src/weights/pthWriter.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
afterAll(() => rmSync(folder, { recursive: true }));

const dtypes: DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
];

it('round-trips every type PyTorch has, scalars, empty tensors and odd names, aligned', async () => {
  const tensors = new Map<string, Tensor>();
  for (const dtype of dtypes) {
    const bytes = Uint8Array.from({ length: 6 * bytesPerElement(dtype) }, (_, i) => (dtype === 'bool' ? i % 2 : i + 1));
    tensors.set(`${dtype} é`, tensorFromBytes(dtype, [2, 3, 1], bytes));
  }
  tensors.set('scalar', float32([], [1.5]));
  tensors.set('empty', zeros('float32', [0, 4]));
  const path = join(folder, 'all.pth');
  await writePth(path, tensors);
  expect(readdirSync(folder)).toEqual(['all.pth']);
  const file = await openWeights(path);
  expect([...file.tensors.keys()]).toEqual([...tensors.keys()]);
  for (const [name, want] of tensors) {
    const found = await file.read(name);
    expect([found.dtype, found.shape, [...bytesOf(found)]]).toEqual([want.dtype, want.shape, [...bytesOf(want)]]);
  }
  await file.close();

  const bytes = new Uint8Array(Buffer.concat(pthChunks(tensors)));
  const inMemory = await weightsFrom(memorySource(bytes, 'memory'));
  for (const name of tensors.keys()) {
    const { data } = await inMemory.read(name);
    if (data.length > 0) expect([data.buffer, data.byteOffset % 64]).toEqual([bytes.buffer, 0]);
  }
});

it('writes the same bytes for the same input', () => {
  const tensors = new Map<string, Tensor>([['a', float32([2], [1, 2])]]);
  expect(Buffer.concat(pthChunks(tensors))).toEqual(Buffer.concat(pthChunks(new Map(tensors))));
});

it('refuses what PyTorch cannot hold', () => {
  expect(() => pthChunks(new Map([['a', zeros('uint16', [1])]]))).toThrow('a: PyTorch holds no uint16 tensors');
});
