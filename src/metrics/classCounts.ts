// Pixel counts per class that add up over frames, pairs and shards, and what they say.
import type { JointHistogram } from './joint.js';

/**
 * Whole numbers of pixels, one entry a class. `target` is where the reference holds the class; `union` is where either
 * side does; `intersection` where both do.
 */
export interface ClassCounts {
  readonly intersection: readonly number[];
  readonly union: readonly number[];
  readonly target: readonly number[];
}

/** Counts of nothing. */
export function noCounts(classes: number): ClassCounts {
  const zeros = () => new Array<number>(classes).fill(0);
  return { intersection: zeros(), union: zeros(), target: zeros() };
}

/** The sum of counts; exact, since whole numbers below 2^53 are. */
export function addCounts(a: ClassCounts, b: ClassCounts): ClassCounts {
  const sum = (x: readonly number[], y: readonly number[]) => x.map((value, at) => value + y[at]);
  return {
    intersection: sum(a.intersection, b.intersection),
    union: sum(a.union, b.union),
    target: sum(a.target, b.target),
  };
}

/**
 * Counts from a joint histogram whose second map is the reference. Ids from `classes` on are no class: they are in no
 * count of their own; `counted(id, reference)` says which pixels take part at all.
 */
export function countsOf(
  joint: JointHistogram,
  classes: number,
  counted: (id: number, reference: number) => boolean,
): ClassCounts {
  const intersection = new Array<number>(classes).fill(0);
  const target = new Array<number>(classes).fill(0);
  const output = new Array<number>(classes).fill(0);
  for (let key = 0; key < joint.length; key++) {
    const pixels = joint[key];
    if (pixels === 0) continue;
    const id = key >> 8;
    const reference = key & 255;
    if (!counted(id, reference)) continue;
    if (reference < classes) target[reference] += pixels;
    if (id < classes) output[id] += pixels;
    if (id === reference && id < classes) intersection[id] += pixels;
  }
  const union = intersection.map((both, at) => target[at] + output[at] - both);
  return { intersection, union, target };
}

/** The published code's guard against 0/0; it also makes an absent class 0. */
export const EPSILON = 1e-10;

/** Arithmetic mean of the values that are not NaN, added in their order; NaN of none. */
export function meanOf(values: readonly number[]): number {
  const present = values.filter((value) => !Number.isNaN(value));
  return present.reduce((sum, value) => sum + value, 0) / present.length;
}
