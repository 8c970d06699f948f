// Convolutions with the batch normalisation behind them, or with normalisation and ReLU before them, named as PyTorch's sequences.
import type { Value } from '../onnx/graph.js';
import { relu } from '../onnx/ops.js';
import { batchNorm } from './batchNorm.js';
import { type ConvolutionOptions, convolution } from './convolution.js';
import type { Mode } from './mode.js';

/** Convolution `name.first` and its batch normalisation `name.{first + 1}`. */
export function normalizedConvolution(
  x: Value,
  name: string,
  options: ConvolutionOptions,
  mode: Mode,
  first = 0,
): Value {
  return batchNorm(convolution(x, `${name}.${first}`, options), `${name}.${first + 1}`, mode);
}

/** Batch normalisation `name.first`, ReLU, and the convolution `name.{first + 2}`. */
export function activatedConvolution(
  x: Value,
  name: string,
  options: ConvolutionOptions,
  mode: Mode,
  first = 0,
): Value {
  return convolution(relu(batchNorm(x, `${name}.${first}`, mode)), `${name}.${first + 2}`, options);
}
