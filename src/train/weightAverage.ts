// The exponential mean of weights along a run (SPEC section 9.5), which is steadier than the weights of any one step.
import type { Value } from '../onnx/graph.js';
import { add, mul, sub } from '../onnx/ops.js';

/** Steps after which a mean forgets as fast as it may: before, early weights would weigh too much. */
const beginning = 10;

/**
 * What the mean keeps of itself, d = min(decay, step / (step + 10)): the first update (step 0) takes the values.
 * @param step updates done before this one.
 */
export function keptShare(decay: number, step: number): number {
  return Math.min(decay, step / (step + beginning));
}

/** `mean ← d·mean + (1 - d)·values` in place. @param kept d. */
export function updateAverage(mean: Float32Array, values: Float32Array, kept: number): void {
  for (let i = 0; i < mean.length; i++) mean[i] = kept * mean[i] + (1 - kept) * values[i];
}

/** The same in a graph. */
export function updatedAverage(mean: Value, values: Value, kept: Value): Value {
  return add(mul(mean, kept), mul(values, sub(1, kept)));
}
