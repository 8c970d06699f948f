// AdamW (Loshchilov and Hutter, ICLR 2019): Adam whose weight decay shrinks the weight itself.
import { mul, sub } from '../../onnx/ops.js';
import { type AdamOptions, adam } from './adam.js';
import type { UpdateRule } from './updateRule.js';

/** `weight ← (1 - rate·weightDecay)·weight`, then Adam's update without decay. */
export function adamW(options: AdamOptions): UpdateRule {
  const { slots, factors, update, updated } = adam(options);
  return {
    slots,
    factors,
    update(weight, gradient, memory, { weightDecay, ...step }) {
      const kept = 1 - step.rate * weightDecay;
      for (let i = 0; i < weight.length; i++) weight[i] *= kept;
      update(weight, gradient, memory, { ...step, weightDecay: 0 });
    },
    updated(weight, gradient, memory, { weightDecay, ...step }) {
      const kept = sub(1, mul(step.rate, weightDecay));
      return updated(mul(weight, kept), gradient, memory, { ...step, weightDecay: 0 });
    },
  };
}
