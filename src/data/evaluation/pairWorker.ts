// A worker thread of pairCounter.ts: warps the next frame's label maps to the frame, and counts.
import type { LabelMap, OpticalFlow } from '../../media/image.js';
import type { ClassCounts } from '../../metrics/classCounts.js';
import { type Place, unsteadiestPlace } from '../../metrics/places.js';
import { temporalConsistencyCounts } from '../../metrics/temporalConsistency.js';
import { type TemporalMode, warpLabels } from '../../metrics/warp.js';

export interface PairTask {
  readonly mode: TemporalMode;
  readonly classes: number;
  readonly forward: OpticalFlow;
  readonly backward: OpticalFlow | undefined;
  /** Label maps of frame t and t+1: the predictions, and perhaps those of a reference. */
  readonly pairs: readonly (readonly [first: LabelMap, next: LabelMap])[];
  /** Whether it takes a look at the pair: the first warped map, and where it changes most. */
  readonly keep: boolean;
}

export interface PairOutcome {
  /** One entry for each of the task's pairs. */
  readonly counts: readonly ClassCounts[];
  readonly kept?: { readonly warped: LabelMap; readonly place: Place } | undefined;
}

/** Warped labels that are only counted, one pair after another, so that not every pair takes new memory. */
let scratch = new Uint8Array(0);

export default function countPair(task: PairTask): PairOutcome {
  const { mode, classes, forward, backward, pairs, keep } = task;
  let kept: PairOutcome['kept'];
  const counts = pairs.map(([first, next], at) => {
    const keepThis = keep && at === 0;
    if (scratch.length !== next.data.length) scratch = new Uint8Array(next.data.length);
    const warped = warpLabels(next, forward, backward, mode, keepThis ? undefined : scratch);
    if (keepThis) kept = { warped, place: unsteadiestPlace(first, warped, classes) };
    return temporalConsistencyCounts(first, warped, classes, mode);
  });
  return { counts, kept };
}
