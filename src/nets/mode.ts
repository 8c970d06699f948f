// How a network is built: for inference, or for training.

import type { Value } from '../onnx/graph.js';
import type { Shape } from '../tensor/tensor.js';

/**
 * `inference` normalises by running statistics. `training` normalises by the batch's own statistics and records them in the
 * graph, or by fixed ones, and drops channels in front of each head's last convolution by the mask that `dropoutMask` gives for
 * it (such as a graph input): 0 for a dropped channel, 1/(1 - rate) for a kept one. Without `dropoutMask` nothing is dropped.
 */
export type Mode =
  | { readonly kind: 'inference' }
  | {
      readonly kind: 'training';
      /** `batch` (default), or `fixed`: the running statistics stay as they are and normalise as in inference; scale and bias train. */
      readonly statistics?: 'batch' | 'fixed';
      /** Whether batches are normalised by the engine's own operator (default), which only CPUs have and which is faster there. */
      readonly fused?: boolean;
      /** @param head state-dict prefix of the head; @param shape N×C×1×1. */
      readonly dropoutMask?: (head: string, shape: Shape) => Value;
    };

export const inference: Mode = { kind: 'inference' };
