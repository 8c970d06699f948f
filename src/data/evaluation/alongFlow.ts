// The frames of an evaluation with their label maps, one after another, and each pair of neighbours compared along the flow.
import { availableParallelism } from 'node:os';
import { mapOrdered } from '../../base/ordered.js';
import { inShard, type Shard, wholeWork } from '../../base/shard.js';
import { clipIndex, firstStems } from '../../flow/clipIndex.js';
import { flowFrames } from '../../flow/pairs.js';
import type { FlowFrame, FlowSource } from '../../flow/source.js';
import type { FrameSource, OnBadFrame } from '../../media/frames.js';
import type { LabelMap } from '../../media/image.js';
import type { ClassCounts } from '../../metrics/classCounts.js';
import type { Place } from '../../metrics/places.js';
import type { ClipRecord, Skip } from '../../metrics/result.js';
import type { TemporalMode } from '../../metrics/warp.js';
import { awaitAll, type EvaluationOptions, requireSize, skipOf } from './common.js';
import { createPairCounter, directionsOf, type MapPair, type NamedMap } from './pairCounter.js';

/** What such an evaluation takes, wherever its label maps are from. */
export interface AlongFlowOptions extends Omit<EvaluationOptions, 'pred' | 'predIds' | 'gtIds'> {
  readonly flow: FlowSource;
  readonly mode: TemporalMode;
  /** Whether pairs come with what it takes to show them. */
  readonly keep: boolean;
}

/** A label map, perhaps with the probability of each label. */
export interface SureLabels extends LabelMap {
  readonly confidence?: Float32Array | undefined;
}

/** A label map in the making, and what errors call it: its file. */
export interface Reading {
  readonly name: string;
  readonly map: Promise<SureLabels>;
}

/** A reading whose error is thrown where it is awaited. */
export function reading(name: string, map: Promise<SureLabels>): Reading {
  map.catch(() => {});
  return { name, map };
}

/** Label maps of a frame: what is measured, and perhaps what it is measured by. */
export interface FrameMaps {
  readonly prediction: Reading;
  readonly reference?: Reading | undefined;
}

/** A pair, counted. */
export interface CountedPair {
  readonly clip: number;
  /** Stems of the two frames. */
  readonly first: string;
  readonly second: string;
  /** Pixels of a frame. */
  readonly pixels: number;
  readonly counts: ClassCounts;
  /** The reference's own, where both frames have one. */
  readonly referenceCounts: ClassCounts | undefined;
  readonly kept: PairToShow | undefined;
}

/** What it takes to show a pair. */
export interface PairToShow {
  /** Frame t; its picture may have to be decoded. */
  readonly frame: FlowFrame;
  readonly prediction: LabelMap;
  readonly nextPrediction: LabelMap;
  /** The next prediction, warped to frame t. */
  readonly warped: LabelMap;
  /** Where it changes most. */
  readonly place: Place;
  /** The reference's maps of both frames, where there are such. */
  readonly reference: readonly [LabelMap, LabelMap] | undefined;
}

/** Where the maps are from, and what becomes of the counts: both are called in the order of frames. */
export interface AlongFlowWork<FrameCounts> {
  mapsOf(frame: FlowFrame): FrameMaps;
  /** Counts a frame that has a reference of its size. */
  countFrame(prediction: SureLabels, reference: SureLabels): FrameCounts;
  onFrame(counts: FrameCounts): void;
  onPair(pair: CountedPair): void;
}

/** A frame under evaluation. Its maps are made once, for both of its pairs. */
interface FrameState extends FrameMaps {
  readonly index: number;
  readonly clip: number;
  readonly frame: FlowFrame;
}

/**
 * Warps the prediction of every frame onto the frame before it, within clips. A clip of one frame is a stated skip. Each
 * map is made once; what is under way at a time does not grow with the input.
 * @throws SteadysegError of a frame or pair that cannot be had; with `keepGoing` these are stated skips
 */
export async function measureAlongFlow<FrameCounts>(
  source: FrameSource,
  options: AlongFlowOptions,
  work: AlongFlowWork<FrameCounts>,
): Promise<{ clips: ClipRecord[]; clipCount: number; skipped: Skip[] }> {
  const { flow, mode, keep, classSet, limit, keepGoing, onProgress } = options;
  const { shard = wholeWork, threads = availableParallelism() } = options;
  const wantedClip = (clip: number) => inShard(clip, shard);
  if (source.stems && !keepGoing) {
    const clips = source.clips.map((clip) => ({ ...clip, count: withinLimit(clip, limit) }));
    await flow.check(firstStems({ ...source, clips }, { wantedClip }) ?? [], directionsOf(mode));
  }
  const counter = createPairCounter({ flow, mode, classes: classSet.classes.length, threads, keep });

  const countPair = async (first: FrameState, second: FrameState): Promise<CountedPair> => {
    const maps: Promise<MapPair>[] = [pairOf(first.prediction, second.prediction)];
    if (first.reference && second.reference) maps.push(pairOf(first.reference, second.reference));
    const frames = { first: first.frame, second: second.frame };
    const [pairs, outcome] = await awaitAll([awaitAll(maps), counter.count(frames, awaitAll(maps))]);
    const [[prediction, nextPrediction], reference] = pairs;
    return {
      clip: first.clip,
      first: first.frame.stem,
      second: second.frame.stem,
      pixels: prediction.map.width * prediction.map.height,
      counts: outcome.counts[0],
      referenceCounts: outcome.counts.at(1),
      kept: outcome.kept && {
        frame: first.frame,
        prediction: prediction.map,
        nextPrediction: nextPrediction.map,
        ...outcome.kept,
        reference: reference && [reference[0].map, reference[1].map],
      },
    };
  };

  const countFrame = async ({ prediction, reference }: FrameState): Promise<FrameCounts | undefined> => {
    const found = await prediction.map;
    if (!reference) return undefined;
    const expected = await reference.map;
    requireSize(found, prediction.name, expected, reference.name);
    return work.countFrame(found, expected);
  };

  const skipped: Skip[] = [];
  const unreadable: Skip[] = [];
  const onBad: OnBadFrame = (stem, error) => {
    if (keepGoing) unreadable.push({ clip: 0, name: stem, reason: error.message, failed: true });
    return keepGoing ? 'skip' : 'throw';
  };
  const framesOfClip = new Map<number, number>();
  const concurrency = Math.max(threads, flow.concurrency) + 1;
  try {
    const states = withPrevious(frameStates(source, work, { limit, shard }, onBad));
    const outcomes = mapOrdered(states, concurrency, async ({ state, previous }) => {
      const skips: Skip[] = [];
      const orSkip = async <T>(name: string, counting: Promise<T>) => {
        try {
          return await counting;
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
      if (frame !== undefined) work.onFrame(frame);
      if (pair) work.onPair(pair);
      onProgress?.({ done: ++done, total });
    }
  } finally {
    await counter.close();
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
  return { clips, clipCount, skipped };
}

async function pairOf(first: Reading, next: Reading): Promise<MapPair> {
  const named = async ({ name, map }: Reading): Promise<NamedMap> => ({ name, map: await map });
  return await awaitAll([named(first), named(next)]);
}

/** The frames of this shard, up to the limit, whose maps are being made. */
async function* frameStates<FrameCounts>(
  source: FrameSource,
  { mapsOf }: AlongFlowWork<FrameCounts>,
  { limit = Number.POSITIVE_INFINITY, shard }: { readonly limit: number | undefined; readonly shard: Shard },
  onBad: OnBadFrame,
): AsyncGenerator<FrameState, void, void> {
  const clipOf = clipIndex(source);
  if (!source.clips.some((_, clip) => inShard(clip, shard))) return;
  // One frame beyond the limit is asked for: its coming ends the reading of a video.
  const wanted = (at: number) => at <= limit && inShard(clipOf(at), shard);
  for await (const { index, frame } of flowFrames(source, wanted, onBad)) {
    if (index >= limit) return;
    yield { index, clip: clipOf(index), frame, ...mapsOf(frame) };
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
