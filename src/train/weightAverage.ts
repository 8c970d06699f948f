// The exponential mean of weights along a run (SPEC section 9.5), which is steadier than the weights of any one step.

/** Steps after which a mean forgets as fast as it may: before, early weights would weigh too much. */
const beginning = 10;

/**
 * `mean ← d·mean + (1 - d)·values` in place, with d = min(decay, step / (step + 10)): the first update (step 0) takes the values.
 * @param step updates done before this one.
 */
export function updateAverage(mean: Float32Array, values: Float32Array, decay: number, step: number): void {
  const kept = Math.min(decay, step / (step + beginning));
  for (let i = 0; i < mean.length; i++) mean[i] = kept * mean[i] + (1 - kept) * values[i];
}
