// Mutators keep the structure of what they change: most of what they make gets past the check sums and lengths in front.
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readMp4Promise } from '#src/media/mp4Index.js';
import { readModel } from '#src/onnx/read.js';
import { createRandom } from '#src/tensor/random.js';
import { memorySource } from '#src/weights/byteSource.js';
import { openZip } from '#src/weights/zip.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';
import { mutateBoxes } from './fuzz/mutators/boxes.js';
import { mutateJson } from './fuzz/mutators/json.js';
import { mutateLines } from './fuzz/mutators/lines.js';
import type { Mutator } from './fuzz/mutators/mutator.js';
import { mutatePickle } from './fuzz/mutators/pickle.js';
import { mutatePng } from './fuzz/mutators/png.js';
import { mutateProtobuf } from './fuzz/mutators/protobuf.js';
import { mutateSafetensors } from './fuzz/mutators/safetensors.js';
import { mutateZip } from './fuzz/mutators/zip.js';

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const text = (content: string) => new TextEncoder().encode(content);
const ROUNDS = 60;

/** Whether the first chunk's check sum is true. */
function pngHolds(bytes: Uint8Array): void {
  const data = Buffer.from(bytes);
  const end = 16 + data.readUInt32BE(8);
  if (data.readUInt32BE(end) !== crc32(data.subarray(12, end))) throw new Error('no check sum');
}

const cases: [string, Mutator, Uint8Array, (bytes: Uint8Array) => unknown][] = [
  ['protobuf', mutateProtobuf, tinyNetwork(), (bytes) => readModel(bytes)],
  ['json', mutateJson, text('{"a":[1,{"b":null}],"c":"d"}'), (bytes) => JSON.parse(new TextDecoder().decode(bytes))],
  ['lines', mutateLines, text('a: 1\nb:\n  - [2, 3]\n'), () => {}],
  ['safetensors', mutateSafetensors, fixture('weights/expected.safetensors'), headerOf],
  ['pickle', mutatePickle, fixture('weights/state_dict_legacy.pth'), () => {}],
  [
    'zip',
    mutateZip(() => mutatePickle),
    fixture('weights/state_dict_zip.pth'),
    (bytes) => openZip(memorySource(bytes, 'x')),
  ],
  ['png', mutatePng, fixture('metrics/0016E5_07959.png'), pngHolds],
  ['boxes', mutateBoxes, fixture('video/h264.mp4'), (bytes) => readMp4Promise(moovOf(bytes), 1)],
];

function headerOf(bytes: Uint8Array): unknown {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
}

function moovOf(bytes: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf('moov', 0, 'latin1');
  if (at < 4) throw new Error('no index');
  return bytes.subarray(at + 4, at - 4 + new DataView(bytes.buffer, bytes.byteOffset + at - 4).getUint32(0));
}

describe.each(cases)('the mutator of %s', (_, mutate, sound, read) => {
  const made = Array.from({ length: ROUNDS }, (__, seed) => mutate(sound.slice(), createRandom(seed)));

  it('makes the same of the same seed, and leaves the sound file alone', () => {
    const before = sound.slice();
    expect(mutate(sound, createRandom(7))).toEqual(made[7]);
    expect(sound).toEqual(before);
  });

  it('changes nearly every file, each in its own way', () => {
    const distinct = new Set(made.map((bytes) => Buffer.from(bytes).toString('latin1')));
    expect(distinct.size).toBeGreaterThan(ROUNDS / 2);
  });

  it('keeps the structure of a good part of them', async () => {
    const results = await Promise.allSettled(made.map(async (bytes) => read(bytes)));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(ROUNDS / 10);
  });
});
