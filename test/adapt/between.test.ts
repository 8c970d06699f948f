// Weights between the original's and the trained ones.
import { expect, it } from 'vitest';
import { between, bySize } from '#src/adapt/between.js';
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

it('moves large weights further, by a part of all that they changed', () => {
  const [from, to] = [
    [4, -1, 0.25, 0],
    [6, 0, 0.75, 1],
  ].map((values) => new Map<string, Tensor>([['w', float32([4], values)]]));
  // Changes of 2, 1, 0.5 and 1, times roots of 2, 1, 0.5 and 0: 4.5 and 5.25 in all.
  const expected = (moved: readonly number[], factor: number) => {
    const found = numbers(bySize(from, to, (factor * 5.25) / 4.5));
    for (const [i, value] of moved.entries()) expect(found[i]).toBeCloseTo(value, 6);
  };
  expected([4.8, -0.8, 0.3, 0], 0.2);
  // None goes further than twice its way.
  expected([8, 0.2, 0.55, 0], 1.2);
  // What is 0 stays, and nothing is changed by nothing.
  const zero = new Map<string, Tensor>([['w', float32([4], [0, 0, 0, 0])]]);
  expect(numbers(bySize(zero, to, 0.5))).toEqual([0, 0, 0, 0]);
  expect(numbers(bySize(from, from, 0.5))).toEqual(numbers(from));
  expect(bySize(original, trained, 0.5).get('still')).toBe(original.get('still'));
});

it('leaves alone what did not change, infinities of a mask, too', () => {
  const [from, to] = [3, 5].map((last) => new Map<string, Tensor>([['w', float32([3], [-Infinity, Infinity, last])]]));
  for (const alpha of [0.5, 1]) expect(numbers(between(from, to, alpha))).toEqual([-Infinity, Infinity, 3 + 2 * alpha]);
  expect(numbers(bySize(from, to, 0.5))).toEqual([-Infinity, Infinity, 4]);
});
