// What a network is fed: prepared planes in the layout and element type of its input.

import type { Size } from '../media/image.js';
import { float32ToFloat16 } from '../tensor/half.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import type { NetworkInput } from './network.js';

/** The tensor of an input from planes `[3, height, width]`, which it may share. Bytes are rounded. */
export function feedOf(planes: Float32Array, { dtype, layout }: NetworkInput, { height, width }: Size): Tensor {
  const shape = layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
  const values = layout === 'nchw' ? planes : interleaved(planes, 3);
  if (dtype === 'float16') return tensor('float16', shape, float32ToFloat16(values));
  if (dtype === 'uint8') return tensor('uint8', shape, new Uint8Array(Uint8ClampedArray.from(values).buffer));
  return tensor('float32', shape, values);
}

/** Planes `[channels, pixels]` as `[pixels, channels]`. */
export function interleaved(planes: Float32Array, channels: number): Float32Array {
  const pixels = planes.length / channels;
  const values = new Float32Array(planes.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0, at = channel; pixel < pixels; pixel++, at += channels) {
      values[at] = planes[channel * pixels + pixel];
    }
  }
  return values;
}
