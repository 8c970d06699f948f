// The consensus along the flow by hand, and what it promises.
import { expect, it } from 'vitest';
import { chained, consensusOf, hiddenPixels, type ProbabilityMap, targetWeights } from '#src/adapt/consensus.js';
import type { OpticalFlow } from '#src/media/image.js';
import { createRandom } from '#src/tensor/random.js';

const [width, height, classes] = [4, 2, 3];

function map(values: (pixel: number) => readonly [number, number, number]): ProbabilityMap {
  const data = Uint8Array.from({ length: width * height * classes }, (_, i) => values(Math.floor(i / 3))[i % 3]);
  return { width, height, classes, data };
}

const flow = (u: number, v: number): OpticalFlow => ({
  width,
  height,
  data: Float32Array.from({ length: 2 * width * height }, (_, i) => (i % 2 === 0 ? u : v)),
});

const visible = new Uint8Array(width * height);

it('is the mean of what the frames that show a point say of it, sharpened', () => {
  const own = map(() => [153, 102, 0]);
  // One pixel to the right the neighbour is sure of class 1.
  const neighbour = map((pixel) => (pixel % width === 2 ? [0, 255, 0] : [255, 0, 0]));
  const { labels, targets } = consensusOf(own, [{ probabilities: neighbour, flow: flow(1, 0), hidden: visible }], 0.5);
  // At x = 1: (153, 102) + (0, 255), so 153 : 357, squared 0.155 : 0.845.
  expect([...labels.subarray(0, 3)]).toEqual([0, 1, 0]);
  expect([...targets.data.subarray(3, 6)]).toEqual([40, 215, 0]);
  // Halfway between two pixels it is the mean of both: (127.5, 127.5) is added.
  const half = consensusOf(own, [{ probabilities: neighbour, flow: flow(0.5, 0), hidden: visible }], 1);
  expect([...half.targets.data.subarray(3, 6)]).toEqual([140, 115, 0]);
  // A quarter to the right and half a line down, to classes 0, 1, 2 and 1: 3/8, 1/8, 3/8 and 1/8 of them.
  const quarters = map((pixel) => [
    pixel === 0 ? 255 : 0,
    pixel === 1 || pixel === width + 1 ? 255 : 0,
    pixel === width ? 255 : 0,
  ]);
  const nothing = map(() => [0, 0, 0]);
  const neighbours = [{ probabilities: quarters, flow: flow(0.25, 0.5), hidden: visible }];
  expect([...consensusOf(nothing, neighbours, 1).targets.data.subarray(0, 3)]).toEqual([96, 64, 96]);
  // τ = 1/3 gives the third power: 27 : 8 : 27.
  expect([...consensusOf(nothing, neighbours, 1 / 3).targets.data.subarray(0, 3)]).toEqual([111, 33, 111]);
});

it('leaves out what a neighbour does not show, and is the frame itself without neighbours', () => {
  const own = map((pixel) => [200 - pixel, 40 + pixel, 15]);
  const neighbour = map(() => [0, 0, 255]);
  const hidden = Uint8Array.from({ length: width * height }, (_, i) => (i === 5 ? 0 : 255));
  const { labels, targets } = consensusOf(own, [{ probabilities: neighbour, flow: flow(0, 0), hidden }], 1);
  expect([...labels]).toEqual([0, 0, 0, 0, 0, 2, 0, 0]);
  expect([...targets.data.subarray(0, 3)]).toEqual([200, 40, 15]);
  const alone = consensusOf(own, [], 1);
  expect(alone.targets.data).toEqual(own.data);
});

it('does not depend on the order of neighbours, and sums to one', () => {
  const random = createRandom(4);
  const drawn = () => map(() => [random.integer(256), random.integer(256), random.integer(256)]);
  const own = drawn();
  const neighbours = [1, 2, 3].map((d) => ({ probabilities: drawn(), flow: flow(d / 3, -0.2), hidden: visible }));
  const one = consensusOf(own, neighbours, 0.5);
  const other = consensusOf(own, [...neighbours].reverse(), 0.5);
  expect(other.labels).toEqual(one.labels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const sum = one.targets.data.subarray(3 * pixel, 3 * pixel + 3).reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - 255)).toBeLessThanOrEqual(1);
  }
});

it('chains flow, and knows what leaves the frame or does not come back', () => {
  const two = chained(flow(1, 0), flow(0.5, 0));
  expect(two.data[0]).toBeCloseTo(1.5, 6);
  const hidden = hiddenPixels(flow(1, 0), flow(-1, 0));
  expect([...hidden]).toEqual([0, 0, 0, 255, 0, 0, 0, 255]);
  expect(hiddenPixels(flow(1, 0), flow(2, 0))[0]).toBe(255);
});

it('weighs rare classes up, so that the mean weight is one', () => {
  const weights = targetWeights([900, 100, 0]);
  expect(weights[1] / weights[0]).toBeCloseTo(3, 6);
  expect(weights[2] / weights[0]).toBeCloseTo((0.9 / 1e-4) ** 0.5, 4);
  expect(0.9 * weights[0] + 0.1 * weights[1] + 1e-4 * weights[2]).toBeCloseTo(1, 6);
});
