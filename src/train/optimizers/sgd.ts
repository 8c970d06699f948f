// Stochastic gradient descent with momentum and weight decay, as PyTorch computes it.
import { add, mul, sub } from '../../onnx/ops.js';
import { decayed, type UpdateRule } from './updateRule.js';

export interface SgdOptions {
  readonly momentum: number;
}

/** `velocity ← momentum·velocity + gradient + weightDecay·weight; weight ← weight - rate·velocity`. */
export function sgd({ momentum }: SgdOptions): UpdateRule {
  return {
    slots: ['velocity'],
    factors: () => [],
    update(weight, gradient, [velocity], { rate, weightDecay }) {
      for (let i = 0; i < weight.length; i++) {
        const next = momentum * velocity[i] + gradient[i] + weightDecay * weight[i];
        velocity[i] = next;
        weight[i] -= rate * next;
      }
    },
    updated(weight, gradient, [velocity], { rate, weightDecay }) {
      const next = add(mul(velocity, momentum), decayed(weight, gradient, weightDecay));
      return { weight: sub(weight, mul(next, rate)), memory: [next] };
    },
  };
}
