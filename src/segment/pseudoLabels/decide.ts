// Decides which pixels of segmented frames are kept, once all of them are known: the surest share of each class.
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileWhole } from '../../base/files.js';
import { mapOrdered } from '../../base/ordered.js';
import type { OnProgress } from '../../base/progress.js';
import type { ClassSet } from '../../media/classes.js';
import { encodeColorMap } from '../../media/colorMap.js';
import { encodeLabelMap } from '../../media/labels.js';
import type { FrameRecord } from './frameRecords.js';
import { keepSurest } from './keep.js';
import { readPendingFrame } from './pendingFrame.js';
import type { ExtraOutput } from './report.js';
import { createUncertaintyHistogram, lowestProbability } from './uncertainty.js';

/** Frames that are read and written at a time: sharp decodes and encodes in threads of its own. */
const CONCURRENT_FRAMES = 4;

export interface DecideOptions {
  /** The share of each class's pixels that is kept. */
  readonly share: number;
  readonly classes: ClassSet;
  readonly save: readonly ExtraOutput[];
  /** Each frame counts twice: once for the thresholds, once for its labels. */
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Decided {
  readonly records: FrameRecord[];
  /** The lowest probability that is kept of each class; null for a class without pixels. */
  readonly thresholds: (number | null)[];
}

/** Where a frame waits until all are known. */
export function pendingFramePath(folder: string, stem: string): string {
  return join(folder, 'pending', `${stem}.png`);
}

/**
 * Reads the frames that wait in `folder/pending` twice: to count how sure the network is of each class, and to write
 * the label maps with what that leaves. Memory holds a few frames and the counts, 200 kB a class.
 *
 * Whole bins of uncertainty are kept (uncertainty.ts): at least `share` of a class's pixels, and without the least sure bin
 * of them less than that. A bin is a 1024th of a halving of 1 - p, so only pixels that are equally sure to that precision exceed it.
 *
 * @returns undefined when the signal ended it: the frames still wait.
 */
export async function decideByShare(
  folder: string,
  records: readonly FrameRecord[],
  { share, classes, save, onProgress, signal }: DecideOptions,
): Promise<Decided | undefined> {
  let done = 0;
  const each = async function* <Result>(work: (record: FrameRecord) => Promise<Result>) {
    for await (const result of mapOrdered(records, CONCURRENT_FRAMES, work, signal)) {
      yield result;
      onProgress?.({ done: ++done, total: 2 * records.length });
    }
  };
  const pending = (record: FrameRecord) => readPendingFrame(pendingFramePath(folder, record.stem), record);

  const histogram = createUncertaintyHistogram(classes.classes.length);
  for await (const { labels, uncertainties } of each(pending)) histogram.add(labels.data, uncertainties);
  if (signal?.aborted) return undefined;
  const cuts = histogram.cuts(share);

  const decided: FrameRecord[] = [];
  for await (const record of each(finishFrame)) decided.push(record);
  if (signal?.aborted) return undefined;
  return { records: decided, thresholds: cuts.map((cut) => (cut === undefined ? null : lowestProbability(cut))) };

  async function finishFrame(record: FrameRecord): Promise<FrameRecord> {
    const { labels, uncertainties } = await pending(record);
    const kept = keepSurest(labels.data, uncertainties, cuts);
    await writeFileWhole(join(folder, record.label), await encodeLabelMap(labels));
    if (save.includes('color')) {
      await writeFileWhole(join(folder, 'color', `${record.stem}.png`), await encodeColorMap(labels, classes));
    }
    return { ...record, kept };
  }
}

/** Removes the frames that waited for their thresholds, and their folder where nothing else is in it. */
export async function removePendingFrames(folder: string, records: readonly FrameRecord[]): Promise<void> {
  for (const { stem } of records) await rm(pendingFramePath(folder, stem), { force: true });
  await rmdir(dirname(pendingFramePath(folder, ''))).catch(() => {});
}
