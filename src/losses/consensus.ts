// Distillation of a consensus along the flow: cross entropy to soft targets, rare classes weighted up (SPEC section 9).
import { SteadysegError } from '../base/errors.js';
import { constant, detach, type Value } from '../onnx/graph.js';
import { add, cast, div, exp, log, max, mul, reduceMax, reduceSum, reshape, sub, transpose } from '../onnx/ops.js';
import { meanOverRanks } from '../onnx/ranks.js';
import { bilinear } from '../onnx/resample.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { tensor } from '../tensor/tensor.js';
import { sumOverSamples } from './sampleWeights.js';

/** A frame's scores and what they should become. */
export interface ConsensusPair {
  /** N×C×h×w. */
  readonly logits: Value;
  /** N×H×W×C bytes: probabilities times 255. */
  readonly targets: Value;
  /** N×H×W bytes: how much each pixel counts beside the others, times any factor; all the same by default. */
  readonly pixelWeights?: Value | undefined;
}

/** What classes count in the targets. */
export interface ConsensusClasses {
  /** w_c. */
  readonly weights: readonly number[];
  /** m_c: targets are `Q_c ∝ m_c·targets_c`; all 1 by default. */
  readonly factors?: readonly number[] | undefined;
}

/** Keeps the mean of no pixels at all at 0 instead of NaN. */
const smallestWeight = 1e-12;

/**
 * Σ w·ce / Σ w over all pixels of all frames: `ce = -Σ_c Q_c log p_c` with p the softmax of the scores at the targets' size
 * (bilinear, corners aligned by default), and `w = Σ_c Q_c·w_c`, times the pixel's weight where there is one. Targets, times the
 * classes' factors, are brought to sum 1 first; their rounding does not matter then.
 * @throws SteadysegError when the weights or factors are not as many as the classes.
 */
export function consensusLoss(
  pairs: readonly ConsensusPair[],
  byClass: ConsensusClasses,
  enlargement?: EnlargementMode,
): Value {
  const terms = pairs.map((pair) => pixelTerms(pair, byClass, enlargement));
  const weighted = terms.map(({ crossEntropy, weight }) => sumOverSamples(mul(crossEntropy, weight), undefined));
  const total = terms.map(({ weight }) => sumOverSamples(weight, undefined));
  return div(weighted.reduce(add), max(meanOverRanks(total.reduce(add)), smallestWeight));
}

/** Both N×1×H×W. */
function pixelTerms(
  { logits, targets, pixelWeights }: ConsensusPair,
  { weights: classWeights, factors }: ConsensusClasses,
  enlargement: EnlargementMode | undefined,
) {
  const { graph } = logits;
  const [, height, width, classes] = targets.shape;
  const counts = [logits.shape[1], classWeights.length, factors?.length ?? classes];
  if (counts.some((count) => count !== classes)) {
    throw new SteadysegError(
      `expected ${classes} classes as the targets have, found ${counts[0]} scores, ${counts[1]} weights and ${counts[2]} factors`,
    );
  }
  const ofClasses = (values: readonly number[]) =>
    constant(graph, tensor('float32', [1, classes, 1, 1], Float32Array.from(values)));
  const bytes = transpose(cast(targets, 'float32'), [0, 3, 1, 2]);
  const raised = factors ? mul(bytes, ofClasses(factors)) : bytes;
  const wanted = div(raised, max(reduceSum(raised, [1]), smallestWeight));
  const large = bilinear(logits, height, width, enlargement);
  // The maximum cancels in value and gradient; it only keeps the exponentials finite.
  const centred = sub(large, detach(reduceMax(large, [1])));
  const logSumExp = log(reduceSum(exp(centred), [1]));
  const weight = reduceSum(mul(wanted, ofClasses(classWeights)), [1]);
  return {
    crossEntropy: sub(logSumExp, reduceSum(mul(wanted, centred), [1])),
    weight: pixelWeights
      ? mul(weight, reshape(cast(pixelWeights, 'float32'), [targets.shape[0], 1, height, width]))
      : weight,
  };
}
