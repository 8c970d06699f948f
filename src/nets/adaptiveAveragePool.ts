// Averages over a fixed number of bins, whatever the input's size.
import { constant, type Value } from '../onnx/graph.js';
import { matMul, reduceMean } from '../onnx/ops.js';
import { adaptiveAverageMatrix } from '../tensor/interpolation.js';
import { tensor } from '../tensor/tensor.js';

/** N×C×H×W → N×C×bins×bins, as PyTorch's AdaptiveAvgPool2d: a matrix along each axis, whose bins may overlap. */
export function adaptiveAveragePool(x: Value, bins: number): Value {
  if (bins === 1) return reduceMean(x, [2, 3]);
  const [, , height, width] = x.shape;
  const rows = constant(x.graph, tensor('float32', [bins, height], adaptiveAverageMatrix(height, bins)));
  const columns = constant(
    x.graph,
    tensor('float32', [width, bins], transposed(adaptiveAverageMatrix(width, bins), bins)),
  );
  return matMul(rows, matMul(x, columns));
}

function transposed(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}
