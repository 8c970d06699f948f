// The supervised loss of a network with an auxiliary head: both heads brought to label size (SPEC section 3).
import type { Value } from '../onnx/graph.js';
import { add, mul } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { elementCount } from '../tensor/tensor.js';
import { type CrossEntropyOptions, crossEntropy, pixelTerms } from './crossEntropy.js';
import { countedOhem, ohemCrossEntropy } from './ohem.js';
import { sumOverSamples } from './sampleWeights.js';

export interface HardExampleMining {
  /** Softmax probability; pixels at most this sure count. */
  readonly threshold: number;
  readonly minKept: number;
  /** Which heads are mined; the auxiliary head gets plain cross entropy with `main`. */
  readonly heads: 'both' | 'main';
  /**
   * What sums are divided by: class weights (default), or, as PIDNet's authors do, pixels: those that count where a head is
   * mined, all, labelled or not, where it is not.
   */
  readonly divisor?: 'weights' | 'pixels' | undefined;
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
  const { mining, auxiliaryWeight = 0.4 } = options;
  const main = headLoss(heads.logits, labels, options, true);
  const others = (heads.auxiliaries ?? []).map((logits) =>
    mul(headLoss(logits, labels, options, mining?.heads === 'both'), auxiliaryWeight),
  );
  return [main, ...others].reduce(add);
}

/** The loss of one head's scores (N×C×h×w); `mined` ones are where mining is asked for. */
export function headLoss(logits: Value, labels: Value, options: SegmentationLossOptions, mined: boolean): Value {
  const { mining, enlargement } = options;
  const [, height, width] = labels.shape;
  const large = bilinear(logits, height, width, enlargement);
  if (mining?.divisor === 'pixels') {
    return mined ? countedOhem(large, labels, { ...options, ...mining }) : meanOverAll(large, labels, options);
  }
  return mining && mined
    ? ohemCrossEntropy(large, labels, { ...options, ...mining })
    : crossEntropy(large, labels, options);
}

/** Σ w·nll over the labelled pixels, divided by the number of all. */
function meanOverAll(logits: Value, labels: Value, options: SegmentationLossOptions): Value {
  const { negativeLogLikelihood, weight } = pixelTerms(logits, labels, options);
  return mul(sumOverSamples(mul(negativeLogLikelihood, weight), undefined), 1 / elementCount(labels.shape));
}
