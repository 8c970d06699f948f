// The motion loss: predictions of two frames should agree along the optical flow (ETC section 3.2; SPEC section 3).
import { resample2d } from '../nets/resample2d.js';
import { detach, type Value } from '../onnx/graph.js';
import { abs, div, exp, max, mul, neg, reduceMax, reduceSum, reduceSumSquare, sub } from '../onnx/ops.js';
import { meanOverRanks } from '../onnx/ranks.js';
import { bilinear } from '../onnx/resample.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { elementCount } from '../tensor/tensor.js';
import { type SampleWeights, sumOverSamples } from './sampleWeights.js';

/** What the motion loss compares. */
export interface MotionInputs {
  /** Logits of frame t, N×C×h×w. */
  readonly logits: Value;
  /** Logits of its neighbour t'. */
  readonly neighbourLogits: Value;
  /** Normalised frames, N×3×H×W. */
  readonly image: Value;
  readonly neighbour: Value;
  /** Flow t→t' in pixels, N×2×H×W. */
  readonly flow: Value;
  /** N×1×H×W, 0 where the flow does not count (hidden, unknown, no neighbour), 1 elsewhere; everywhere 1 by default. */
  readonly valid?: Value | undefined;
  /** Which samples have a neighbour. */
  readonly weights?: SampleWeights;
}

/** How the motion loss is computed. */
export interface MotionOptions {
  /** What should agree: the logits (default, as published code does) or the class probabilities (as the paper's text says). */
  readonly compare?: 'logits' | 'probabilities' | undefined;
  /**
   * How a difference of colours fades a pixel: by `|Σ_c d_c|` (default, as published) or `Σ_c |d_c|`. `occlusion`: not at all,
   * so that only `valid` tells what is seen; for flow that comes with masks of what is hidden.
   */
  readonly visibility?: 'absolute-of-sum' | 'sum-of-absolutes' | 'occlusion' | undefined;
  /** What the squares are averaged over: all elements (default, as published), or pixels that are visible, classes summed (SPEC §9): each counts as its V². Without masks or fading it is the usual mean. */
  readonly mean?: 'elements' | 'visible' | undefined;
  /** How scores are brought to the frames' size; corners aligned by default. */
  readonly enlargement?: EnlargementMode | undefined;
}

/**
 * mean((V·up(Z_t) - V·warp(up(Z_t')))²) with V = exp(-|Σ_c (I_t - warp(I_t'))_c|), which fades pixels that the flow explains
 * badly. The gradient goes into both frames' logits.
 */
export function motionLoss(inputs: MotionInputs, options: MotionOptions = {}): Value {
  const { logits, neighbourLogits, image, flow, weights } = inputs;
  const { compare = 'logits', visibility = 'absolute-of-sum', mean = 'elements', enlargement } = options;
  const [height, width] = image.shape.slice(2);
  const seen = visibilityOf(inputs, visibility);
  const large = (scores: Value) => {
    const scaled = bilinear(scores, height, width, enlargement);
    return compare === 'logits' ? scaled : probabilities(scaled);
  };
  const own = large(logits);
  const difference = sub(own, resample2d(large(neighbourLogits), flow));
  const squares = reduceSumSquare(difference, [1]);
  const counted = seen ? mul(squares, mul(seen, seen)) : squares;
  if (mean === 'elements' || !seen) return mul(sumOverSamples(counted, weights), 1 / elementCount(own.shape));
  const visible = meanOverRanks(sumOverSamples(mul(seen, seen), weights));
  return div(sumOverSamples(counted, weights), max(visible, 1 / own.graph.ranks));
}

/** V, N×1×H×W; undefined where it is 1 everywhere. */
function visibilityOf(
  { image, neighbour, flow, valid }: MotionInputs,
  visibility: NonNullable<MotionOptions['visibility']>,
): Value | undefined {
  if (visibility === 'occlusion') return valid;
  const colours = sub(image, resample2d(neighbour, flow));
  const change = visibility === 'absolute-of-sum' ? abs(reduceSum(colours, [1])) : reduceSum(abs(colours), [1]);
  const faded = exp(neg(change));
  return valid ? mul(faded, valid) : faded;
}

/** Softmax over the classes, spelled out: the engine's own is slow on this axis. */
function probabilities(logits: Value): Value {
  const exponentials = exp(sub(logits, detach(reduceMax(logits, [1]))));
  return div(exponentials, reduceSum(exponentials, [1]));
}
