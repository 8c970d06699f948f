// Validation counts what the measures count: every labelled frame, and pairs that follow each other along the right flow.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '#src/data/dataset.js';
import { createDecoder } from '#src/data/decode.js';
import { renderedToyCityDataset } from '#src/data/toycity.js';
import type { FlowSource } from '#src/flow/source.js';
import type { LabelMap } from '#src/media/image.js';
import { addCounts, noCounts } from '#src/metrics/classCounts.js';
import { meanIoU, meanIoUCounts } from '#src/metrics/meanIoU.js';
import { temporalConsistency, temporalConsistencyCounts } from '#src/metrics/temporalConsistency.js';
import { warpLabels } from '#src/metrics/warp.js';
import { type ValidateOptions, validate } from '#src/train/validate.js';

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
async function validated(indices: readonly number[], options: Partial<ValidateOptions> = {}) {
  const some: Dataset = { ...dataset, count: indices.length, sample: (k) => dataset.sample(indices[k]) };
  let next = 0;
  return validate({ dataset: some, segment: async () => predictions[indices[next++]], ...options });
}

/** A source of its own flow, (3, -2) and back, that notes what it was asked for. */
function slidingFlow() {
  const asked: string[] = [];
  const source: FlowSource = {
    name: 'sliding',
    concurrency: 1,
    async flow({ first, second }, direction) {
      asked.push(`${first.stem} ${second.stem} ${direction}`);
      const { width, height } = await first.image();
      const [u, v] = direction === 'forward' ? [3, -2] : [-3, 2];
      return { width, height, data: Float32Array.from({ length: 2 * width * height }, (_, i) => (i % 2 ? v : u)) };
    },
    check: async () => {},
    close: async () => {},
  };
  return { source, asked };
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
    const { validation: found } = await validated([0, 1, 2, 3, 4, 5], { flowSource: slidingFlow().source });
    expect([found.frames, found.pairs, found.flow]).toEqual([6, 4, 'given']);
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

  it('leaves out the class that the class set ignores', async () => {
    const ignored = 2;
    const ignoring: Dataset = { ...dataset, classes: { ...dataset.classes, ignoreLabel: ignored } };
    const usual = (await validated([0, 1])).validation;
    const found = (await validated([0, 1], { dataset: ignoring, limit: 2 })).validation;
    expect([usual.iou[ignored] >= 0, found.iou[ignored]]).toEqual([true, Number.NaN]);
    const others = usual.iou.filter((value, id) => id !== ignored && !Number.isNaN(value));
    expect(found.mIoU).toBeCloseTo(others.reduce((sum, value) => sum + value, 0) / others.length, 12);
    expect(usual.mIoU).not.toBeCloseTo(found.mIoU, 3);
  });

  it('compares no frames that are further apart', async () => {
    const { validation: found } = await validated([0, 2, 3, 5], { flowSource: slidingFlow().source });
    expect([found.frames, found.pairs, found.tc]).toEqual([4, 0, undefined]);
  });

  it('computes flow in both directions where the dataset gives none, for pairs within clips, and names it', async () => {
    const { source, asked } = slidingFlow();
    const without: Dataset = { ...dataset, sample: (k) => ({ ...dataset.sample(k), flow: () => undefined }) };
    const { validation } = await validated([0, 1, 2, 3], { dataset: without, limit: 4, flowSource: source });
    const [a, b, c] = [0, 1, 2].map((k) => dataset.sample(k).name);
    expect(asked).toEqual([`${a} ${b} forward`, `${a} ${b} backward`, `${b} ${c} forward`, `${b} ${c} backward`]);
    let counts = noCounts(classes);
    for (const [first, second] of [
      [0, 1],
      [1, 2],
    ]) {
      const { data, width, height } = predictions[second];
      // Seen from (x, y) the next frame lies at (x + 3, y - 2), outside for the last columns and the first rows.
      const warped = data.map((_, i) => {
        const [x, y] = [(i % width) + 3, Math.floor(i / width) - 2];
        return x < width && y >= 0 ? data[y * width + x] : 255;
      });
      const moved = { width, height, data: warped };
      counts = addCounts(counts, temporalConsistencyCounts(predictions[first], moved, classes, 'masked'));
    }
    expect(validation).toMatchObject({ pairs: 2, flow: 'sliding', tc: temporalConsistency(counts, 'masked').tc });
    const none = await validated([0, 1, 2, 3], { dataset: without, limit: 4 });
    expect([none.validation.pairs, none.validation.tc, none.validation.flow]).toEqual([0, undefined, undefined]);
  });

  it('tells which classes are taken for which, and each frame by its place', async () => {
    const places: string[] = [];
    const onFrame: ValidateOptions['onFrame'] = (_, index, count) => places.push(`${index} of ${count}`);
    const { confusion } = await validated([0, 1], { onFrame });
    expect(places).toEqual(['0 of 2', '1 of 2']);
    const count = (label: number, prediction: number) =>
      [0, 1].reduce(
        (sum, k) =>
          sum + labels[k].data.filter((id, i) => id === label && predictions[k].data[i] === prediction).length,
        0,
      );
    expect(confusion).toEqual(
      Array.from({ length: classes }, (_, label) => [
        ...Array.from({ length: classes }, (_, prediction) => count(label, prediction)),
        0,
      ]),
    );
    const unlabelled: Dataset = { ...dataset, sample: (k) => ({ ...dataset.sample(k), label: undefined }) };
    const none = await validated([0, 1], { dataset: unlabelled, limit: 2 });
    expect([none.confusion, none.validation.mIoU]).toEqual([undefined, Number.NaN]);
  });
});
