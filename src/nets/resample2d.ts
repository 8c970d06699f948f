// Warping along optical flow: FlowNet2's resample2d (SPEC section 1).
import { constant, type Value } from '../onnx/graph.js';
import { add, concat, gridSample, mul, reshape, slice } from '../onnx/ops.js';
import { tensor } from '../tensor/tensor.js';

/**
 * Samples `image` (N×C×H×W, of frame t') at (x+u, y+v), so that the result lines up with frame t; `flow` is N×2×H×W, t→t'.
 * Bilinear; corner indices are clamped to the image, which is sampling with border padding and aligned corners.
 * The gradient goes into the image; the flow counts as a constant.
 */
export function resample2d(image: Value, flow: Value): Value {
  const [batch, , height, width] = flow.shape;
  const axis = (index: number, size: number, position: (pixel: number) => number) => {
    const own = new Float32Array(height * width);
    const scale = 2 / Math.max(1, size - 1);
    for (let pixel = 0; pixel < own.length; pixel++) own[pixel] = position(pixel) * scale - 1;
    const base = constant(image.graph, tensor('float32', [1, height, width, 1], own));
    const moved = reshape(slice(flow, [1], [index], [index + 1]), [batch, height, width, 1]);
    return add(mul(moved, scale), base);
  };
  const x = axis(0, width, (pixel) => pixel % width);
  const y = axis(1, height, (pixel) => Math.floor(pixel / width));
  return gridSample(image, concat([x, y], 3), { padding: 'border', alignCorners: true });
}
