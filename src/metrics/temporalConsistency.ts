// Temporal consistency (TC): mIoU between the prediction at t and the prediction at t+1 warped to t.
import { ignoreLabel, type LabelMap } from '../media/image.js';
import { type ClassCounts, countsOf, EPSILON, meanOf } from './classCounts.js';
import { jointHistogram, requireSameSize } from './joint.js';
import type { TemporalMode } from './warp.js';

/** Temporal consistency of summed counts, 0..1. */
export interface TemporalConsistency {
  readonly tc: number;
  /** NaN for a class that is left out of the mean. */
  readonly iou: readonly number[];
}

/**
 * Counts of one pair. Which side is the target, and which pixels count:
 * - `masked`: target is `warped`; pixels where either side is no class (left out by the warp, 255, void) do not count.
 * - `etc-2020`: target is `warped`; only its 255 does not count.
 * - `vspw`: target is `prediction`; its pixels that are no class do not count.
 * @param warped what `warpLabels` gave in the same mode
 * @throws SteadysegError when the sizes differ
 */
export function temporalConsistencyCounts(
  prediction: LabelMap,
  warped: LabelMap,
  classes: number,
  mode: TemporalMode,
): ClassCounts {
  if (mode === 'vspw') {
    return countsOf(jointHistogram(warped, prediction), classes, (_, reference) => reference < classes);
  }
  const counted =
    mode === 'masked'
      ? (id: number, reference: number) => id < classes && reference < classes
      : (_: number, reference: number) => reference !== ignoreLabel;
  return countsOf(jointHistogram(prediction, warped), classes, counted);
}

/**
 * TC of counts that were summed over all pairs, as 0..1; NaN when no class takes part.
 * `etc-2020`: intersection/(union + 1e-10), absent classes count 0. `masked`: classes absent from both sides are left
 * out. `vspw`: classes absent from the target are left out.
 */
export function temporalConsistency(counts: ClassCounts, mode: TemporalMode): TemporalConsistency {
  const { intersection, union, target } = counts;
  const iou = intersection.map((both, at) => {
    if (mode === 'etc-2020') return both / (union[at] + EPSILON);
    const present = mode === 'vspw' ? target[at] > 0 : union[at] > 0;
    return present ? both / union[at] : Number.NaN;
  });
  return { tc: meanOf(iou), iou };
}

/**
 * TC of one pair on its own, for looking at pairs one by one. Classes that do not occur in it are left out in every
 * mode: most pairs lack some class, which the pooled figure of `etc-2020` would count as 0.
 */
export function pairConsistency(counts: ClassCounts, mode: TemporalMode): number {
  return temporalConsistency(counts, mode === 'etc-2020' ? 'masked' : mode).tc;
}

/** Which pixels of a pair `temporalConsistencyCounts` compares: 1, and 0 for those left out. */
export function comparedPixels(
  prediction: LabelMap,
  warped: LabelMap,
  classes: number,
  mode: TemporalMode,
): Uint8Array {
  requireSameSize(prediction, warped, 'prediction and warped prediction');
  return prediction.data.map((id, at) => {
    if (mode === 'etc-2020') return warped.data[at] === ignoreLabel ? 0 : 1;
    return id < classes && (mode === 'vspw' || warped.data[at] < classes) ? 1 : 0;
  });
}
