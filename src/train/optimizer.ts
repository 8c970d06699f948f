// Stochastic gradient descent with momentum and weight decay, in place, as PyTorch computes it.

export interface SgdOptions {
  readonly momentum: number;
  /** Added to the gradient, times the weight. */
  readonly weightDecay: number;
}

/** The published ones (SPEC section 4). */
export const publishedSgd: SgdOptions = { momentum: 0.9, weightDecay: 1e-4 };

/** `velocity ← momentum·velocity + gradient + weightDecay·weight; weight ← weight - rate·velocity`. Velocities start at 0. */
export function sgdUpdate(
  weight: Float32Array,
  velocity: Float32Array,
  gradient: Float32Array,
  rate: number,
  { momentum, weightDecay }: SgdOptions,
): void {
  for (let i = 0; i < weight.length; i++) {
    const next = momentum * velocity[i] + gradient[i] + weightDecay * weight[i];
    velocity[i] = next;
    weight[i] -= rate * next;
  }
}
