// Parity with the reference's figures: all of it where the reference material is, part of it from the fixtures.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readFlo } from '#src/media/flo.js';
import type { LabelMap } from '#src/media/image.js';
import { readLabelMap } from '#src/media/labels.js';
import { addCounts, type ClassCounts, noCounts } from '#src/metrics/classCounts.js';
import { meanIoU, meanIoUCounts } from '#src/metrics/meanIoU.js';
import { temporalConsistency, temporalConsistencyCounts } from '#src/metrics/temporalConsistency.js';
import { createWindowCounter, videoConsistency, windowsOf } from '#src/metrics/videoConsistency.js';
import { warpLabels } from '#src/metrics/warp.js';
import { describeWithShared, sharedPath } from '../shared.js';

const CLASSES = 11;

interface Windows {
  value: number;
  windows: number;
  numerator: number[];
  denominator: number[];
}

interface Expected {
  camvid_val: ClassCounts & { mIoU: number; mAcc: number; allAcc: number; iou: number[] };
  vc8: Windows;
  vc16: Windows;
  tc_etc2020_240x180: { pairs: (ClassCounts & { frame: string; next: string })[]; mIoU: number; iou: number[] };
}

async function readExpected(path: string): Promise<Expected> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** The pixel (2x, 2y) of a prediction for the pixel (x, y). */
function halved(map: LabelMap): LabelMap {
  const width = map.width / 2;
  const height = map.height / 2;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data[y * width + x] = map.data[2 * y * map.width + 2 * x];
  }
  return { width, height, data };
}

async function pairCounts(predictions: string, flows: string, pair: { frame: string; next: string }) {
  const first = halved(await readLabelMap(`${predictions}/${pair.frame}.png`));
  const next = halved(await readLabelMap(`${predictions}/${pair.next}.png`));
  const warped = warpLabels(next, await readFlo(`${flows}/${pair.frame}.flo`), undefined, 'etc-2020');
  return temporalConsistencyCounts(first, warped, CLASSES, 'etc-2020');
}

const stems = Array.from({ length: 101 }, (_, k) => `0016E5_${String(7959 + 2 * k).padStart(5, '0')}`);

describeWithShared(
  'reference figures on CamVid val',
  ['goldens/metrics/expected.json', 'goldens/metrics/espnet_camvid_val', 'data/camvid/valannot'],
  () => {
    const predictions = sharedPath('goldens', 'metrics', 'espnet_camvid_val');
    const labels = sharedPath('data', 'camvid', 'valannot');
    const expectedPath = sharedPath('goldens', 'metrics', 'expected.json');
    const readFrame = async (stem: string) =>
      await Promise.all([readLabelMap(`${predictions}/${stem}.png`), readLabelMap(`${labels}/${stem}.png`)]);

    it('mIoU, accuracies and counts are equal to the last bit', async () => {
      const { camvid_val: expected } = await readExpected(expectedPath);
      let counts = noCounts(CLASSES);
      for (const stem of stems) {
        const [prediction, label] = await readFrame(stem);
        counts = addCounts(counts, meanIoUCounts(prediction, label, CLASSES));
      }
      expect({ ...counts, ...meanIoU(counts, 'semseg') }).toEqual(expected);
    });

    it('VC-8 and VC-16 are equal, with every window', async () => {
      const expected = await readExpected(expectedPath);
      for (const [window, { value, windows, numerator, denominator }] of [
        [8, expected.vc8],
        [16, expected.vc16],
      ] as const) {
        const options = { window, convention: 'vspw', classes: CLASSES } as const;
        const counter = createWindowCounter(options);
        const found: { numerator: number; denominator: number }[] = [];
        for (const stem of stems) {
          const [prediction, label] = await readFrame(stem);
          const count = counter.add(prediction, label);
          if (count) found.push(count);
        }
        expect(windowsOf(stems.length, options)).toBe(windows);
        const kept = found.slice(0, windows);
        expect(kept.map((count) => count.numerator)).toEqual(numerator);
        expect(kept.map((count) => count.denominator)).toEqual(denominator);
        expect(Math.abs(videoConsistency(numerator, denominator) - value)).toBeLessThan(1e-9);
      }
    });

    it('TC etc-2020 is equal pair by pair, and its mean to the last bit', async () => {
      const { tc_etc2020_240x180: expected } = await readExpected(expectedPath);
      let counts = noCounts(CLASSES);
      for (const pair of expected.pairs) {
        const found = await pairCounts(predictions, sharedPath('goldens', 'metrics', 'flow'), pair);
        expect({ frame: pair.frame, next: pair.next, ...found }).toEqual(pair);
        counts = addCounts(counts, found);
      }
      const { tc, iou } = temporalConsistency(counts, 'etc-2020');
      expect(tc).toBe(expected.mIoU);
      expect(iou).toEqual(expected.iou);
    });
  },
);

it('TC etc-2020 of the fixture pairs is equal count by count', async () => {
  const fixtures = join(import.meta.dirname, '..', 'fixtures', 'metrics');
  const { tc_etc2020_240x180: expected } = await readExpected(`${fixtures}/expected.json`);
  expect(expected.pairs.length).toBeGreaterThan(0);
  for (const pair of expected.pairs) {
    const found = await pairCounts(fixtures, fixtures, pair);
    expect({ frame: pair.frame, next: pair.next, ...found }).toEqual(pair);
  }
});
