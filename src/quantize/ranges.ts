// The range of values that bytes stand for, from how often values occur: all of them, all but a few, or what keeps most of what they tell.
import type { Histogram } from './histogram.js';

/** From where to where. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Ways to choose a range (SPEC section 11). */
export const rangeMethods = ['range', 'percentile', 'entropy'] as const;
/** How a range follows from a histogram, by name (SPEC section 11). */
export type RangeMethod = (typeof rangeMethods)[number];

export const rangeOf: Readonly<Record<RangeMethod, (histogram: Histogram) => Range>> = {
  range: ({ low, high }) => ({ low, high }),
  percentile: percentileRange,
  entropy: entropyRange,
};

/** Share of the values beyond each end of the percentile range. */
const beyond = 1e-4;

/** Between the percentiles 0.01 and 99.99 of all values, in whole bins, and 0, which bytes hold in any case. */
function percentileRange({ low, high, width, first, counts, zeros }: Histogram): Range {
  const allowed = beyond * (counts.reduce((sum, count) => sum + count, 0) + zeros);
  let [from, to] = [0, counts.length - 1];
  for (let sum = counts[from]; sum <= allowed && first + from < 0; sum += counts[from]) from++;
  for (let sum = counts[to]; sum <= allowed && first + to >= 0; sum += counts[to]) to--;
  return {
    low: Math.max(low, Math.min(0, (first + from) * width)),
    high: Math.min(high, Math.max(0, (first + to + 1) * width)),
  };
}

/** Bytes tell so many values apart. */
const levels = 256;
/** Candidates are this share of the full range apart, down to the smallest. */
const stepShare = 1 / 64;
const smallestShare = 1 / 8;

/**
 * The part of the range whose bytes lose the least: the smallest Kullback-Leibler divergence of the values as they are, outliers
 * moved to the ends, from the values as 256 levels tell them. The upper end is moved towards 0 first, then the lower.
 */
function entropyRange(histogram: Histogram): Range {
  const [low, high] = [Math.min(0, histogram.low), Math.max(0, histogram.high)];
  const best = (candidate: (share: number) => Range): Range => {
    let [range, divergence] = [candidate(1), divergenceOf(histogram, candidate(1))];
    for (let share = 1 - stepShare; share >= smallestShare; share -= stepShare) {
      const other = divergenceOf(histogram, candidate(share));
      if (other < divergence) [range, divergence] = [candidate(share), other];
    }
    return range;
  };
  const upper = best((share) => ({ low, high: high * share }));
  return best((share) => ({ ...upper, low: low * share }));
}

/** Of the counts within the range, outliers in its last bins, from those of the levels, each spread over its filled bins. */
function divergenceOf({ width, first, counts }: Histogram, { low, high }: Range): number {
  const start = Math.max(0, Math.floor(low / width) - first);
  const end = Math.min(counts.length - 1, Math.ceil(high / width) - 1 - first);
  if (end - start + 1 <= levels) return start === 0 && end === counts.length - 1 ? 0 : Number.POSITIVE_INFINITY;
  const within = counts.slice(start, end + 1);
  const whole = within.slice();
  for (let i = 0; i < start; i++) whole[0] += counts[i];
  for (let i = end + 1; i < counts.length; i++) whole[whole.length - 1] += counts[i];
  const sums = new Float64Array(levels);
  const filled = new Float64Array(levels);
  const levelOf = (bin: number) => Math.floor((bin * levels) / within.length);
  within.forEach((count, bin) => {
    sums[levelOf(bin)] += count;
    if (whole[bin] > 0) filled[levelOf(bin)]++;
  });
  const total = whole.reduce((sum, count) => sum + count, 0);
  const inside = within.reduce((sum, count) => sum + count, 0);
  if (inside === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  whole.forEach((count, bin) => {
    if (count === 0) return;
    const level = levelOf(bin);
    const told = Math.max(sums[level] / filled[level] / inside, Number.EPSILON);
    divergence += (count / total) * Math.log(count / total / told);
  });
  return divergence;
}
