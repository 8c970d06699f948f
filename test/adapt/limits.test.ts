// How far weights go towards the trained ones.
import { expect, it } from 'vitest';
import { between, inProportion, type ReachOptions, reachOf } from '#src/adapt/limits.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';

it('goes no further than little video and use elsewhere allow', () => {
  const reach = (frames: number, options: Partial<ReachOptions> = {}) =>
    reachOf({ ...{ frames, pixels: 360 * 480, labelled: false, general: false, held: false }, ...options });
  expect([8, 30, 40, 80, 101].map((frames) => reach(frames))).toEqual([0.4, 0.4, 0.5, 1, 1]);
  // Larger frames show more, smaller ones not less than their number says.
  expect(reach(15, { pixels: 512 * 1024 })).toBeCloseTo(0.5625, 3);
  expect([reach(4, { pixels: 1024 * 2048 }), reach(15, { pixels: 720 * 480 })]).toEqual([0.4, 0.4]);
  expect(reach(20, { pixels: 720 * 480 })).toBe(0.5);
  expect([reach(30, { pixels: 512 * 1024 }), reach(70, { pixels: 512 * 1024 })]).toEqual([0.6, 0.875]);
  expect(reach(60, { pixels: 64 * 64 })).toBe(0.75);
  expect([reach(8, { labelled: true }), reach(101, { held: true })]).toEqual([1, 1]);
  expect([reach(101, { general: true }), reach(101, { general: true, labelled: true })]).toEqual([0.24, 0.24]);
  expect(reach(101, { general: true, held: true })).toBe(0.47);
  expect(reach(8, { general: true, held: true })).toBe(0.4);
});

const [original, trained] = [
  new Map<string, Tensor>([
    ['w', float32([5], [2, -2, 0.5, 0, 4])],
    ['still', float32([1], [3])],
  ]),
  new Map<string, Tensor>([['w', float32([5], [3, -3, 1, 1, 3.875])]]),
];
const numbers = (weights: ReadonlyMap<string, Tensor>) => [...(weights.get('w')?.data ?? [])].map(Number);

it('mixes weights linearly', () => {
  expect(numbers(between(original, trained, 0.25))).toEqual([2.25, -2.25, 0.625, 0.25, 3.96875]);
  expect(between(original, trained, 0).get('w')).toBe(original.get('w'));
  expect(between(original, trained, 1).get('still')).toBe(original.get('still'));
});

it('changes weights in proportion to their size, by a part of all that they changed', () => {
  const whole = 1 + 1 + 0.5 + 1 + 0.125;
  // Within a quarter of its size: 0.5, 0.5, 0.125, nothing where it is 0, and all of 0.125.
  const shortened = numbers(inProportion(original, trained, 1.25 / whole));
  for (const [i, value] of [2.5, -2.5, 0.625, 0, 3.875].entries()) expect(shortened[i]).toBeCloseTo(value, 6);
  // Nor does a weight that is next to nothing stand in the way.
  const tiny = [new Map(original), new Map(trained)] as const;
  for (const [k, weights] of tiny.entries()) weights.set('tiny', float32([1], [k === 0 ? 1e-30 : 0.001]));
  expect(numbers(inProportion(...tiny, 1.25 / whole))[0]).toBeCloseTo(2.5, 2);
  // A weight may change by more than its size.
  const [one, four] = [1, 4].map((value) => new Map<string, Tensor>([['w', float32([1], [value])]]));
  expect(numbers(inProportion(one, four, 0.9))[0]).toBeCloseTo(3.7, 6);
  // What is 0 does not move: more than the others moved there is not.
  expect(numbers(inProportion(original, trained, 0.99))).toEqual([3, -3, 1, 0, 3.875]);
  expect(numbers(inProportion(original, trained, 1))).toEqual([3, -3, 1, 1, 3.875]);
  expect(inProportion(original, trained, 0.5).get('still')).toBe(original.get('still'));
});
