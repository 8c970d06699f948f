// How a network is built: for inference, or for training.
import type { StatisticsMode } from '../onnx/batchStatistics.js';
import type { Value } from '../onnx/graph.js';
import type { Shape } from '../tensor/tensor.js';

/**
 * `inference` normalises by running statistics. `training` normalises by the batch's own statistics and records them in the
 * graph, or by fixed ones, and drops channels in front of each head's last convolution, and whole residuals of a transformer, by
 * the mask that `dropoutMask` gives (such as a graph input): 0 for what is dropped, 1/(1 - rate) for the rest. Without
 * `dropoutMask` nothing is dropped.
 */
export type Mode =
  | { readonly kind: 'inference' }
  | {
      readonly kind: 'training';
      /**
       * `batch` by default; with `fixed` the running statistics stay as they are and normalise as in inference, while scale and
       * bias train.
       */
      readonly statistics?: StatisticsMode;
      /** Whether batches are normalised by the engine's own operator (default), which only CPUs have and which is faster there. */
      readonly fused?: boolean;
      /**
       * @param place state-dict prefix of the head or residual; @param shape N×C×1×1 or N×1×1.
       * @param share of the run's rate that is dropped here; default 1.
       */
      readonly dropoutMask?: (place: string, shape: Shape, share?: number) => Value;
    };

export const inference: Mode = { kind: 'inference' };
