// Weights of dead channels in an adaptation.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeClipFiles, openClipFiles, type PreparedClip } from '#src/adapt/clipFiles.js';
import { settledWeights } from '#src/adapt/settledWeights.js';
import { trainOnClip } from '#src/adapt/training.js';
import { parameter } from '#src/onnx/graph.js';
import { add, conv } from '#src/onnx/ops.js';
import { labelsByName } from '#src/tensor/random.js';
import { tensor } from '#src/tensor/tensor.js';
import type { TrainingState } from '#src/train/state.js';
import type { Student } from '#src/train/student.js';

it('what vanished of layers is 0, everything else as it is', () => {
  const tiny = 2 ** -130;
  const weights = new Map([
    ['kernel', tensor('float32', [2, 3, 1, 1], Float32Array.of(1, tiny, -tiny, 0.5, 2, -tiny))],
    ['bias', tensor('float32', [2], Float32Array.of(1, -1))],
    // Added to what is no product of layers: it may keep a divisor from 0.
    ['floor', tensor('float32', [2, 1, 1], Float32Array.of(tiny, tiny))],
    ['unused', tensor('float32', [1], Float32Array.of(tiny))],
  ]);
  const student: Student = {
    name: 'small',
    classes: { count: 2, names: undefined },
    preprocessing: { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' },
    weights,
    build(image) {
      const of = (name: string, shape: number[]) => parameter(image.graph, name, shape, { kind: 'constant', value: 0 });
      const y = conv(image, of('kernel', [2, 3, 1, 1]), of('bias', [2]), {});
      return { logits: add(y, of('floor', [2, 1, 1])), auxiliaries: [], features: new Map() };
    },
    toModel: () => new Uint8Array(),
  };
  const found = settledWeights(student, { height: 4, width: 6 }, weights);
  expect([...found.keys()]).toEqual([...weights.keys()]);
  expect([...(found.get('kernel')?.data ?? [])]).toEqual([1, 0, 0, 0.5, 2, 0]);
  for (const name of ['bias', 'floor', 'unused']) expect(found.get(name)).toBe(weights.get(name));
  expect(weights.get('kernel')?.data[1]).toBe(tiny);
});

const [height, width, classes] = [4, 6, 2];
const pixels = height * width;
const folder = mkdtempSync(join(tmpdir(), 'steadyseg-settled-'));
let clip: PreparedClip;
beforeAll(async () => {
  const files = await openClipFiles(folder, { height, width }, classes);
  const bytes = (name: string, length: number) => Uint8Array.from(labelsByName(name, [length], 256).data);
  for (const t of [0, 1]) {
    await files.frames.write(t, bytes(`frame ${t}`, 3 * pixels));
    await files.targets.write(t, bytes(`targets ${t}`, classes * pixels));
    await files.pixelWeights.write(t, new Uint8Array(pixels).fill(64));
  }
  await files.forward.write(0, new Uint8Array(8 * pixels));
  await files.hidden.write(0, new Uint8Array(pixels));
  const known = { count: 2, stems: ['0', '1'], pairs: [0], cuts: [], targetSums: [1, 1] };
  clip = { height, width, classes, ...known, folder, files };
});
afterAll(async () => {
  await closeClipFiles(clip.files);
  rmSync(folder, { recursive: true });
});

describe('a training of 100 steps', () => {
  const tiny = 2 ** -105;
  // Channel 0 is alive; of 1 two layers are dead, and gradients are so small that neither comes back; 2 is read by a weight that is alive.
  const weights = new Map([
    ['first', tensor('float32', [3, 3, 1, 1], Float32Array.of(1, 0.5, -1, tiny, tiny, -tiny, tiny, tiny, -tiny))],
    ['second', tensor('float32', [3, 1, 1, 1], Float32Array.of(1, -tiny, 0.7))],
    ['third', tensor('float32', [2, 3, 1, 1], Float32Array.of(0.5, 2 ** -28, 1, -0.5, -(2 ** -28), 0.7))],
  ]);
  const student: Student = {
    name: 'small',
    classes: { count: classes, names: undefined },
    preprocessing: { mean: [128, 128, 128], std: [64, 64, 64], channelOrder: 'rgb' },
    weights,
    build(image) {
      const of = (name: string, shape: number[]) => parameter(image.graph, name, shape, { kind: 'constant', value: 0 });
      const inner = conv(image, of('first', [3, 3, 1, 1]), undefined, {});
      const middle = conv(inner, of('second', [3, 1, 1, 1]), undefined, { group: 3 });
      return { logits: conv(middle, of('third', [2, 3, 1, 1]), undefined, {}), auxiliaries: [], features: new Map() };
    },
    toModel: () => new Uint8Array(),
  };
  const begin = { from: weights, steps: 100, seed: 1, threads: 1, onStep: () => {} };
  const nothing = { read: async () => {}, write: async () => {} };
  /** Weights and moments at every checkpoint, by name. */
  async function train(of: Student, read: (state: TrainingState) => Promise<void> = nothing.read) {
    const seen = new Map<number, ReadonlyMap<string, readonly number[]>>();
    const write = async ({ step, parameters, slots }: TrainingState) => {
      const contents = [...parameters].map(([name, { data }]) => [name, [...data]] as const);
      const memories = [...slots].flatMap(([slot, all]) =>
        [...all].map(([name, data]) => [`${slot} of ${name}`, [...data]] as const),
      );
      seen.set(step, new Map([...contents, ...memories]));
    };
    const { weights } = await trainOnClip(clip, of, [0], { ...begin, checkpoint: { read, write } });
    return { seen, weights };
  }
  const dead = (of: ReadonlyMap<string, readonly number[]> | undefined, prefix = '') => [
    ...(of?.get(`${prefix}first`)?.slice(3, 6) ?? []),
    of?.get(`${prefix}second`)?.[1] ?? Number.NaN,
  ];

  it('lets what vanished come back to life for 75 steps, and has the rest as 0 from there', async () => {
    const { seen, weights: trained } = await train(student);
    expect(dead(seen.get(50)).every((value) => value !== 0 && Math.abs(value) < 2 ** -100)).toBe(true);
    // Moments that would bring it back bit by bit.
    expect(dead(seen.get(50), 'moment1 of ').some((value) => value !== 0)).toBe(true);
    for (const step of [75, 100]) expect(dead(seen.get(step))).toEqual([0, 0, 0, 0]);
    expect(dead(new Map([...trained].map(([name, { data }]) => [name, [...data].map(Number)])))).toEqual([0, 0, 0, 0]);
    for (const value of seen.get(75)?.get('first')?.slice(6) ?? []) expect(Math.abs(value)).toBeGreaterThan(1e-4);
    expect(seen.get(100)?.get('first')).not.toEqual(seen.get(75)?.get('first'));
  });

  it('leaves what does not train as it is', async () => {
    const { seen } = await train({ ...student, trains: (name) => name !== 'second' });
    expect(seen.get(100)?.get('second')).toEqual([...(weights.get('second')?.data ?? [])]);
    expect(dead(seen.get(75)).slice(0, 3)).toEqual([0, 0, 0]);
  });

  it('ends in the same bits when it goes on from before the 75th step', async () => {
    const whole = await train(student);
    const half = whole.seen.get(50) ?? new Map<string, readonly number[]>();
    const resumed = await train(student, async (state) => {
      state.step = 50;
      for (const [name, { data }] of state.parameters) data.set(half.get(name) ?? []);
      for (const [slot, all] of state.slots)
        for (const [name, data] of all) data.set(half.get(`${slot} of ${name}`) ?? []);
    });
    expect(resumed.seen.get(100)).toEqual(whole.seen.get(100));
  });
});
