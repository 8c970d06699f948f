// A worker thread of temporal.ts: warps the next frame's label maps to the frame, and counts.
import type { LabelMap, OpticalFlow } from '../../media/image.js';
import type { ClassCounts } from '../../metrics/classCounts.js';
import { temporalConsistencyCounts } from '../../metrics/temporalConsistency.js';
import { type TemporalMode, warpLabels } from '../../metrics/warp.js';

export interface PairTask {
  readonly mode: TemporalMode;
  readonly classes: number;
  readonly forward: OpticalFlow;
  readonly backward: OpticalFlow | undefined;
  /** Label maps of frame t and t+1: the predictions, and perhaps the labels. */
  readonly pairs: readonly (readonly [first: LabelMap, next: LabelMap])[];
  /** Whether the first warped map is wanted back. */
  readonly keepWarped: boolean;
}

export interface PairOutcome {
  /** One entry for each of the task's pairs. */
  readonly counts: readonly ClassCounts[];
  readonly warped?: LabelMap | undefined;
}

/** Warped labels that are only counted, one pair after another, so that not every pair takes new memory. */
let scratch = new Uint8Array(0);

export default function countPair(task: PairTask): PairOutcome {
  const { mode, classes, forward, backward, pairs, keepWarped } = task;
  const counts: ClassCounts[] = [];
  let kept: LabelMap | undefined;
  for (const [first, next] of pairs) {
    const keep = keepWarped && kept === undefined;
    if (scratch.length !== next.data.length) scratch = new Uint8Array(next.data.length);
    const warped = warpLabels(next, forward, backward, mode, keep ? undefined : scratch);
    if (keep) kept = warped;
    counts.push(temporalConsistencyCounts(first, warped, classes, mode));
  }
  return kept ? { counts, warped: kept } : { counts };
}
