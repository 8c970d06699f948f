// Label maps at another size.
import type { LabelMap } from '../media/image.js';

/** The labels at `height × width`: each pixel takes that of the pixel it lies in, with half-pixel centres as frames are resized. */
export function resizedLabels({ data, ...from }: LabelMap, height: number, width: number): Uint8Array {
  if (from.height === height && from.width === width) return data;
  const labels = new Uint8Array(height * width);
  const columns = Int32Array.from({ length: width }, (_, x) => Math.floor(((2 * x + 1) * from.width) / (2 * width)));
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(((2 * y + 1) * from.height) / (2 * height)) * from.width;
    for (let x = 0; x < width; x++, at++) labels[at] = data[row + columns[x]];
  }
  return labels;
}
