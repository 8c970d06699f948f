// Classes that an adaptation made all but disappear are told.
import { expect, it } from 'vitest';
import { goneClasses } from '#src/adapt/judge.js';

it('are those of which less than a tenth is left, of those that were more than noise', () => {
  const before = { shares: [0.5, 0.4, 0.01, 0.01, 0.00005, 0.0001] };
  const after = { shares: [0.5, 0.4, 0.0009, 0.002, 0, 0] };
  expect(goneClasses(before, after)).toEqual([2, 5]);
});
