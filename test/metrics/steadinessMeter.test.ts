// The running measure: its sums are those of the pairs one by one, and its map says where.
import { expect, it } from 'vitest';
import type { LabelMap, OpticalFlow } from '#src/media/image.js';
import { addSteadiness, noSteadiness, steadiness, steadinessCounts } from '#src/metrics/steadiness.js';
import { createSteadinessMeter } from '#src/metrics/steadinessMeter.js';
import { createRandom } from '#src/tensor/random.js';

const [width, height, classes] = [9, 7, 3];
const random = createRandom(4);
const labels = (): LabelMap => ({
  ...{ width, height },
  data: Uint8Array.from({ length: width * height }, () => (random.uniform() < 0.1 ? 255 : random.integer(classes))),
});
const flow = (u: number): OpticalFlow => ({
  ...{ width, height },
  data: Float32Array.from({ length: 2 * width * height }, (_, at) => (at % 2 === 0 ? u : 0)),
});

it('gives the figures of all pairs together', () => {
  const meter = createSteadinessMeter(classes);
  expect(meter.figures()).toBeUndefined();
  let counts = noSteadiness(classes);
  const maps = [labels(), labels(), labels(), labels()];
  for (let t = 0; t < 3; t++) {
    meter.add(maps[t], maps[t + 1], flow(1), flow(-1));
    counts = addSteadiness(counts, steadinessCounts(maps[t], maps[t + 1], flow(1), flow(-1), classes));
    expect(meter.figures()).toEqual(steadiness(counts));
  }
  const map = meter.flicker();
  const sum = (values: Uint32Array | undefined) => values?.reduce((total, value) => total + value, 0) ?? 0;
  // The map counts the same pixels.
  expect(sum(map?.pairs)).toBe(counts.before.reduce((total, value) => total + value, 0));
  expect(1 - sum(map?.changed) / sum(map?.pairs)).toBeCloseTo(steadiness(counts).steady, 12);
  expect(map?.rate).toBeCloseTo(1 - steadiness(counts).steady, 12);
});

it('says where', () => {
  const meter = createSteadinessMeter(classes);
  const before = { width, height, data: new Uint8Array(width * height) };
  const after = { width, height, data: before.data.map((_, at) => (at === 12 ? 1 : 0)) };
  meter.add(before, after, flow(0), flow(0));
  meter.add(after, after, flow(0), flow(0));
  const map = meter.flicker();
  expect([...(map?.changed ?? [])].flatMap((count, at) => (count > 0 ? [[at, count]] : []))).toEqual([[12, 1]]);
  expect(new Set(map?.pairs)).toEqual(new Set([2]));
});
