// One-dimensional resampling as a matrix: fixed linear maps whose gradient is the transposed matrix.

const coordinateModes = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'] as const;

/** How output positions map to input positions, named as in ONNX's Resize. */
export type CoordinateMode = (typeof coordinateModes)[number];

/** Whether a coordinate transformation mode of ONNX's Resize is one of these. */
export function isCoordinateMode(name: string): name is CoordinateMode {
  return coordinateModes.some((mode) => mode === name);
}

/** `linear`, or how `nearest` rounds. */
export type InterpolationMode = 'linear' | 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil';

/** Position in the input that output `index` samples. */
function sourcePosition(
  index: number,
  inputs: number,
  outputs: number,
  scale: number,
  coordinates: CoordinateMode,
): number {
  switch (coordinates) {
    case 'align_corners':
      return outputs === 1 ? 0 : (index * (inputs - 1)) / (outputs - 1);
    case 'asymmetric':
      return index / scale;
    case 'half_pixel':
      return (index + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return outputs === 1 ? 0 : (index + 0.5) / scale - 0.5;
  }
}

function rounded(position: number, mode: Exclude<InterpolationMode, 'linear'>): number {
  switch (mode) {
    case 'floor':
      return Math.floor(position);
    case 'ceil':
      return Math.ceil(position);
    case 'round_prefer_floor':
      return Math.ceil(position - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(position + 0.5);
  }
}

/** Row-major outputs × inputs matrix of a resampling; `scale` is outputs/inputs unless the operator was given another. */
export function interpolationMatrix(
  inputs: number,
  outputs: number,
  coordinates: CoordinateMode,
  mode: InterpolationMode = 'linear',
  scale: number = outputs / inputs,
): Float32Array {
  const matrix = new Float32Array(outputs * inputs);
  for (let row = 0; row < outputs; row++) {
    const position = sourcePosition(row, inputs, outputs, scale, coordinates);
    if (mode === 'linear') {
      const clamped = Math.min(Math.max(position, 0), inputs - 1);
      const low = Math.floor(clamped);
      const high = Math.min(low + 1, inputs - 1);
      matrix[row * inputs + low] += 1 - (clamped - low);
      matrix[row * inputs + high] += clamped - low;
    } else {
      matrix[row * inputs + Math.min(Math.max(rounded(position, mode), 0), inputs - 1)] = 1;
    }
  }
  return matrix;
}

/** A row-major rows × columns matrix transposed. */
export function transposedMatrix(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column];
  }
  return result;
}

/** Row-major outputs × inputs matrix of adaptive average pooling: output i averages inputs ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉ - 1. */
export function adaptiveAverageMatrix(inputs: number, outputs: number): Float32Array {
  const matrix = new Float32Array(outputs * inputs);
  for (let row = 0; row < outputs; row++) {
    const start = Math.floor((row * inputs) / outputs);
    const end = Math.ceil(((row + 1) * inputs) / outputs);
    matrix.fill(1 / (end - start), row * inputs + start, row * inputs + end);
  }
  return matrix;
}
