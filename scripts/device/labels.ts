// Labels of a small picture by a network, as any device can be asked for them: here, in Node, in a browser.
import type { RgbImage } from '#src/media/image.js';
import type { SegmentationModel } from '#src/segment/model.js';
import { createRandom } from '#src/tensor/random.js';

/** Sides of the picture, and of the networks for it. */
export const smallSize = [64, 64] as const;
const [height, width] = smallSize;

/** Labels, row by row, of a picture that is the same everywhere; the model is released. */
export async function smallLabels(model: SegmentationModel): Promise<Uint8Array> {
  try {
    return (await model.segment(picture())).labels.data;
  } finally {
    await model.release();
  }
}

/** Noise in squares of 8: networks find several classes in it. */
function picture(): RgbImage {
  const random = createRandom(3);
  const tiles = Uint8Array.from({ length: 3 * (height / 8) * (width / 8) }, () => random.integer(256));
  const data = Uint8Array.from({ length: 3 * height * width }, (_, i) => {
    const [channel, column, row] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / (3 * width))];
    return tiles[3 * (Math.floor(row / 8) * (width / 8) + Math.floor(column / 8)) + channel];
  });
  return { width, height, data };
}
