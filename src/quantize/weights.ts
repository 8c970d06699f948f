// Weights as int8, symmetric, with a scale for each output channel, and biases as int32 in the scale of the sums they are added to.
import { float32, type Shape, type Tensor, tensor } from '../tensor/tensor.js';
import { roundToEven, smallestScale } from './affine.js';

/** Weights take all 8 bits, or 7 where sums of two products must fit 16 bits. */
export type WeightBits = 7 | 8;

/** Integers, and the scale of each output channel. */
export interface IntegerWeights {
  readonly integers: Tensor<'int8'>;
  readonly scales: Float32Array;
}

/** The largest integer of a bias: rounding errors of its scale must not lead past int32. */
const largestBias = 2 ** 30;

/**
 * A weight moves by at most half its channel's scale, which is its largest magnitude over 127 (63 of 7 bits), or more where the
 * bias would not fit int32.
 *
 * @param axis of the output channels.
 * @param bias of each channel; @param inputScale of what is multiplied: they bound the scales from below.
 */
export function integerWeights(
  weights: Tensor<'float32'>,
  axis: number,
  bits: WeightBits,
  bias: ArrayLike<number> | undefined,
  inputScale: number,
): IntegerWeights {
  const { shape, data } = weights;
  const channels = shape[axis];
  const channelOf = channelAlong(shape, axis);
  const largest = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) largest[channelOf(i)] = Math.max(largest[channelOf(i)], Math.abs(data[i]));
  const limit = 2 ** (bits - 1) - 1;
  const scales = Float32Array.from(largest, (most, c) => {
    const least = Math.abs(bias?.[c] ?? 0) / (inputScale * largestBias);
    const scale = Math.max(most / limit, least);
    return scale >= smallestScale ? scale : 1;
  });
  const integers = Int8Array.from(data, (weight, i) => {
    const rounded = roundToEven(weight / scales[channelOf(i)]);
    return Math.min(limit, Math.max(-limit, rounded));
  });
  return { integers: tensor('int8', shape, integers), scales };
}

/** The bias of each channel in units of the sums' scale. */
export function integerBias(
  bias: ArrayLike<number>,
  inputScale: number,
  weightScales: Float32Array,
): { readonly integers: Tensor<'int32'>; readonly scales: Tensor<'float32'> } {
  const scales = Float32Array.from(weightScales, (scale) => inputScale * scale);
  const integers = Int32Array.from(scales, (scale, c) => roundToEven(bias[c] / scale));
  return { integers: tensor('int32', [scales.length], integers), scales: float32([scales.length], scales) };
}

/** The index along an axis of an element of a row-major tensor. */
function channelAlong(shape: Shape, axis: number): (index: number) => number {
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  return (index) => Math.floor(index / stride) % shape[axis];
}
