// The confusion matrix counts labelled pixels, and gives the counts of mean IoU.
import { expect, it } from 'vitest';
import { addCounts } from '#src/metrics/classCounts.js';
import { addConfusion, confusionCounts, noConfusion } from '#src/metrics/confusion.js';
import { meanIoUCounts } from '#src/metrics/meanIoU.js';

const map = (...ids: number[]) => ({ width: ids.length, height: 1, data: Uint8Array.from(ids) });

it('has a row a label, a column a prediction, and one for predictions that are no class', () => {
  const confusion = addConfusion(noConfusion(3), map(0, 1, 2, 255, 3, 0, 1), map(0, 0, 0, 0, 0, 255, 2));
  expect(confusion).toEqual([
    [1, 1, 1, 2],
    [0, 0, 0, 0],
    [0, 1, 0, 0],
  ]);
  expect(addConfusion(confusion, map(1), map(1))[1]).toEqual([0, 1, 0, 0]);
  expect(confusion[1]).toEqual([0, 0, 0, 0]);
});

it('gives the counts of mean IoU', () => {
  const random = (seed: number) =>
    map(...Array.from({ length: 500 }, (_, i) => [0, 1, 2, 3, 255][((i * seed) % 503) % 5]));
  const frames = [3, 7, 11].map((seed) => [random(seed), random(seed + 2)] as const);
  const confusion = frames.reduce((sum, [prediction, label]) => addConfusion(sum, prediction, label), noConfusion(4));
  const expected = frames.map(([prediction, label]) => meanIoUCounts(prediction, label, 4)).reduce(addCounts);
  expect(confusionCounts(confusion)).toEqual(expected);
});
