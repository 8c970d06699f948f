// FlowNet's correlation layer: how well each place of one feature map fits the places around it in another.
import type { Value } from '../onnx/graph.js';
import { concat, matMul, mul, pad, reshape, slice, transpose } from '../onnx/ops.js';

export interface CorrelationOptions {
  /** Largest displacement along each axis, in pixels. Default 20. */
  readonly maxDisplacement?: number;
  /** Distance between displacements, in pixels. Default 2. */
  readonly stride?: number;
}

/**
 * `out[n, k, y, x] = mean over c of a[n, c, y, x] · b[n, c, y + dy, x + dx]`, zero outside of b, for all displacements
 * k = (dy, dx) with dy outermost (Dosovitskiy et al., FlowNet, ICCV 2015, with one-pixel patches).
 *
 * One row of `a` against one row of `b` is a matrix product that gives every pair (x, x'). It computes more pairs than
 * are wanted, and is still many times faster than one elementwise product a displacement.
 *
 * @returns N×(2·⌊maxDisplacement/stride⌋+1)²×H×W.
 */
export function correlation(a: Value, b: Value, options: CorrelationOptions = {}): Value {
  const { maxDisplacement = 20, stride = 2 } = options;
  const [batch, channels, height, width] = a.shape;
  const reach = Math.floor(maxDisplacement / stride) * stride;
  const padded = width + 2 * reach;
  const rowsOfA = transpose(mul(a, 1 / channels), [0, 2, 3, 1]);
  const rowsOfB = transpose(pad(b, [0, 0, reach, reach, 0, 0, reach, reach]), [0, 2, 1, 3]);
  const maps: Value[] = [];
  for (let dy = 0; dy <= 2 * reach; dy += stride) {
    const pairs = matMul(rowsOfA, slice(rowsOfB, [1], [dy], [dy + height]));
    // Rows of one more element than `pairs` has: then the pairs of one displacement stand below each other.
    const flat = pad(reshape(pairs, [batch, height, width * padded]), [0, 0, 0, 0, 0, width]);
    const skewed = reshape(flat, [batch, height, width, padded + 1]);
    maps.push(slice(skewed, [3], [0], [2 * reach + 1], [stride]));
  }
  return transpose(concat(maps, 3), [0, 3, 1, 2]);
}
