// A 3×3 convolution of small maps that are enlarged first, computed without enlarging them.
import { constant, type Value } from '../onnx/graph.js';
import { concat, matMul, reshape, slice, transpose } from '../onnx/ops.js';
import { interpolationMatrix } from '../tensor/interpolation.js';
import { tensor } from '../tensor/tensor.js';

/**
 * The 3×3 convolution (padded by 1) with `weight` (O×C×3×3) of the maps N×c×k×k, enlarged to the given size
 * (bilinear, align corners) and concatenated to C channels.
 *
 * Both steps are linear. With R the enlargement of rows, S_a a shift by a - 1 rows that brings in zeros, and likewise for
 * columns: Σ_ab S_a R (W_ab p) (S_b R)ᵀ. The products W_ab p are of k×k places only, and the shifted matrices side by
 * side are one matrix [S_0 R, S_1 R, S_2 R]: for a pyramid of 12 bins at 64×128 this is a hundredth of the work.
 */
export function enlargedConvolution(
  maps: readonly Value[],
  weight: Value,
  [height, width]: readonly [height: number, width: number],
): Value {
  const { graph } = weight;
  const outputs = weight.shape[0];
  let first = 0;
  const byRow = maps.map((map) => {
    const [batch, channels, size] = map.shape;
    const own = slice(weight, [1], [first], [first + channels]);
    first += channels;
    const taps = reshape(transpose(own, [0, 2, 3, 1]), [outputs * 9, channels]);
    const products = matMul(taps, reshape(map, [batch, channels, size * size]));
    const placed = transpose(reshape(products, [batch, outputs, 3, 3, size, size]), [0, 1, 2, 4, 3, 5]);
    const rows = constant(graph, tensor('float32', [height, 3 * size], shifted(size, height)));
    return matMul(rows, reshape(placed, [batch, outputs, 3 * size, 3 * size]));
  });
  const columns = maps.map((map) => {
    const size = map.shape[2];
    return constant(graph, tensor('float32', [width, 3 * size], shifted(size, width)));
  });
  return matMul(concat(byRow, 3), transpose(concat(columns, 1), [1, 0]));
}

/** Row-major outputs × 3·inputs: the enlargement shifted by -1, 0 and 1 rows, side by side, zeros where it leaves the map. */
function shifted(inputs: number, outputs: number): Float32Array {
  const enlargement = interpolationMatrix(inputs, outputs, 'align_corners');
  const matrix = new Float32Array(outputs * 3 * inputs);
  for (let row = 0; row < outputs; row++) {
    for (let tap = 0; tap < 3; tap++) {
      const from = row + tap - 1;
      if (from < 0 || from >= outputs) continue;
      matrix.set(enlargement.subarray(from * inputs, (from + 1) * inputs), (row * 3 + tap) * inputs);
    }
  }
  return matrix;
}
