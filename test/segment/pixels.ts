// Pictures for tests.
import type { Pixels } from '#src/segment/pixels.js';
import { createRandom } from '#src/tensor/random.js';

export function randomPixels(height: number, width: number, seed = 1): Pixels & { data: Uint8Array } {
  const random = createRandom(seed);
  return { width, height, data: Uint8Array.from({ length: height * width * 3 }, () => random.integer(256)) };
}

export function mirrored<P extends Pixels>(image: P): P {
  const data = image.data.slice();
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      for (let c = 0; c < 3; c++) {
        data[(y * image.width + x) * 3 + c] = image.data[(y * image.width + image.width - 1 - x) * 3 + c];
      }
    }
  }
  return { ...image, data };
}
