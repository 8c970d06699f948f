// Steadiness without labels: how many pixels keep their class along the flow, and what a constant labelling would score.
import type { LabelMap, OpticalFlow } from '../media/image.js';
import type { ClassCounts } from './classCounts.js';
import { temporalConsistencyCounts } from './temporalConsistency.js';
import { warpLabels } from './warp.js';

/** Whole numbers of visible pixels of pairs of frames t and t+1, one entry a class. */
export interface SteadinessCounts {
  /** Pixels that hold the class in both frames. */
  readonly steady: readonly number[];
  /** Pixels that hold it at t. */
  readonly before: readonly number[];
  /** Pixels that hold it at t+1, seen from t along the flow. */
  readonly after: readonly number[];
}

/** The figures of summed counts, all 0..1. */
export interface Steadiness {
  /** Share of the visible pixels that keep their class. NaN of none. */
  readonly steady: number;
  /** How far that is above what the classes' shares give by chance, (s - e) / (1 - e): 1 at best, 0 for a constant labelling, below 0 for worse than chance. NaN of no pixel. */
  readonly kappa: number;
  /** Share of a class's pixels at t that are another class at t+1. NaN for a class that does not occur at t. */
  readonly flicker: readonly number[];
  /** Share of the visible pixels that hold the class at t. NaN of no pixel. */
  readonly shares: readonly number[];
}

/** Counts of nothing. */
export function noSteadiness(classes: number): SteadinessCounts {
  const zeros = () => new Array<number>(classes).fill(0);
  return { steady: zeros(), before: zeros(), after: zeros() };
}

/**
 * Counts of one pair of neighbouring frames: pixels of t that stay in the frame, pass the forward–backward check and
 * hold a class on both sides (the `masked` rules of `warpLabels` and `temporalConsistencyCounts`).
 * @param before labels at t
 * @param after labels at t+1, as they are
 * @param forward flow from t to t+1 in pixels, on those of t
 * @param backward flow from t+1 to t in pixels, on those of t+1
 * @param classes number of classes; ids from here on are none
 * @param into memory for the warped labels, one byte a pixel, to be used again pair after pair. Default: new memory
 * @throws SteadysegError when sizes differ
 */
export function steadinessCounts(
  before: LabelMap,
  after: LabelMap,
  forward: OpticalFlow,
  backward: OpticalFlow,
  classes: number,
  into?: Uint8Array,
): SteadinessCounts {
  const warped = warpLabels(after, forward, backward, 'masked', into);
  return steadinessOf(temporalConsistencyCounts(before, warped, classes, 'masked'));
}

/** The same from the counts of temporal consistency in mode `masked`, where the target is t+1. */
export function steadinessOf({ intersection, union, target }: ClassCounts): SteadinessCounts {
  const before = union.map((either, at) => either - target[at] + intersection[at]);
  return { steady: intersection, before, after: target };
}

/** The sum of counts; exact, since whole numbers below 2^53 are. */
export function addSteadiness(a: SteadinessCounts, b: SteadinessCounts): SteadinessCounts {
  const sum = (x: readonly number[], y: readonly number[]) => x.map((value, at) => value + y[at]);
  return { steady: sum(a.steady, b.steady), before: sum(a.before, b.before), after: sum(a.after, b.after) };
}

/**
 * The figures of counts that were summed over all pairs. Chance agreement is `e = Σ_c share_t(c)·share_{t+1}(c)` of the
 * same pixels; κ is 0 where e is 1. `Σ_c shares[c]·flicker[c] = 1 - steady`.
 */
export function steadiness({ steady, before, after }: SteadinessCounts): Steadiness {
  const pixels = before.reduce((sum, value) => sum + value, 0);
  const kept = steady.reduce((sum, value) => sum + value, 0);
  // Sums of whole numbers before any division: a constant labelling has e = 1 and not nearly.
  const chance = before.reduce((sum, value, at) => sum + value * (after[at] / pixels), 0) / pixels;
  return {
    steady: kept / pixels,
    kappa: chance === 1 ? 0 : (kept / pixels - chance) / (1 - chance),
    flicker: before.map((value, at) => (value - steady[at]) / value),
    shares: before.map((value) => value / pixels),
  };
}

/** Total variation distance of two lists of class shares, `½·Σ|a - b|`: 0 for equal ones, 1 where no class is shared. */
export function totalVariation(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, share, at) => sum + Math.abs(share - b[at]), 0) / 2;
}
