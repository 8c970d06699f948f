// Cross entropy over labelled pixels with class weights (SPEC section 3).
import { SteadysegError, UsageError } from '../base/errors.js';
import { constant, detach, type Value } from '../onnx/graph.js';
import {
  add,
  cast,
  div,
  exp,
  gather,
  gatherElements,
  less,
  log,
  max,
  min,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  sub,
} from '../onnx/ops.js';
import { meanOverRanks } from '../onnx/ranks.js';
import { tensor } from '../tensor/tensor.js';
import { sumOverSamples } from './sampleWeights.js';

/** Class weights of Cityscapes, by train id. */
export const cityscapesClassWeights: readonly number[] = [
  0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023, 0.9539, 0.9843, 1.1116, 0.9037, 1.0865,
  1.0955, 1.0865, 1.1529, 1.0507,
];

/** Labels are one byte. */
const labelCount = 256;
/** Keeps the mean of no pixels at all at 0 instead of NaN. */
const smallestWeight = 1e-12;

/** What `crossEntropy` takes besides scores and labels. */
export interface CrossEntropyOptions {
  /** One number a class; all 1 by default. */
  readonly classWeights?: readonly number[] | undefined;
}

/** Per-pixel quantities that cross entropy and hard example mining share, all N×1×H×W. */
export interface PixelTerms {
  /** -log softmax probability of the true class; of the last class where the pixel is not labelled. */
  readonly negativeLogLikelihood: Value;
  /** Weight of the true class; 0 where the pixel is not labelled. */
  readonly weight: Value;
  /** Whether the pixel is labelled, as bool. */
  readonly labelled: Value;
}

/**
 * The weighted mean of -log p(true class): Σ w·nll / Σ w. Pixels whose label is no class (255, say) are left out; 0 without any.
 * `logits` N×C×H×W, `labels` N×H×W uint8.
 */
export function crossEntropy(logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const { negativeLogLikelihood, weight } = pixelTerms(logits, labels, options);
  return weightedMean(negativeLogLikelihood, weight);
}

/** Σ w·x / Σ w over all elements, as one number; 0 when all weights are 0. Of ranks that share a batch, their mean is that of the batch. */
export function weightedMean(x: Value, weight: Value): Value {
  const total = max(meanOverRanks(sumOverSamples(weight, undefined)), smallestWeight);
  return div(sumOverSamples(mul(x, weight), undefined), total);
}

/** @throws SteadysegError when labels and logits differ in size, or the weights in number. */
export function pixelTerms(logits: Value, labels: Value, { classWeights }: CrossEntropyOptions): PixelTerms {
  const [batch, classes, height, width] = logits.shape;
  if (labels.shape.join() !== [batch, height, width].join()) {
    throw new SteadysegError(`expected labels of ${batch}×${height}×${width}, found ${labels.shape.join('×')}`);
  }
  if (classWeights && classWeights.length !== classes) {
    throw new UsageError(`expected ${classes} class weights, found ${classWeights.length}`);
  }
  const table = new Float32Array(labelCount);
  for (let id = 0; id < classes; id++) table[id] = classWeights ? classWeights[id] : 1;
  const ids = reshape(cast(labels, 'int32'), [batch, 1, height, width]);
  const weight = gather(constant(logits.graph, tensor('float32', [labelCount], table)), ids, 0);
  // The maximum cancels in value and gradient; it only keeps the exponentials finite.
  const peak = detach(reduceMax(logits, [1]));
  const logSumExp = add(log(reduceSum(exp(sub(logits, peak)), [1])), peak);
  const ofTrueClass = gatherElements(logits, min(ids, classes - 1), 1);
  return { negativeLogLikelihood: sub(logSumExp, ofTrueClass), weight, labelled: less(ids, classes) };
}
