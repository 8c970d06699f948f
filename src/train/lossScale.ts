// The factor on the loss that keeps float16 gradients in range (Micikevicius et al., ICLR 2018): found along the way, as PyTorch does.
import { SteadysegError } from '../base/errors.js';

/** Changes from step to step; part of a checkpoint. */
export interface LossScale {
  /** What the loss of the next step is multiplied by for the way back. */
  factor: number;
  /** Steps since the factor last changed. */
  goodSteps: number;
  /** Steps whose gradients were too large for float16, and which changed no weights. */
  skipped: number;
}

/** Good steps after which it is tried whether twice the factor still fits. */
const growthInterval = 2000;
/** With this one, a gradient that float32 holds beside others of the loss's size is no longer lost in float16. */
const largest = 2 ** 24;

export const initialLossScale: Readonly<LossScale> = { factor: 2 ** 16, goodSteps: 0, skipped: 0 };

/**
 * Halves the factor, in place, where gradients are not finite, and doubles it after many good steps in a row.
 * @returns whether the gradients may change the weights.
 * @throws SteadysegError where no factor is left to try: then it is not the scale that makes them too large.
 */
export function adjustLossScale(scale: LossScale, gradients: ReadonlyMap<string, Float32Array>): boolean {
  const broken = [...gradients].find(([, gradient]) => !gradient.every(Number.isFinite));
  if (broken) {
    if (scale.factor <= 1) {
      throw new SteadysegError(
        `the gradient of ${broken[0]} is not finite in float16, also without a loss scale; lower optimizer.rate, or train with precision: float32`,
      );
    }
    scale.factor /= 2;
    scale.goodSteps = 0;
    scale.skipped++;
    return false;
  }
  scale.goodSteps++;
  if (scale.goodSteps === growthInterval) {
    scale.factor = Math.min(2 * scale.factor, largest);
    scale.goodSteps = 0;
  }
  return true;
}
