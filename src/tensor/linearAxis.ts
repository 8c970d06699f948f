// How the samples of a resized axis come from those of the original: weights as exact fractions, so that a mirrored picture gives mirrored samples bit for bit.

/** Output sample i is `lowWeight[i]·x[low[i]] + highWeight[i]·x[high[i]]`. */
export interface LinearAxis {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly lowWeight: Float64Array;
  readonly highWeight: Float64Array;
}

/** Bilinear sampling with half-pixel centres: sample i of `to` is at `(i + ½)·from/to - ½`, clamped to the ends. */
export function halfPixelAxis(from: number, to: number): LinearAxis {
  return linearAxis(from, to, (i) => (2 * i + 1) * from - to, 2 * to);
}

/** Bilinear sampling with aligned corners: sample i of `to` is at `i·(from - 1)/(to - 1)`; a single sample is the first. */
export function alignedAxis(from: number, to: number): LinearAxis {
  return linearAxis(from, to, (i) => i * (from - 1), Math.max(1, to - 1));
}

/** Output sample i is the sum of three neighbours, each by its weight: what two bilinear samplings one after another read. */
export interface TapAxis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly third: Int32Array;
  readonly firstWeight: Float64Array;
  readonly secondWeight: Float64Array;
  /** 0 where two neighbours are enough. */
  readonly thirdWeight: Float64Array;
}

/** The two neighbours of a bilinear sampling, as an axis of three. */
export function tapsOf({ low, high, lowWeight, highWeight }: LinearAxis): TapAxis {
  const thirdWeight = new Float64Array(low.length);
  return { first: low, second: high, third: high, firstWeight: lowWeight, secondWeight: highWeight, thirdWeight };
}

/**
 * The samples `outer` takes of the samples `inner` takes of an axis, in one step. `inner` must not shrink the axis: then
 * two samples that lie side by side read three neighbours at most.
 */
export function composedTaps(outer: LinearAxis, inner: LinearAxis): TapAxis {
  const { length } = outer.low;
  const taps = Array.from({ length: 3 }, () => new Int32Array(length));
  const weights = Array.from({ length: 3 }, () => new Float64Array(length));
  /** What sample `at` of the inner axis has of neighbour `tap`. */
  const share = (at: number, tap: number) =>
    (inner.low[at] === tap ? inner.lowWeight[at] : 0) + (inner.high[at] === tap ? inner.highWeight[at] : 0);
  for (let i = 0; i < length; i++) {
    const base = inner.low[outer.low[i]];
    for (let k = 0; k < 3; k++) {
      const weight =
        outer.lowWeight[i] * share(outer.low[i], base + k) + outer.highWeight[i] * share(outer.high[i], base + k);
      weights[k][i] = weight;
      // A neighbour that counts nothing is not looked at either.
      taps[k][i] = k > 0 && weight === 0 ? taps[k - 1][i] : base + k;
    }
  }
  const [first, second, third] = taps;
  const [firstWeight, secondWeight, thirdWeight] = weights;
  return { first, second, third, firstWeight, secondWeight, thirdWeight };
}

/** Sample i is at `numerator(i) / denominator`; all integers, so that both weights are correctly rounded fractions. */
function linearAxis(from: number, to: number, numerator: (i: number) => number, denominator: number): LinearAxis {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const lowWeight = new Float64Array(to);
  const highWeight = new Float64Array(to);
  for (let i = 0; i < to; i++) {
    const floor = Math.floor(numerator(i) / denominator);
    const rest = numerator(i) - floor * denominator;
    low[i] = Math.min(from - 1, Math.max(0, floor));
    high[i] = Math.min(from - 1, Math.max(0, floor + 1));
    lowWeight[i] = (denominator - rest) / denominator;
    highWeight[i] = rest / denominator;
  }
  return { low, high, lowWeight, highWeight };
}

/** The whole factor by which an axis shrinks, or undefined when it grows or the factor is no whole number. */
export function shrinkFactor(from: number, to: number): number | undefined {
  return from > to && from % to === 0 ? from / to : undefined;
}
