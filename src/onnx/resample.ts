// Resampling of N×C×H×W by constant matrices: two products, whose gradient is two products with the transposes.
import { adaptiveAverageMatrix, type CoordinateMode, interpolationMatrix } from '../tensor/interpolation.js';
import { tensor } from '../tensor/tensor.js';
import { constant, type Value } from './graph.js';
import { matMul } from './ops.js';

/** Bilinear resampling to height × width. */
export function bilinear(
  x: Value,
  height: number,
  width: number,
  coordinates: CoordinateMode = 'align_corners',
): Value {
  return alongAxes(x, height, width, (inputs, outputs) => interpolationMatrix(inputs, outputs, coordinates));
}

/** Adaptive average pooling to height × width. */
export function adaptiveAveragePool(x: Value, height: number, width: number): Value {
  return alongAxes(x, height, width, adaptiveAverageMatrix);
}

/** The axis whose product leaves less work for the other goes first. */
function alongAxes(
  x: Value,
  height: number,
  width: number,
  matrixOf: (inputs: number, outputs: number) => Float32Array,
): Value {
  const [rows, columns] = x.shape.slice(2);
  const alongWidth = (value: Value) => {
    if (columns === width) return value;
    const matrix = transposed(matrixOf(columns, width), width, columns);
    return matMul(value, constant(x.graph, tensor('float32', [columns, width], matrix)));
  };
  const alongHeight = (value: Value) => {
    if (rows === height) return value;
    return matMul(constant(x.graph, tensor('float32', [height, rows], matrixOf(rows, height))), value);
  };
  const widthFirst = rows * columns * width + height * rows * width;
  const heightFirst = height * rows * columns + height * columns * width;
  return widthFirst <= heightFirst ? alongHeight(alongWidth(x)) : alongWidth(alongHeight(x));
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column];
  }
  return result;
}
