// One-dimensional resampling as a matrix: fixed linear maps whose gradient is the transposed matrix. Positions and weights are
// computed in float32, step by step as ONNX Runtime does: where a position falls between two pixels hangs on its rounding.

const coordinateModes = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
] as const;

/** How scores are brought to the size of an image: bilinear, with the corners aligned or with half-pixel centres. */
export type EnlargementMode = 'align_corners' | 'half_pixel';

/** How output positions map to input positions, named as in ONNX's Resize. */
export type CoordinateMode = (typeof coordinateModes)[number];

/** Whether a coordinate transformation mode of ONNX's Resize is one of these. */
export function isCoordinateMode(name: string): name is CoordinateMode {
  return coordinateModes.some((mode) => mode === name);
}

const nearestModes = ['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'] as const;

/** How `nearest` rounds, named as in ONNX's Resize. */
export type NearestMode = (typeof nearestModes)[number];

/** Whether a nearest mode of ONNX's Resize is one of these. */
export function isNearestMode(name: string): name is NearestMode {
  return nearestModes.some((mode) => mode === name);
}

/** `linear`, `cubic`, or how `nearest` rounds. */
export type InterpolationMode = 'linear' | 'cubic' | NearestMode;

/** How one axis is resampled. */
export interface Resampling {
  readonly coordinates: CoordinateMode;
  readonly mode: InterpolationMode;
  /** Outputs per input; outputs/inputs unless the operator was given another. */
  readonly scale?: number | undefined;
  /** Of `tf_crop_and_resize`: the part of the input that is seen, as shares of its length. */
  readonly region?: readonly [start: number, end: number] | undefined;
  /** Of `cubic`: how far the kernel swings; -0.75 by default. */
  readonly cubicCoefficient?: number | undefined;
  /** Of `cubic`: whether pixels beyond the border count for nothing, instead of repeating the border. */
  readonly excludeOutside?: boolean | undefined;
  /** Whether the kernel is as wide as an output pixel where the size shrinks. */
  readonly antialias?: boolean | undefined;
}

const float = Math.fround;

/** Position in the input that output `index` samples. */
function sourcePosition(index: number, inputs: number, outputs: number, scale: number, how: Resampling): number {
  const halfPixel = () => float(float(float(index + 0.5) / scale) - 0.5);
  switch (how.coordinates) {
    case 'align_corners':
      return outputs === 1 ? 0 : float(float(index * (inputs - 1)) / (outputs - 1));
    case 'asymmetric':
      return float(index / scale);
    case 'half_pixel':
      return halfPixel();
    case 'half_pixel_symmetric': {
      const adjustment = float(outputs / float(scale * inputs));
      return float(float((inputs / 2) * float(1 - adjustment)) + (index + 0.5) / scale - 0.5);
    }
    case 'pytorch_half_pixel':
      return outputs === 1 ? 0 : halfPixel();
    case 'tf_half_pixel_for_nn':
      return float(float(index + 0.5) / scale);
    case 'tf_crop_and_resize': {
      const [start, end] = (how.region ?? [0, 1]).map(float);
      if (outputs === 1) return float(0.5 * float(start + end) * (inputs - 1));
      const offset = float(float(float(index * float(end - start)) * (inputs - 1)) / (outputs - 1));
      return float(float(start * (inputs - 1)) + offset);
    }
  }
}

/** How near to the middle of two pixels the engine takes a position for the middle. */
const middle = 1e-6;

function rounded(position: number, mode: NearestMode): number {
  const low = Math.floor(position);
  const beyond = position - low - 0.5;
  switch (mode) {
    case 'floor':
      return low;
    case 'ceil':
      return Math.ceil(position);
    case 'round_prefer_floor':
      return beyond > middle ? low + 1 : low;
    case 'round_prefer_ceil':
      return beyond < -middle ? low : low + 1;
  }
}

/** Keys' cubic kernel. */
function cubicKernel(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Pixels (perhaps beyond the border) and their weights at a position. */
function tapsAt(position: number, inputs: number, how: Resampling): [index: number, weight: number][] {
  const { mode } = how;
  const last = inputs - 1;
  if (mode === 'linear') {
    const clamped = Math.min(Math.max(position, 0), last);
    const low = Math.floor(clamped);
    if (low === last) return [[last, 1]];
    return [
      [low, float(low + 1 - clamped)],
      [low + 1, float(clamped - low)],
    ];
  }
  if (mode === 'cubic') {
    const low = Math.floor(position);
    const a = how.cubicCoefficient ?? -0.75;
    return [-1, 0, 1, 2].map((step) => [low + step, cubicKernel(position - low - step, a)]);
  }
  return [[rounded(position, mode), 1]];
}

/** Pixels and weights of a kernel stretched to the width of an output pixel. */
function smoothTapsAt(position: number, scale: number, how: Resampling): [index: number, weight: number][] {
  const stretch = Math.max(1, 1 / scale);
  const kernel = (x: number) =>
    how.mode === 'cubic' ? cubicKernel(x, how.cubicCoefficient ?? -0.75) : Math.max(0, 1 - Math.abs(x));
  const reach = stretch * (how.mode === 'cubic' ? 2 : 1);
  const centre = position + 0.5;
  const [first, end] = [Math.floor(centre - reach + 0.5), Math.floor(centre + reach + 0.5)];
  const taps = Array.from({ length: end - first }, (_, i): [number, number] => [
    first + i,
    kernel((first + i + 0.5 - centre) / stretch),
  ]);
  const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
  return taps.map(([index, weight]) => [index, weight / total]);
}

/**
 * Row-major outputs × inputs matrix of one axis of a resampling of several. In `tf_crop_and_resize` what lies outside the
 * input is a constant: its row is zero.
 */
export function resamplingMatrix(inputs: number, outputs: number, how: Resampling): Float32Array<ArrayBuffer> {
  const matrix = new Float32Array(outputs * inputs);
  const smooth = how.antialias === true && (how.mode === 'linear' || how.mode === 'cubic');
  const scale = smooth && inputs === outputs ? 1 : float(how.scale ?? outputs / inputs);
  for (let row = 0; row < outputs; row++) {
    // The engine takes an axis of scale 1 as it is, whatever the mode; with smoothing, one whose size stays.
    const position = scale === 1 ? row : sourcePosition(row, inputs, outputs, scale, how);
    if (how.coordinates === 'tf_crop_and_resize' && (position < 0 || position > inputs - 1)) continue;
    let taps = smooth ? smoothTapsAt(position, scale, how) : tapsAt(position, inputs, how);
    if (how.excludeOutside) {
      taps = taps.filter(([index]) => index >= 0 && index < inputs);
      const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
      taps = taps.map(([index, weight]) => [index, weight / total]);
    }
    for (const [index, weight] of taps) matrix[row * inputs + Math.min(Math.max(index, 0), inputs - 1)] += weight;
  }
  return matrix;
}

/**
 * Row-major outputs × inputs matrix of resampling one axis alone; `scale` is outputs/inputs unless the operator was given
 * another. Where the size stays, the engine copies, whatever the scale.
 */
export function interpolationMatrix(
  inputs: number,
  outputs: number,
  coordinates: CoordinateMode,
  mode: InterpolationMode = 'linear',
  scale: number = outputs / inputs,
): Float32Array<ArrayBuffer> {
  return resamplingMatrix(inputs, outputs, { coordinates, mode, scale: inputs === outputs ? 1 : scale });
}

/** A row-major rows × columns matrix transposed. */
export function transposedMatrix(matrix: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
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
