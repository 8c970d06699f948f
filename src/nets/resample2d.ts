// Warping along optical flow: FlowNet2's resample2d (SPEC section 1).
import { constant, type Value } from '../onnx/graph.js';
import { add, concat, gridSample, mul, reshape, slice, sub } from '../onnx/ops.js';
import { tensor } from '../tensor/tensor.js';

/**
 * Samples `image` (N×C×H×W, of frame t') at (x+u, y+v), so that the result lines up with frame t; `flow` is N×2×H×W, t→t'.
 * Bilinear; corner indices are clamped to the image, which is sampling with border padding and aligned corners.
 * The gradient goes into the image; the flow counts as a constant.
 */
export function resample2d(image: Value, flow: Value): Value {
  const [batch, , height, width] = flow.shape;
  const along = (component: number, size: number, shape: readonly number[]) => {
    const pixels = constant(
      image.graph,
      tensor(
        'float32',
        shape,
        Float32Array.from({ length: size }, (_, i) => i),
      ),
    );
    // Positions are summed in pixels, as the reference does; GridSample wants them from -1 to 1.
    const position = add(slice(flow, [1], [component], [component + 1]), pixels);
    return reshape(sub(mul(position, 2 / Math.max(1, size - 1)), 1), [batch, height, width, 1]);
  };
  const grid = concat([along(0, width, [1, 1, 1, width]), along(1, height, [1, 1, height, 1])], 3);
  return gridSample(image, grid, { padding: 'border', alignCorners: true });
}
