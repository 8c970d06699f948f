// Resampling of N×C×H×W by constant matrices: two products, whose gradient is two products with the transposes.
import { type CoordinateMode, interpolationMatrix, transposedMatrix } from '../tensor/interpolation.js';
import { tensor } from '../tensor/tensor.js';
import { constant, type Value } from './graph.js';
import { matMul } from './ops.js';

/** Bilinear resampling to height × width. The axis whose product leaves less work for the other goes first. */
export function bilinear(
  x: Value,
  height: number,
  width: number,
  coordinates: CoordinateMode = 'align_corners',
): Value {
  const [rows, columns] = x.shape.slice(2);
  const alongWidth = (value: Value) => {
    if (columns === width) return value;
    const matrix = transposedMatrix(interpolationMatrix(columns, width, coordinates), width, columns);
    return matMul(value, constant(x.graph, tensor('float32', [columns, width], matrix)));
  };
  const alongHeight = (value: Value) => {
    if (rows === height) return value;
    const matrix = interpolationMatrix(rows, height, coordinates);
    return matMul(constant(x.graph, tensor('float32', [height, rows], matrix)), value);
  };
  const widthFirst = rows * columns * width + height * rows * width;
  const heightFirst = height * rows * columns + height * columns * width;
  return widthFirst <= heightFirst ? alongHeight(alongWidth(x)) : alongWidth(alongHeight(x));
}
