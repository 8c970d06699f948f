// Adam, as PyTorch computes it (Kingma and Ba, ICLR 2015): weight decay is added to the gradient.
import { add, div, mul, sqrt, sub } from '../../onnx/ops.js';
import { decayed, type UpdateRule } from './updateRule.js';

export interface AdamOptions {
  /** Share that the means of the gradient and of its square keep at each step. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly epsilon: number;
}

/**
 * With g = gradient + weightDecay·weight at update s (from 1): `m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²;
 * weight ← weight - rate/(1 - β₁ˢ) · m / (√v/√(1 - β₂ˢ) + ε)`. Its factors are 1 - β₁ˢ and √(1 - β₂ˢ).
 */
export function adam({ betas: [beta1, beta2], epsilon }: AdamOptions): UpdateRule {
  return {
    slots: ['moment1', 'moment2'],
    factors: (step) => [1 - beta1 ** (step + 1), Math.sqrt(1 - beta2 ** (step + 1))],
    update(weight, gradient, [moment1, moment2], { rate, weightDecay, factors: [bias, correction] }) {
      const stride = rate / bias;
      for (let i = 0; i < weight.length; i++) {
        const slope = gradient[i] + weightDecay * weight[i];
        moment1[i] = beta1 * moment1[i] + (1 - beta1) * slope;
        moment2[i] = beta2 * moment2[i] + (1 - beta2) * slope * slope;
        weight[i] -= (stride * moment1[i]) / (Math.sqrt(moment2[i]) / correction + epsilon);
      }
    },
    updated(weight, gradient, [moment1, moment2], { rate, weightDecay, factors: [bias, correction] }) {
      const slope = decayed(weight, gradient, weightDecay);
      const mean = add(mul(moment1, beta1), mul(slope, 1 - beta1));
      const square = add(mul(moment2, beta2), mul(mul(slope, slope), 1 - beta2));
      const size = add(div(sqrt(square), correction), epsilon);
      return { weight: sub(weight, div(mul(mean, div(rate, bias)), size)), memory: [mean, square] };
    },
  };
}
