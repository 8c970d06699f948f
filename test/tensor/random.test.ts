import { expect, it } from 'vitest';
import { createRandom, fnv1a, symmetricByName, uniformAt } from '#src/tensor/random.js';

it('gives the published first values of the name "a"', () => {
  const values = [0, 1, 2].map((k) => uniformAt(fnv1a('a'), k) * 2 ** 32);
  expect(values).toEqual([2670119670, 1323809741, 1575654966]);
});

it('goes on from a saved state', () => {
  const random = createRandom(7);
  random.normal();
  const copy = createRandom(random.state());
  expect([copy.uniform(), copy.integer(10), copy.normal()]).toEqual([
    random.uniform(),
    random.integer(10),
    random.normal(),
  ]);
});

it('makes tensors from names within their range', () => {
  const { data } = symmetricByName('x', [3, 4], 2);
  expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(2);
  expect(new Set(data).size).toBe(12);
});
