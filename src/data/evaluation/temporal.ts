// Temporal consistency (TC) of predictions along optical flow, beside their mIoU and the labels' own TC.

import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { SteadysegError } from '../../base/errors.js';
import { mapOrdered } from '../../base/ordered.js';
import { inShard, wholeWork } from '../../base/shard.js';
import { clipIndex, firstStems, flowFrames } from '../../flow/pairs.js';
import type { FlowDirection, FlowFrame, FlowSource } from '../../flow/source.js';
import type { FrameSource, OnBadFrame } from '../../media/frames.js';
import type { LabelMap } from '../../media/image.js';
import { pairingKey } from '../../media/stems.js';
import { addCounts, type ClassCounts, noCounts } from '../../metrics/classCounts.js';
import { type MeanIoUConvention, meanIoUCounts } from '../../metrics/meanIoU.js';
import {
  type PairRecord,
  type Skip,
  type TemporalConsistencyResult,
  temporalConsistencyResultOf,
} from '../../metrics/result.js';
import { pairConsistency } from '../../metrics/temporalConsistency.js';
import type { TemporalMode } from '../../metrics/warp.js';
import { readLabels, readTrainIds } from '../labelFiles.js';
import { type ListedFile, listFiles } from '../layouts.js';
import { indexByName, type Named, pairingNames } from '../pairing.js';
import { awaitAll, basisOf, type EvaluationOptions, missingPrediction, requireSize, skipOf } from './common.js';
import { openEvaluationFrames } from './frames.js';
import type { PairOutcome, PairTask } from './pairWorker.js';

/** What `evaluateTemporalConsistency` takes. */
export interface TemporalConsistencyOptions extends EvaluationOptions {
  /** A video, or a folder, glob or list of pictures; each frame needs a prediction. */
  readonly frames: string;
  readonly flow: FlowSource;
  /** Default `masked`. */
  readonly mode?: TemporalMode | undefined;
  /** Folder or list of labels, of some or all frames. */
  readonly gt?: string | undefined;
  /** mIoU's convention. Default `semseg`. */
  readonly convention?: MeanIoUConvention | undefined;
  /** How many of the least consistent pairs to keep for a look at them. Default 0. */
  readonly keepWorst?: number | undefined;
}

/** A pair with what it takes to show it. */
export interface KeptPair {
  /** Place in the result's `pairList`. */
  readonly index: number;
  readonly tc: number;
  /** Frame t; its picture may have to be decoded. */
  readonly frame: FlowFrame;
  readonly prediction: LabelMap;
  readonly nextPrediction: LabelMap;
  /** The next prediction, warped to frame t. */
  readonly warped: LabelMap;
}

/** A label map that is being read, and its file. */
interface Reading {
  readonly path: string;
  readonly map: Promise<LabelMap>;
}

/** A frame under evaluation. Its maps are read once, for both of its pairs. */
interface FrameState {
  readonly index: number;
  readonly clip: number;
  readonly frame: FlowFrame;
  readonly prediction: Reading;
  readonly label: Reading | undefined;
}

interface PairCounts {
  readonly counts: ClassCounts;
  readonly record: PairRecord;
  readonly labelsCounts: ClassCounts | undefined;
  readonly kept: Omit<KeptPair, 'index' | 'tc'> | undefined;
}

/**
 * Warps the prediction of every frame onto the frame before it, within clips, and pools the counts of all pairs. A clip
 * of one frame is a stated skip. Each file is decoded once; what is under way at a time does not grow with the input.
 * @returns the result, and the least consistent pairs, worst first
 * @throws SteadysegError naming the file or frame: a missing prediction or flow, sizes that differ, ids beyond the
 * classes, files that cannot be read; with `keepGoing` these are stated skips
 */
export async function evaluateTemporalConsistency(
  options: TemporalConsistencyOptions,
): Promise<{ result: TemporalConsistencyResult; worst: readonly KeptPair[] }> {
  const { pred, gt, flow, mode = 'masked', convention = 'semseg', classSet, limit, keepGoing, onProgress } = options;
  const { shard = wholeWork, threads = availableParallelism(), keepWorst = 0 } = options;
  const classes = classSet.classes.length;
  const directions: FlowDirection[] = mode === 'masked' ? ['forward', 'backward'] : ['forward'];
  const source = await openEvaluationFrames(options.frames, { onNote: options.onNote });
  const partners = await partnersOf(source, options);
  const wantedClip = (clip: number) => inShard(clip, shard);
  if (source.stems && !keepGoing) {
    requirePredictions(source.stems.slice(0, limit), source, partners, options);
    const clips = source.clips.map((clip) => ({ ...clip, count: withinLimit(clip, limit) }));
    await flow.check(firstStems({ ...source, clips }, { wantedClip }) ?? [], directions);
  }

  let pool: Piscina<PairTask, PairOutcome> | undefined;
  const countPair = async (first: FrameState, second: FrameState): Promise<PairCounts> => {
    const name = `the flow of ${first.frame.stem} → ${second.frame.stem}`;
    const pair = { first: first.frame, second: second.frame };
    const [maps, labels, flows] = await awaitAll([
      awaitAll([first.prediction.map, second.prediction.map]),
      first.label && second.label ? awaitAll([first.label.map, second.label.map]) : undefined,
      awaitAll(directions.map((direction) => flow.flow(pair, direction))),
    ]);
    const [prediction, nextPrediction] = maps;
    requireSize(nextPrediction, second.prediction.path, prediction, first.prediction.path);
    for (const one of flows) requireSize(one, name, prediction, first.prediction.path);
    if (labels && first.label && second.label) {
      requireSize(labels[0], first.label.path, prediction, first.prediction.path);
      requireSize(labels[1], second.label.path, prediction, first.prediction.path);
    }
    pool ??= new Piscina({
      filename: new URL('./pairWorker.js', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
    });
    const pairs: [LabelMap, LabelMap][] = [[prediction, nextPrediction]];
    if (labels) pairs.push([labels[0], labels[1]]);
    const [forward, backward] = flows;
    const outcome = await pool.run(
      { mode, classes, forward, backward, pairs, keepWarped: keepWorst > 0 },
      { transferList: [...new Set(flows.map(({ data }) => data.buffer as ArrayBuffer))] },
    );
    const [counts, labelsCounts] = outcome.counts;
    const target = counts.target.reduce((sum, pixels) => sum + pixels, 0);
    const record: PairRecord = {
      clip: first.clip,
      first: first.frame.stem,
      second: second.frame.stem,
      tc: numberOrNull(pairConsistency(counts, mode)),
      compared: target / (prediction.width * prediction.height),
      ...(labelsCounts && { labelsTc: numberOrNull(pairConsistency(labelsCounts, mode)) }),
    };
    const { warped } = outcome;
    const kept = warped && { frame: first.frame, prediction, nextPrediction, warped };
    return { counts, record, labelsCounts, kept };
  };

  const countFrame = async ({ prediction, label }: FrameState): Promise<ClassCounts | undefined> => {
    const found = await prediction.map;
    if (!label) return undefined;
    const reference = await label.map;
    requireSize(found, prediction.path, reference, label.path);
    return meanIoUCounts(found, reference, classes);
  };

  const skipped: Skip[] = [];
  const unreadable: Skip[] = [];
  const onBad: OnBadFrame = (stem, error) => {
    if (keepGoing) unreadable.push({ clip: 0, name: stem, reason: error.message, failed: true });
    return keepGoing ? 'skip' : 'throw';
  };
  const framesOfClip = new Map<number, number>();
  const worst: KeptPair[] = [];
  const pairList: PairRecord[] = [];
  let counts = noCounts(classes);
  const labels = { convention, frames: 0, counts: noCounts(classes), pairs: 0, tcCounts: noCounts(classes) };
  const concurrency = Math.max(threads, flow.concurrency) + 1;
  try {
    const states = withPrevious(frameStates(source, partners, options, onBad));
    const outcomes = mapOrdered(states, concurrency, async ({ state, previous }) => {
      const skips: Skip[] = [];
      const orSkip = async <T>(name: string, work: Promise<T>) => {
        try {
          return await work;
        } catch (thrown) {
          skips.push(skipOf(thrown, state.clip, name, keepGoing));
          return undefined;
        }
      };
      const { stem } = state.frame;
      const [frame, pair] = await awaitAll([
        orSkip(stem, countFrame(state)),
        previous && orSkip(`${previous.frame.stem} → ${stem}`, countPair(previous, state)),
      ]);
      return { clip: state.clip, frame, pair, skips };
    });
    const total = framesWanted(source, wantedClip, limit);
    let done = 0;
    for await (const { clip, frame, pair, skips } of outcomes) {
      framesOfClip.set(clip, (framesOfClip.get(clip) ?? 0) + 1);
      skipped.push(...skips);
      if (frame) {
        labels.counts = addCounts(labels.counts, frame);
        labels.frames++;
      }
      if (pair) {
        counts = addCounts(counts, pair.counts);
        pairList.push(pair.record);
        keepIfWorst(worst, keepWorst, pairList.length - 1, pair);
        if (pair.labelsCounts) {
          labels.tcCounts = addCounts(labels.tcCounts, pair.labelsCounts);
          labels.pairs++;
        }
      }
      onProgress?.({ done: ++done, total });
    }
  } finally {
    await pool?.destroy();
  }

  const clips = source.clips
    .map(({ name }, index) => ({ index, name, frames: framesOfClip.get(index) ?? 0 }))
    .filter(({ index, frames }) => wantedClip(index) && frames > 0);
  for (const { index, name, frames } of clips) {
    if (frames === 1) skipped.push({ clip: index, name, reason: 'a clip of one frame has no pair', failed: false });
  }
  skipped.push(...unreadable);
  skipped.sort((a, b) => a.clip - b.clip);
  const clipCount = source.clips.filter((clip) => withinLimit(clip, limit) !== 0).length;
  const inputs = { frames: options.frames, pred, ...(gt !== undefined && { gt }) };
  const basis = basisOf(options, inputs, clips, clipCount, skipped);
  const sums = { mode, flow: flow.name, counts, pairList, labels: gt === undefined ? undefined : labels };
  return { result: temporalConsistencyResultOf(basis, sums), worst };
}

/** The files that belong to a frame, by its stem. */
type Partners = (index: number, stem: string) => { name: string; prediction?: ListedFile; label?: ListedFile };

async function partnersOf(source: FrameSource, { pred, gt }: TemporalConsistencyOptions): Promise<Partners> {
  const predictions = await listFiles(pred, 'labels');
  const labels = gt === undefined ? [] : await listFiles(gt, 'labels');
  const named = source.stems?.map(namedOf);
  const nameOf = pairingNames([predictions, labels, ...(named ? [named] : [])]);
  const predictionOf = indexByName(predictions, nameOf);
  const labelOf = indexByName(labels, nameOf);
  const partners: Partners = (_, stem) => {
    const name = nameOf(namedOf(stem));
    const prediction = predictionOf.get(name);
    const label = labelOf.get(name);
    return { name, ...(prediction && { prediction }), ...(label && { label }) };
  };
  if (gt !== undefined && source.stems && !source.stems.some((stem, index) => partners(index, stem).label)) {
    throw new SteadysegError(`${gt}: expected labels of the frames, found none for ${source.stems[0]} and all others`);
  }
  return partners;
}

/** A stem may hold the folder that tells its clip from others: `video/00001`. */
function namedOf(stem: string): Named {
  const slash = stem.lastIndexOf('/');
  return { folder: slash < 0 ? '' : stem.slice(0, slash), key: pairingKey(stem.slice(slash + 1)) };
}

function requirePredictions(
  stems: readonly string[],
  source: FrameSource,
  partners: Partners,
  { pred, shard = wholeWork }: TemporalConsistencyOptions,
): void {
  const clipOf = clipIndex(source);
  const missing = stems
    .map((stem, index) => ({ ...partners(index, stem), wanted: inShard(clipOf(index), shard) }))
    .filter(({ prediction, wanted }) => wanted && !prediction)
    .map(({ name }) => name);
  if (missing.length > 0) throw missingPrediction(pred, missing);
}

/** The frames of this shard, up to the limit, whose maps are being read. */
async function* frameStates(
  source: FrameSource,
  partners: Partners,
  options: TemporalConsistencyOptions,
  onBad: OnBadFrame,
): AsyncGenerator<FrameState, void, void> {
  const { pred, classSet, predIds, gtIds, limit = Number.POSITIVE_INFINITY, shard = wholeWork } = options;
  const clipOf = clipIndex(source);
  const read = (path: string, map: Promise<LabelMap>): Reading => {
    // The error is thrown where the map is awaited.
    map.catch(() => {});
    return { path, map };
  };
  if (!source.clips.some((_, clip) => inShard(clip, shard))) return;
  // One frame beyond the limit is asked for: its coming ends the reading of a video.
  const wanted = (at: number) => at <= limit && inShard(clipOf(at), shard);
  for await (const { index, frame } of flowFrames(source, wanted, onBad)) {
    if (index >= limit) return;
    const { name, prediction, label } = partners(index, frame.stem);
    yield {
      index,
      clip: clipOf(index),
      frame,
      prediction: prediction
        ? read(prediction.path, readTrainIds(prediction.path, classSet, predIds))
        : read(name, Promise.reject(missingPrediction(pred, [name]))),
      label: label && read(label.path, readLabels(label.path, classSet, gtIds)),
    };
  }
}

/** Each frame, and the one before it in its clip. */
async function* withPrevious(
  states: AsyncIterable<FrameState>,
): AsyncGenerator<{ state: FrameState; previous: FrameState | undefined }, void, void> {
  let last: FrameState | undefined;
  for await (const state of states) {
    const follows = last !== undefined && last.clip === state.clip && last.index + 1 === state.index;
    yield { state, previous: follows ? last : undefined };
    last = state;
  }
}

/** Keeps the `most` least consistent pairs, worst first; of equal ones the earlier. */
function keepIfWorst(worst: KeptPair[], most: number, index: number, { kept, record }: PairCounts): void {
  const { tc } = record;
  if (!kept || tc === null) return;
  const at = worst.findIndex((other) => tc < other.tc);
  worst.splice(at < 0 ? worst.length : at, 0, { ...kept, index, tc });
  worst.length = Math.min(worst.length, most);
}

/** How many frames of a clip are within the limit; undefined where the clip's length is not known. */
function withinLimit({ first, count }: { first: number; count: number | undefined }, limit?: number) {
  if (limit === undefined) return count;
  return Math.max(0, Math.min(count ?? limit, limit - first));
}

function framesWanted(source: FrameSource, wantedClip: (clip: number) => boolean, limit?: number): number | undefined {
  let total = 0;
  for (const [index, clip] of source.clips.entries()) {
    if (!wantedClip(index)) continue;
    const frames = withinLimit(clip, limit);
    if (frames === undefined) return undefined;
    total += frames;
  }
  return total;
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
