// How often values occur, counted as they stream by: memory does not grow with them.

/** Counts in bins whose width is a power of 2, aligned at multiples of it. Zeros, which bytes hold exactly, are counted apart. */
export interface Histogram {
  readonly low: number;
  readonly high: number;
  /** Width of a bin, in units of the values. */
  readonly width: number;
  /** `counts[i]` is of values from `(first + i) · width` on. */
  readonly first: number;
  readonly counts: Float64Array;
  readonly zeros: number;
  /** Values that are no finite numbers. */
  readonly notFinite: number;
}

/** Bins at most; values that differ fill at least a quarter of them. */
const binCount = 4096;
/** The narrowest bin: what is nearer to 0 is as good as 0. */
const narrowest = 2 ** -100;

export const emptyHistogram: Histogram = {
  low: Number.POSITIVE_INFINITY,
  high: Number.NEGATIVE_INFINITY,
  width: 0,
  first: 0,
  counts: new Float64Array(0),
  zeros: 0,
  notFinite: 0,
};

/** The histogram with more values counted. Bins become twice as wide, two and two in one, until all fit. */
export function withValues(histogram: Histogram, values: Float32Array): Histogram {
  let { low, high, zeros, notFinite } = histogram;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) {
      notFinite++;
      continue;
    }
    if (value === 0) zeros++;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return { ...histogram, notFinite };
  const { width, first, counts } = widened(histogram, low, high);
  const perBin = 1 / width;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === 0 || !Number.isFinite(value)) continue;
    counts[Math.floor(value * perBin) - first]++;
  }
  return { low, high, width, first, counts, zeros, notFinite };
}

/** The same counts in bins that reach from `low` to `high`. */
function widened(before: Histogram, low: number, high: number): Pick<Histogram, 'width' | 'first' | 'counts'> {
  let width = before.width || Math.max(narrowest, 2 ** Math.floor(Math.log2((high - low) / binCount)));
  while (Math.floor(high / width) - Math.floor(low / width) >= binCount) width *= 2;
  const first = Math.floor(low / width);
  const counts = new Float64Array(binCount);
  before.counts.forEach((count, i) => {
    if (count > 0) counts[Math.floor(((before.first + i) * before.width) / width) - first] += count;
  });
  return { width, first, counts };
}
