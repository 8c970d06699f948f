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
