// Decides which pixels of segmented frames are kept, once all of them are known: the surest share of each class.
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mapOrdered } from '../../base/ordered.js';
import type { OutputFolder } from '../../base/outputFolder.js';
import type { OnProgress } from '../../base/progress.js';
import { digestOf } from '../../base/written.js';
import type { ClassSet } from '../../media/classes.js';
import { encodeColorMap } from '../../media/colorMap.js';
import { encodeLabelMap } from '../../media/labels.js';
import { type FrameRecord, formatLine } from './frameRecords.js';
import { keepSurest } from './keep.js';
import { readPendingFrame } from './pendingFrame.js';
import type { ExtraOutput } from './report.js';
import { createUncertaintyHistogram, lowestProbability } from './uncertainty.js';

/** Frames that are read and written at a time: sharp decodes and encodes in threads of its own. */
const CONCURRENT_FRAMES = 4;

export interface DecideOptions {
  /** What is written goes through it. */
  readonly folder: OutputFolder;
  /** Digest of all frames, as `setDigest` gives it. */
  readonly source: string;
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

/** Where a frame waits until all are known, in the folder of its set. */
function pendingFramePath(stem: string): string {
  return `pending/${stem}.png`;
}

/** The name of the work that decides a frame. */
export function decidedUnit(stem: string): string {
  return `decided ${stem}`;
}

/** Of all frames of a set, whose labels depend on one another. */
export function setDigest(records: readonly FrameRecord[]): string {
  return digestOf(...records.map((record) => formatLine({ ...record, kept: null })));
}

/**
 * Reads the frames that wait in `out/pending` twice: to count how sure the network is of each class, and to write
 * the label maps with what that leaves. Memory holds a few frames and the counts, 200 kB a class.
 *
 * Whole bins of uncertainty are kept (uncertainty.ts): at least `share` of a class's pixels, and without the least sure bin
 * of them less than that. A bin is a 1024th of a halving of 1 - p, so only pixels that are equally sure to that precision exceed it.
 *
 * @returns undefined when the signal ended it: the frames still wait.
 */
export async function decideByShare(
  out: string,
  records: readonly FrameRecord[],
  { folder, source, share, classes, save, onProgress, signal }: DecideOptions,
): Promise<Decided | undefined> {
  let done = 0;
  const each = async function* <Result>(work: (record: FrameRecord) => Promise<Result>) {
    for await (const result of mapOrdered(records, CONCURRENT_FRAMES, work, signal)) {
      yield result;
      onProgress?.({ done: ++done, total: 2 * records.length });
    }
  };
  const pending = (record: FrameRecord) => readPendingFrame(join(out, pendingFramePath(record.stem)), record);

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
    const color = save.includes('color') ? await encodeColorMap(labels, classes) : undefined;
    const files = { [record.label]: await encodeLabelMap(labels), [`color/${record.stem}.png`]: color };
    await folder.write({ unit: decidedUnit(record.stem), source, files });
    return { ...record, kept };
  }
}

/** Removes the frames that waited for their thresholds, and their folder where nothing else is in it. */
export async function removePendingFrames(
  out: string,
  folder: OutputFolder,
  records: readonly FrameRecord[],
): Promise<void> {
  for (const { stem } of records) await folder.remove(pendingFramePath(stem));
  await rmdir(join(out, 'pending')).catch(() => {});
}
