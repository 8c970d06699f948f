// Cross entropy with online hard example mining: only pixels the network is unsure about count.
import { detach, type Value } from '../onnx/graph.js';
import {
  and,
  cast,
  div,
  exp,
  greater,
  less,
  lessOrEqual,
  max,
  mul,
  neg,
  reduceMax,
  reshape,
  topK,
  where,
} from '../onnx/ops.js';
import { gatherOverRanks, meanOverRanks } from '../onnx/ranks.js';
import { elementCount } from '../tensor/tensor.js';
import { type CrossEntropyOptions, pixelTerms, weightedMean } from './crossEntropy.js';
import { sumOverSamples } from './sampleWeights.js';

export interface OhemOptions extends CrossEntropyOptions {
  /** Pixels whose true class has at most this softmax probability always count. */
  readonly threshold: number;
  /** At least this many pixels of the batch count, the least sure ones. */
  readonly minKept: number;
}

/** Above every probability. */
const never = 2;

/**
 * Cross entropy (SPEC section 3) over the pixels with p(true class) ≤ θ, θ = max(threshold, the minKept-th smallest p); over all labelled
 * pixels when there are fewer than minKept. `logits` N×C×H×W, `labels` N×H×W uint8.
 */
export function ohemCrossEntropy(logits: Value, labels: Value, options: OhemOptions): Value {
  const { negativeLogLikelihood, weight } = pixelTerms(logits, labels, options);
  const pixels = elementCount(weight.shape);
  const probability = detach(exp(neg(negativeLogLikelihood)));
  const labelled = reshape(where(greater(weight, 0), probability, never), [pixels]);
  const kept = Math.min(Math.max(1, options.minKept), pixels * logits.graph.ranks);
  const smallest = smallestOverRanks(labelled, kept);
  const threshold = max(reduceMax(smallest, undefined, false), options.threshold);
  const hard = cast(lessOrEqual(probability, threshold), 'float32');
  return weightedMean(negativeLogLikelihood, mul(weight, hard));
}

/**
 * The same as PIDNet's authors compute it: Σ w·nll over the labelled pixels with p(true class) < θ, divided by their number;
 * θ = max(threshold, p at the place minKept, from 0, of the sorted ones, or the last). Where no more than minKept pixels are
 * labelled and the surest is above the threshold, it is left out. 0 without any.
 */
export function countedOhem(logits: Value, labels: Value, options: OhemOptions): Value {
  const { negativeLogLikelihood, weight, labelled } = pixelTerms(logits, labels, options);
  const pixels = elementCount(weight.shape);
  const probability = detach(exp(neg(negativeLogLikelihood)));
  const sorted = smallestOverRanks(
    reshape(where(labelled, probability, never), [pixels]),
    Math.min(options.minKept + 1, pixels * logits.graph.ranks),
  );
  const last = reduceMax(where(less(sorted, never), sorted, 0), undefined, false);
  const hard = and(labelled, less(probability, max(last, options.threshold)));
  const kept = cast(hard, 'float32');
  const count = max(meanOverRanks(sumOverSamples(kept, undefined)), 1 / logits.graph.ranks);
  return div(sumOverSamples(mul(mul(negativeLogLikelihood, weight), kept), undefined), count);
}

/** The `count` smallest of the values of all ranks: each one's own smallest hold them. */
function smallestOverRanks(values: Value, count: number): Value {
  const [length] = values.shape;
  const own = topK(values, Math.min(count, length), 0, false).values;
  const { ranks } = values.graph;
  if (ranks === 1) return own;
  return topK(reshape(gatherOverRanks(own), [ranks * own.shape[0]]), count, 0, false).values;
}
