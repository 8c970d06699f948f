// AdamW (Loshchilov and Hutter, ICLR 2019): Adam whose weight decay shrinks the weight itself.
import { type AdamOptions, adam } from './adam.js';
import type { UpdateRule } from './updateRule.js';

/** `weight ← (1 - rate·weightDecay)·weight`, then Adam's update without decay. */
export function adamW(options: AdamOptions): UpdateRule {
  const { slots, update } = adam(options);
  return {
    slots,
    update(weight, gradient, memory, { rate, weightDecay, step }) {
      const kept = 1 - rate * weightDecay;
      for (let i = 0; i < weight.length; i++) weight[i] *= kept;
      update(weight, gradient, memory, { rate, weightDecay: 0, step });
    },
  };
}
