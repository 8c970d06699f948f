// How steady a network is on the clip, and whether it still says what it said (SPEC section 10); with labels, how right it is.

import type { LabelledFrames } from '../data/labelledFrames.js';
import type { LabelMap, Size } from '../media/image.js';
import { addCounts, noCounts } from '../metrics/classCounts.js';
import { addConfusion, type Confusion, confusionCounts, noConfusion } from '../metrics/confusion.js';
import { meanIoU } from '../metrics/meanIoU.js';
import {
  addSteadiness,
  noSteadiness,
  type Steadiness,
  steadiness,
  steadinessCounts,
  totalVariation,
} from '../metrics/steadiness.js';
import { temporalConsistency, temporalConsistencyCounts } from '../metrics/temporalConsistency.js';
import { warpLabels } from '../metrics/warp.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { resizedLabels } from '../segment/labelMaps.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Student } from '../train/student.js';
import { targetLabels } from './classShares.js';
import { readFlow } from './clipConsensus.js';
import type { PreparedClip } from './clipFiles.js';
import { countRegions, type RegionCounts } from './lostRegions.js';
import { openPredictor, type Predictor } from './predictor.js';
import type { KeptFrames } from './training.js';

/** What is found of a network on frames of the clip. */
export interface Judgement extends Steadiness {
  /** Share of the pixels where the original is sure (0.9 and more) that keep its class. */
  readonly agreement: number;
  /** Share of all pixels that have the class of the consensus; where class shares are kept, of that with those. */
  readonly consensus: number;
  /** Total variation distance of class shares from those of the consensus. */
  readonly sharesApart: number;
  /** Regions of the consensus that the original saw, and those of them that are lost. */
  readonly regions: RegionCounts;
  /** Temporal consistency (`masked`); NaN without pairs. */
  readonly tc: number;
  /** On the labelled frames, where there are some; classes that do not occur are left out. */
  readonly mIoU?: number | undefined;
  readonly frames: number;
  readonly pairs: number;
}

/** A probability times 255 from which on the original is sure. */
const sure = Math.round(0.9 * 255);

/** What is told of each frame while it is judged. */
export interface JudgedFrame {
  readonly index: number;
  readonly labels: LabelMap;
  /** The consensus' classes. */
  readonly consensus: LabelMap;
  /** RGB planes, 3×height×width. */
  readonly planes: Uint8Array;
  /** Pixels that changed class since the frame before along the flow; of pairs only. */
  readonly changes?: number | undefined;
}

export interface JudgeOptions {
  /** Pairs that count; default: all of the clip. */
  readonly pairs?: readonly number[] | undefined;
  readonly labelled?: LabelledFrames | undefined;
  readonly onFrame?: ((frame: JudgedFrame) => void | Promise<void>) | undefined;
}

/**
 * Runs a network on frames in order, and compares neighbours among them along the flow.
 * @param frames indices, rising.
 */
export async function judge(
  clip: PreparedClip,
  predictor: Predictor,
  frames: readonly number[],
  { pairs: counted = clip.pairs, labelled, onFrame }: JudgeOptions = {},
): Promise<Judgement> {
  const { height, width, classes, files } = clip;
  const pairs = new Set(counted);
  let counts = noSteadiness(classes);
  let consistency = noCounts(classes);
  let confusion: Confusion | undefined;
  const tally = { sure: 0, kept: 0, agreeing: 0, pixels: 0, pairs: 0 };
  const [own, other] = [Array<number>(classes).fill(0), Array<number>(classes).fill(0)];
  const regions = { seen: Array<number>(classes).fill(0), lost: Array<number>(classes).fill(0) };
  let previous: { index: number; labels: LabelMap } | undefined;
  for (const index of frames) {
    const planes = await files.frames.read(index);
    const labels: LabelMap = { height, width, data: await predictor.run(planes) };
    const [probabilities, consensus] = await Promise.all([files.probabilities.read(index), targetLabels(clip, index)]);
    const original = new Uint8Array(labels.data.length);
    for (let i = 0, at = 0; i < labels.data.length; i++, at += classes) {
      const label = labels.data[i];
      own[label]++;
      other[consensus[i]]++;
      if (label === consensus[i]) tally.agreeing++;
      let best = 0;
      for (let c = 1; c < classes; c++) if (probabilities[at + c] > probabilities[at + best]) best = c;
      original[i] = best;
      if (probabilities[at + best] < sure) continue;
      tally.sure++;
      if (best === label) tally.kept++;
    }
    tally.pixels += labels.data.length;
    countRegions(regions, consensus, original, labels.data, clip);
    let changes: number | undefined;
    if (previous?.index === index - 1 && pairs.has(index - 1)) {
      const [forward, backward] = await Promise.all([
        readFlow(files.forward, index - 1, clip),
        readFlow(files.backward, index - 1, clip),
      ]);
      const found = steadinessCounts(previous.labels, labels, forward, backward, classes);
      changes = found.before.reduce((sum, value, c) => sum + value - found.steady[c], 0);
      counts = addSteadiness(counts, found);
      const warped = warpLabels(labels, forward, backward, 'masked');
      consistency = addCounts(consistency, temporalConsistencyCounts(previous.labels, warped, classes, 'masked'));
      tally.pairs++;
    }
    const label = await labelled?.read(index);
    if (label) confusion = addConfusion(confusion ?? noConfusion(classes), enlarged(labels, label), label);
    await onFrame?.({ index, labels, consensus: { height, width, data: consensus }, planes, changes });
    previous = { index, labels };
  }
  const share = (sums: number[]) => sums.map((sum) => sum / Math.max(1, tally.pixels));
  return {
    ...steadiness(counts),
    agreement: tally.sure > 0 ? tally.kept / tally.sure : 1,
    consensus: tally.agreeing / Math.max(1, tally.pixels),
    sharesApart: totalVariation(share(own), share(other)),
    regions,
    tc: temporalConsistency(consistency, 'masked').tc,
    ...(confusion && { mIoU: meanIoU(confusionCounts(confusion), 'cityscapes', labelled?.ignoreLabel).mIoU }),
    frames: frames.length,
    pairs: tally.pairs,
  };
}

/** Share of the pixels of frames of elsewhere that have the class they had with the student's own weights. */
export async function agreementOn(
  frames: KeptFrames,
  student: Student,
  weights: ReadonlyMap<string, Tensor>,
  size: Size,
  options: Pick<SessionOptions, 'device' | 'threads'>,
): Promise<number> {
  const predictors = await Promise.all(
    [student.weights, weights].map((of) => openPredictor(student, of, size, { ...options, gives: 'labels' })),
  );
  try {
    let [same, pixels] = [0, 0];
    for (let index = 0; index < frames.count; index++) {
      const planes = await frames.read(index);
      const [before, after] = [await predictors[0].run(planes), await predictors[1].run(planes)];
      for (let i = 0; i < before.length; i++) if (before[i] === after[i]) same++;
      pixels += before.length;
    }
    return same / pixels;
  } finally {
    for (const predictor of predictors) await predictor.close();
  }
}

/** Labels at the size of others: those of the network's input at the size of labels by people. */
function enlarged(labels: LabelMap, { height, width }: Size): LabelMap {
  return { height, width, data: resizedLabels(labels, height, width) };
}

/** A class with less of the pixels is noise. */
const leastShare = 1e-4;
/** What is left of a class that is all but gone. */
const goneShare = 0.1;

/** Classes that were found, and hardly are any more: right where they flickered up in the wrong place, wrong where they were small. */
export function goneClasses(before: Pick<Judgement, 'shares'>, after: Pick<Judgement, 'shares'>): number[] {
  return before.shares.flatMap((share, c) => (share >= leastShare && after.shares[c] < goneShare * share ? [c] : []));
}
