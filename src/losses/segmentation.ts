// The supervised loss of a network with an auxiliary head: both heads brought to label size (SPEC section 3).
import type { Value } from '../onnx/graph.js';
import { add, mul } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { type CrossEntropyOptions, crossEntropy } from './crossEntropy.js';
import { ohemCrossEntropy } from './ohem.js';

export interface HardExampleMining {
  /** Softmax probability; pixels at most this sure count. */
  readonly threshold: number;
  readonly minKept: number;
  /** Which heads are mined; the auxiliary head gets plain cross entropy with `main`. */
  readonly heads: 'both' | 'main';
}

export interface SegmentationLossOptions extends CrossEntropyOptions {
  /** Weight of the auxiliary head; 0.4 by default. */
  readonly auxiliaryWeight?: number | undefined;
  readonly mining?: HardExampleMining | undefined;
  /** How scores are brought to the labels' size; corners aligned by default. */
  readonly enlargement?: EnlargementMode | undefined;
}

export interface Heads {
  /** N×C×h×w. */
  readonly logits: Value;
  /** Of the auxiliary heads, N×C×h'×w'. */
  readonly auxiliaries?: readonly Value[] | undefined;
}

/** `loss(up(logits)) + 0.4 · Σ loss(up(auxiliary))`; up is bilinear to the labels' size (N×H×W). */
export function segmentationLoss(heads: Heads, labels: Value, options: SegmentationLossOptions = {}): Value {
  const { mining, auxiliaryWeight = 0.4, enlargement } = options;
  const [, height, width] = labels.shape;
  const ofHead = (logits: Value, mined: boolean) => {
    const large = bilinear(logits, height, width, enlargement);
    return mining && mined
      ? ohemCrossEntropy(large, labels, { ...options, ...mining })
      : crossEntropy(large, labels, options);
  };
  const main = ofHead(heads.logits, true);
  const others = (heads.auxiliaries ?? []).map((logits) =>
    mul(ofHead(logits, mining?.heads === 'both'), auxiliaryWeight),
  );
  return [main, ...others].reduce(add);
}
