// The whole places between two bounds, as integers to count and index with.

/** The first whole number from `low` on within 0..count-1; `count` where there is none. */
export function firstWhole(low: number, count: number): number {
  return Math.max(0, Math.min(count, Math.ceil(low))) | 0;
}

/** The last whole number up to `high` within 0..count-1; -1 where there is none. */
export function lastWhole(high: number, count: number): number {
  return Math.max(-1, Math.min(count - 1, Math.floor(high))) | 0;
}
