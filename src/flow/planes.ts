// Flow as networks and graphs take it: a plane of u and a plane of v.
import type { OpticalFlow } from '../media/image.js';
import type { Tensor } from '../tensor/tensor.js';

/** The flow as a tensor 2×height×width, in pixels: u right, then v down. */
export function flowPlanes({ width, height, data }: OpticalFlow): Tensor<'float32'> {
  const pixels = width * height;
  const planes = new Float32Array(2 * pixels);
  for (let i = 0; i < pixels; i++) {
    planes[i] = data[2 * i];
    planes[pixels + i] = data[2 * i + 1];
  }
  return { dtype: 'float32', shape: [2, height, width], data: planes };
}
