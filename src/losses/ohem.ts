// Cross entropy with online hard example mining (SPEC section 3): only pixels the network is unsure about count.
import { detach, type Value } from '../onnx/graph.js';
import { cast, exp, greater, lessOrEqual, max, mul, neg, reduceMax, reshape, topK, where } from '../onnx/ops.js';
import { elementCount } from '../tensor/tensor.js';
import { type CrossEntropyOptions, pixelTerms, weightedMean } from './crossEntropy.js';

export interface OhemOptions extends CrossEntropyOptions {
  /** Pixels whose true class has at most this softmax probability always count. */
  readonly threshold: number;
  /** At least this many pixels count, the least sure ones. */
  readonly minKept: number;
}

/** Above every probability. */
const never = 2;

/**
 * Cross entropy over the pixels with p(true class) ≤ θ, θ = max(threshold, the minKept-th smallest p); over all labelled
 * pixels when there are fewer than minKept. `logits` N×C×H×W, `labels` N×H×W uint8.
 */
export function ohemCrossEntropy(logits: Value, labels: Value, options: OhemOptions): Value {
  const { negativeLogLikelihood, weight } = pixelTerms(logits, labels, options);
  const pixels = elementCount(weight.shape);
  const probability = detach(exp(neg(negativeLogLikelihood)));
  const labelled = reshape(where(greater(weight, 0), probability, never), [pixels]);
  const kept = Math.min(Math.max(1, options.minKept), pixels);
  const smallest = topK(labelled, kept, 0, false).values;
  const threshold = max(reduceMax(smallest, undefined, false), options.threshold);
  const hard = cast(lessOrEqual(probability, threshold), 'float32');
  return weightedMean(negativeLogLikelihood, mul(weight, hard));
}
