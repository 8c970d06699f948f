// Means over a batch in which not every sample counts: one without a neighbour has nothing to compare itself with.
import type { Value } from '../onnx/graph.js';
import { cast, div, greater, max, mul, reduceSum, reduceSumSquare } from '../onnx/ops.js';
import { meanOverRanks } from '../onnx/ranks.js';
import { elementCount } from '../tensor/tensor.js';

/**
 * A weight for each of the N samples of a batch: 0 for one that does not count, N / (how many count) for the others, so
 * that a mean over the batch is the mean over those that count. Undefined: all count.
 */
export type SampleWeights = Value | undefined;

/** The weights; all 0 when no sample counts. */
export function sampleWeights(counts: readonly boolean[]): Float32Array<ArrayBuffer> {
  const counted = counts.filter(Boolean).length;
  return Float32Array.from(counts, (one) => (one ? counts.length / counted : 0));
}

/** Weights of this rank's samples as those of the batch that ranks share: each sample of it that counts weighs the same. */
export function weightsOverRanks(weights: Value): Value {
  if (weights.graph.ranks === 1) return weights;
  const counts = cast(greater(weights, 0), 'float32');
  const counted = meanOverRanks(reduceSum(counts, undefined, false));
  return div(mul(counts, weights.shape[0]), max(counted, 1 / weights.graph.ranks));
}

/** Σ x over all elements of N×…, its samples weighted. Rows are summed first: one float32 sum of millions is off by percents. */
export function sumOverSamples(x: Value, weights: SampleWeights): Value {
  return sumOfRows(reduceSum(x, [-1], false), weights);
}

/** Σ x² over all elements of N×…, its samples weighted. */
export function squareSumOverSamples(x: Value, weights: SampleWeights): Value {
  return sumOfRows(reduceSumSquare(x, [-1], false), weights);
}

/** mean((a - b)²) over all elements of N×…, the samples of the difference weighted. */
export function meanSquare(difference: Value, weights: SampleWeights): Value {
  return mul(squareSumOverSamples(difference, weights), 1 / elementCount(difference.shape));
}

/** Σ over N×…, its samples weighted. */
function sumOfRows(rows: Value, weights: SampleWeights): Value {
  if (!weights) return reduceSum(rows, undefined, false);
  const inner = rows.shape.map((_, axis) => axis).slice(1);
  return reduceSum(mul(inner.length > 0 ? reduceSum(rows, inner, false) : rows, weights), undefined, false);
}
