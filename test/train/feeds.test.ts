// What a step is fed for a batch: frames by name, which samples count, flow, dropout masks.
import { expect, it } from 'vitest';
import type { Batch, NeighbourBatch } from '#src/data/loader.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph } from '#src/onnx/graph.js';
import { float32, type Tensor, tensor, zeros } from '#src/tensor/tensor.js';
import { feedsOf } from '#src/train/feeds.js';
import type { TrainingStep } from '#src/train/step.js';

const samples = 3;
const pixels = 2;

/** N×channels×1×2, every element its sample's number and ten times `base`. */
function numbered(base: number, channels: number): Tensor<'float32'> {
  const size = channels * pixels;
  return float32(
    [samples, channels, 1, pixels],
    Array.from({ length: samples * size }, (_, i) => 10 * base + Math.floor(i / size)),
  );
}

/** The same as a picture's bytes. */
function picture(base: number): Tensor<'uint8'> {
  const { shape, data } = numbered(base, 3);
  return tensor('uint8', shape, Uint8Array.from(data));
}

const neighbour = (base: number, offsets: number[]): NeighbourBatch => ({
  images: picture(base),
  offsets: Int32Array.from(offsets),
});

const batch: Batch = {
  ...{ epoch: 0, step: 0, samples: [0, 1, 2], images: picture(1), labels: zeros('uint8', [samples, 1, pixels]) },
  neighbours: [neighbour(2, [-1, 0, -2]), neighbour(3, [1, 0, 2])],
  ...{ waitedMilliseconds: 0, preparedMilliseconds: 0, release() {} },
};

const step = (changes: Partial<TrainingStep> = {}): TrainingStep => ({
  ...{ model: exportModel(createGraph('none'), {}), graph: createGraph('none'), precision: 'float32' },
  ...{ frames: ['frame', 'before', 'after'], withNeighbours: 2 },
  ...{ teacherInputs: [], dropoutMasks: new Map(), gradientOutputs: new Map(), statistics: [], lossOutputs: [] },
  ...changes,
});
const none = { flow: undefined, teacher: undefined, dropout: { rate: 0.25, seed: 3 } };

/** The first element of each sample. */
const firsts = ({ data, shape }: Tensor) =>
  Array.from({ length: shape[0] }, (_, n) => Number(data[(n * data.length) / shape[0]]));

it('the frames of a sample by name, of the last samples where not all have neighbours', async () => {
  const feeds = await feedsOf({ ...none, step: step() }, batch, 0);
  expect(Object.keys(feeds)).toEqual(['image', 'labels', 'before', 'after', 'sampleWeights']);
  expect(firsts(feeds.image)).toEqual([10, 11, 12]);
  expect(firsts(feeds.before)).toEqual([21, 22]);
  expect(firsts(feeds.after)).toEqual([31, 32]);
  expect(feeds.after.shape).toEqual([2, 3, 1, pixels]);
});

it('samples with a neighbour weigh as much as all together', async () => {
  const weights = async (withNeighbours: number) =>
    Array.from((await feedsOf({ ...none, step: step({ withNeighbours }) }, batch, 0)).sampleWeights.data, Number);
  expect(await weights(2)).toEqual([0, 2]);
  expect(await weights(3)).toEqual([1.5, 0, 1.5]);
});

it('flow of the samples that have neighbours', async () => {
  const of = async () => ({ flow: numbered(4, 2), flowValid: numbered(5, 1) });
  const flow = { given: true, of, close: async () => {} };
  const feeds = await feedsOf({ ...none, step: step(), flow }, batch, 0);
  expect(firsts(feeds.flow)).toEqual([41, 42]);
  expect(feeds.flow.shape).toEqual([2, 2, 1, pixels]);
  expect(firsts(feeds.flowValid)).toEqual([51, 52]);
});

it('dropout masks of mean one, of each head and draw its own', async () => {
  const names = ['dropout.frame.cls', 'dropout.frame.aux'];
  const dropoutMasks = new Map(names.map((name) => [name, { shape: [4, 500, 1, 1], share: 1 }]));
  const masks = async (draw: number) => {
    const feeds = await feedsOf({ ...none, step: step({ dropoutMasks }) }, batch, draw);
    return names.map((name) => Array.from(feeds[name].data, Number));
  };
  const [cls, aux] = await masks(0);
  expect(new Set(cls)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  expect(cls.filter((value) => value === 0).length / cls.length).toBeCloseTo(0.25, 1);
  expect(cls).not.toEqual(aux);
  expect(await masks(0)).toEqual([cls, aux]);
  expect((await masks(1))[0]).not.toEqual(cls);
  const halved = new Map([['half', { shape: [4, 500, 1, 1], share: 0.5 }]]);
  const { half } = await feedsOf({ ...none, step: step({ dropoutMasks: halved }) }, batch, 0);
  expect(new Set(Array.from(half.data, Number))).toEqual(new Set([0, Math.fround(1 / 0.875)]));
});
