// Validation counts what the measures count: every labelled frame, and pairs that follow each other along the right flow.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '#src/data/dataset.js';
import { createDecoder } from '#src/data/decode.js';
import { renderedToyCityDataset } from '#src/data/toycity.js';
import type { LabelMap } from '#src/media/image.js';
import { addCounts, noCounts } from '#src/metrics/classCounts.js';
import { meanIoU, meanIoUCounts } from '#src/metrics/meanIoU.js';
import { temporalConsistency, temporalConsistencyCounts } from '#src/metrics/temporalConsistency.js';
import { warpLabels } from '#src/metrics/warp.js';
import { validate } from '#src/train/validate.js';

const [clips, frames] = [2, 3];
const dataset = renderedToyCityDataset({ seed: 4, split: 'val', clips, frames, height: 48, width: 64 });
const classes = dataset.classes.classes.length;
const decoder = createDecoder({ get: () => undefined, put: () => {} });
const labels: LabelMap[] = [];
/** Labels of every frame, with a stripe of another class that wanders. */
const predictions: LabelMap[] = [];

beforeAll(async () => {
  for (let index = 0; index < dataset.count; index++) {
    const { label } = dataset.sample(index);
    if (!label) throw new Error('the toy city has labels');
    const map = await decoder.labels(label);
    labels.push(map);
    const data = map.data.map((id, i) => (i % map.width < 4 + 3 * index ? 2 : id));
    predictions.push({ ...map, data });
  }
});

/** Validation of some of the frames. */
function validated(indices: readonly number[]) {
  const some: Dataset = { ...dataset, count: indices.length, sample: (k) => dataset.sample(indices[k]) };
  let next = 0;
  return validate({ dataset: some, segment: async () => predictions[indices[next++]] });
}

async function consistency(pairs: readonly (readonly [number, number])[]) {
  let counts = noCounts(classes);
  for (const [first, second] of pairs) {
    const [forward, backward] = [
      dataset.sample(first).flow(second - first),
      dataset.sample(second).flow(first - second),
    ];
    if (!forward || !backward) throw new Error('the toy city has flow');
    const [there, back] = [await decoder.flow(forward), await decoder.flow(backward)];
    const warped = warpLabels(predictions[second], there.flow, back.flow, 'masked');
    counts = addCounts(counts, temporalConsistencyCounts(predictions[first], warped, classes, 'masked'));
  }
  return temporalConsistency(counts, 'masked').tc;
}

describe('a validation', () => {
  it('pools all frames, leaves classes out that do not occur, and compares pairs within clips', async () => {
    const found = await validated([0, 1, 2, 3, 4, 5]);
    expect([found.frames, found.pairs]).toEqual([6, 4]);
    const counts = labels.map((label, k) => meanIoUCounts(predictions[k], label, classes)).reduce(addCounts);
    const expected = meanIoU(counts, 'cityscapes');
    expect(found.iou.some(Number.isNaN)).toBe(true);
    expect(found.mIoU).toBe(expected.mIoU);
    expect(found.iou).toEqual(expected.iou);
    expect(found.tc).toBe(
      await consistency([
        [0, 1],
        [1, 2],
        [3, 4],
        [4, 5],
      ]),
    );
    expect(found.tc).toBeGreaterThan(0.3);
    expect(found.tc).toBeLessThan(1);
  });

  it('compares no frames that are further apart', async () => {
    const found = await validated([0, 2, 3, 5]);
    expect([found.frames, found.pairs, found.tc]).toEqual([4, 0, undefined]);
  });
});
