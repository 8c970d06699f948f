// The motion loss: predictions of two frames should agree along the optical flow (ETC section 3.2; SPEC section 3).
import { resample2d } from '../nets/resample2d.js';
import type { Value } from '../onnx/graph.js';
import { abs, exp, mul, neg, reduceSum, reduceSumSquare, sub } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import { elementCount } from '../tensor/tensor.js';

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
}

/**
 * mean((V·up(Z_t) - V·warp(up(Z_t')))²) with V = exp(-|Σ_c (I_t - warp(I_t'))_c|), which fades pixels that the flow explains
 * badly. The gradient goes into both frames' logits.
 */
export function motionLoss({ logits, neighbourLogits, image, neighbour, flow }: MotionInputs): Value {
  const [height, width] = image.shape.slice(2);
  const visibility = exp(neg(abs(reduceSum(sub(image, resample2d(neighbour, flow)), [1]))));
  const large = bilinear(logits, height, width);
  const difference = sub(large, resample2d(bilinear(neighbourLogits, height, width), flow));
  const squares = mul(reduceSumSquare(difference, [1]), mul(visibility, visibility));
  return mul(reduceSum(squares, undefined, false), 1 / elementCount(large.shape));
}
