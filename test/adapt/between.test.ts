// Weights between the original's and the trained ones.
import { expect, it } from 'vitest';
import { between, inProportion } from '#src/adapt/between.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';

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
  expect(inProportion(original, trained, 0.5).get('still')).toBe(original.get('still'));
});
