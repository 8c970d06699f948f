// Means over a batch in which not every sample counts: one without a neighbour has nothing to compare itself with.
import type { Value } from '../onnx/graph.js';
import { mul, reduceSum, reduceSumSquare } from '../onnx/ops.js';
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

/** Σ x over all elements of N×…, its samples weighted. */
export function sumOverSamples(x: Value, weights: SampleWeights): Value {
  return weights ? weighted(reduceSum(x, innerAxes(x), false), weights) : reduceSum(x, undefined, false);
}

/** Σ x² over all elements of N×…, its samples weighted. */
export function squareSumOverSamples(x: Value, weights: SampleWeights): Value {
  return weights ? weighted(reduceSumSquare(x, innerAxes(x), false), weights) : reduceSumSquare(x, undefined, false);
}

/** mean((a - b)²) over all elements of N×…, the samples of the difference weighted. */
export function meanSquare(difference: Value, weights: SampleWeights): Value {
  return mul(squareSumOverSamples(difference, weights), 1 / elementCount(difference.shape));
}

const innerAxes = ({ shape }: Value) => shape.map((_, axis) => axis).slice(1);

/** Σ over N numbers. */
function weighted(ofSamples: Value, weights: Value): Value {
  return reduceSum(mul(ofSamples, weights), undefined, false);
}
