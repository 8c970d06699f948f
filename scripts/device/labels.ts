// Labels of a picture by the networks that ship, rebuilt at a small size, on a device.
import type { RgbImage } from '#src/media/image.js';
import { loadModel } from '#src/segment/loadModel.js';
import { type ShippedModel, shippedModelPath } from '#src/segment/shipped.js';
import { createRandom } from '#src/tensor/random.js';
import { fileStudent } from '#src/train/fileStudent.js';

const [height, width] = [64, 64];

/** Labels, row by row, of a picture of 64×64 that is the same everywhere. */
export async function smallLabels(name: ShippedModel, device: string): Promise<Uint8Array> {
  const student = await fileStudent(await shippedModelPath(name));
  const description = { classes: undefined };
  const bytes = student.toModel(student.weights, { size: [height, width], description });
  const model = await loadModel(bytes, { device });
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
