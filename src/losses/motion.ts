// The motion loss: predictions of two frames should agree along the optical flow (ETC section 3.2; SPEC section 3).
import { resample2d } from '../nets/resample2d.js';
import { detach, type Value } from '../onnx/graph.js';
import { abs, div, exp, mul, neg, reduceMax, reduceSum, reduceSumSquare, sub } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import { elementCount } from '../tensor/tensor.js';
import { type SampleWeights, sumOverSamples } from './sampleWeights.js';

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

export interface MotionOptions {
  /** What should agree: the logits (default, as published code does) or the class probabilities (as the paper's text says). */
  readonly compare?: 'logits' | 'probabilities' | undefined;
  /** How a difference of colours fades a pixel: `|Σ_c d_c|` (default, as published) or `Σ_c |d_c|`. */
  readonly visibility?: 'absolute-of-sum' | 'sum-of-absolutes' | undefined;
}

/**
 * mean((V·up(Z_t) - V·warp(up(Z_t')))²) with V = exp(-|Σ_c (I_t - warp(I_t'))_c|), which fades pixels that the flow explains
 * badly. The gradient goes into both frames' logits.
 */
export function motionLoss(inputs: MotionInputs, options: MotionOptions = {}): Value {
  const { logits, neighbourLogits, image, neighbour, flow, valid, weights } = inputs;
  const { compare = 'logits', visibility = 'absolute-of-sum' } = options;
  const [height, width] = image.shape.slice(2);
  const colours = sub(image, resample2d(neighbour, flow));
  const change = visibility === 'absolute-of-sum' ? abs(reduceSum(colours, [1])) : reduceSum(abs(colours), [1]);
  const seen = valid ? mul(exp(neg(change)), valid) : exp(neg(change));
  const large = (scores: Value) => {
    const scaled = bilinear(scores, height, width);
    return compare === 'logits' ? scaled : probabilities(scaled);
  };
  const own = large(logits);
  const difference = sub(own, resample2d(large(neighbourLogits), flow));
  const squares = mul(reduceSumSquare(difference, [1]), mul(seen, seen));
  return mul(sumOverSamples(squares, weights), 1 / elementCount(own.shape));
}

/** Softmax over the classes, spelled out: the engine's own is slow on this axis. */
function probabilities(logits: Value): Value {
  const exponentials = exp(sub(logits, detach(reduceMax(logits, [1]))));
  return div(exponentials, reduceSum(exponentials, [1]));
}
