// Results that no evaluation gives are no results.
import { expect, it } from 'vitest';
import { meanIoUResultOf, parseResult, sumCounts, videoConsistencyResultOf } from '#src/metrics/result.js';

const basis = {
  classSet: 'two',
  classes: ['a', 'b'],
  ignoreLabel: 255,
  inputs: {},
  shard: { index: 0, count: 1 },
  clipCount: 1,
  clips: [{ index: 0, name: 'clip', frames: 1 }],
  skipped: [],
};
const miou = (intersection: number[], union: number[], target: number[]) => ({
  ...meanIoUResultOf(basis, {
    convention: 'semseg',
    frames: 1,
    ignored: 0,
    counts: { intersection: [1, 1], union: [3, 3], target: [2, 2] },
  }),
  counts: { intersection, union, target },
});

it('refuses counts that cannot be', () => {
  parseResult(JSON.stringify(miou([1, 2], [3, 2], [2, 2])), 'shard.json');
  for (const counts of [miou([3, 1], [3, 3], [2, 2]), miou([1, 1], [3, 1], [2, 2]), miou([1, 5], [3, 3], [2, 2])]) {
    expect(() => parseResult(JSON.stringify(counts), 'shard.json')).toThrow(
      /shard\.json: counts: expected an intersection within the target within the union, found .* for class [01]/,
    );
  }
});

it('refuses windows of more constant pixels than there are', () => {
  const result = videoConsistencyResultOf(basis, {
    convention: 'strict',
    window: 2,
    clipWindows: [{ numerator: [3], denominator: [4] }],
  });
  parseResult(JSON.stringify(result), 'shard.json');
  expect(() => parseResult(JSON.stringify({ ...result, numerator: [5] }), 'shard.json')).toThrow(
    /shard\.json: window 0: expected at most its 4 pixels, found 5/,
  );
});

it('refuses sums that numbers cannot hold', () => {
  const huge = { intersection: [2 ** 53 - 1], union: [2 ** 53 - 1], target: [2 ** 53 - 1] };
  expect(sumCounts([huge])).toEqual(huge);
  expect(() => sumCounts([huge, huge])).toThrow(
    /expected counts of together at most 9007199254740991 pixels, found more/,
  );
});
