// What the values of label files mean, by the names people know, and what is said of labels that lack something.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluateMeanIoU } from '#src/data/evaluation/meanIoU.js';
import { type LabelIds, readLabels, readTrainIds } from '#src/data/labelFiles.js';
import { writeLabelMap } from '#src/media/labels.js';
import { resultNotes } from '#src/report/resultNotes.js';
import { describeWithShared, sharedPath } from '../shared.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-label-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const classes = (names: readonly string[], ignoreLabel = 255) => ({
  name: 'these',
  classes: names,
  palette: names.map((_, id) => [id + 1, 0, 0] as const),
  ignoreLabel,
});
const three = classes(['a', 'b', 'c']);

async function file(ids: readonly number[]): Promise<string> {
  const path = join(folder, 'map.png');
  await writeLabelMap(path, { width: ids.length, height: 1, data: Uint8Array.from(ids) });
  return path;
}

describe('values of label files', () => {
  const cases: [LabelIds, number[], number[]][] = [
    ['auto', [0, 1, 2, 255], [0, 1, 2, 255]],
    ['reduceZeroLabel', [0, 1, 2, 3, 255], [255, 0, 1, 2, 255]],
    ['vspw', [0, 1, 2, 3, 255], [255, 0, 1, 2, 255]],
    ['binary', [0, 255, 0, 255], [0, 1, 0, 1]],
    ['labelIds', [7, 8, 11, 0], [0, 1, 2, 255]],
  ];
  it.each(cases)('%s', async (ids, stored, expected) => {
    expect([...(await readTrainIds(await file(stored), three, ids)).data]).toEqual(expected);
  });

  it('beyond the classes are refused, with what it may be', async () => {
    await expect(readTrainIds(await file([0, 3]), three)).rejects.toThrow(
      'found 3 at (1, 0); where 0 is unlabelled and classes count from 1: --reduce-zero-label',
    );
    await expect(readTrainIds(await file([0, 9]), three)).rejects.toThrow(/found 9 at \(1, 0\)$/);
    await expect(readTrainIds(await file([0, 128, 255]), three, 'binary')).rejects.toThrow('found 128 at (1, 0)');
  });

  it('of an ignored class do not count in labels, but stay in predictions', async () => {
    const ignoring = classes(['background', 'b', 'c'], 0);
    const path = await file([0, 1, 2, 255]);
    expect([...(await readLabels(path, ignoring)).data]).toEqual([255, 1, 2, 255]);
    expect([...(await readTrainIds(path, ignoring)).data]).toEqual([0, 1, 2, 255]);
  });
});

describeWithShared('labels that people bring', ['cases/labels/c2.yaml'], () => {
  const evaluate = async (pred: string, gt: string, names: string[], gtIds?: LabelIds) =>
    await evaluateMeanIoU({
      pred: sharedPath('cases/labels', pred),
      gt: sharedPath('cases/labels', gt),
      classSet: classes(names),
      gtIds,
    });

  it('of 0 and 255 have a hint, and are read as masks', async () => {
    const taken = await evaluate('bin_pred01', 'bin_gt255', ['bg', 'fg']);
    expect(resultNotes(taken)[0]).toMatch(
      /^73\.6 % of the pixels are ignored \(255\) and none is labelled "fg".*binary/,
    );
    const asMasks = await evaluate('bin_pred01', 'bin_gt255', ['bg', 'fg'], 'binary');
    expect(asMasks.mIoU).toBeCloseTo(0.8987, 4);
    expect(resultNotes(asMasks)).toEqual([]);
    expect((await evaluate('bin_pred01', 'bin_gt1bit', ['bg', 'fg'])).counts).toEqual(asMasks.counts);
  });

  it('that are all ignored give no figure', async () => {
    const result = await evaluate('pred', 'gt_ign', ['a', 'b', 'c', 'd']);
    expect([result.mIoU, result.mAcc, result.allAcc]).toEqual([null, null, null]);
    expect(resultNotes(result)).toEqual([
      'no pixel of 6 label maps is labelled: all are ignored (255), so there is no figure',
    ]);
  });

  it('of 16 bits are read', async () => {
    expect((await evaluate('pred', 'gt_gray16', ['a', 'b', 'c', 'd'])).mIoU).toBeCloseTo(0.8624, 4);
  });
});
