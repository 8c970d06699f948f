// Two pictures in one: side by side, or split along the diagonal.
import { SteadysegError } from '../base/errors.js';
import type { RgbImage } from './image.js';

export type Layout = 'diagonal' | 'side-by-side';

/** Half the width of the line between the two, as a share of the height. */
const LINE_SHARE = 1 / 400;

/** @throws SteadysegError when the sizes differ. */
export function compose(a: RgbImage, b: RgbImage, layout: Layout): RgbImage {
  if (a.width !== b.width || a.height !== b.height) {
    throw new SteadysegError(
      `expected two pictures of one size, found ${a.width}×${a.height} and ${b.width}×${b.height}`,
    );
  }
  return layout === 'diagonal' ? diagonal(a, b) : sideBySide(a, b);
}

/** A left, B right, and a white line where they meet. */
function sideBySide(a: RgbImage, b: RgbImage): RgbImage {
  const { width, height } = a;
  const row = width * 3;
  const data = new Uint8Array(row * 2 * height);
  const half = Math.max(1, Math.round(height * LINE_SHARE)) * 3;
  for (let y = 0; y < height; y++) {
    data.set(a.data.subarray(y * row, (y + 1) * row), y * row * 2);
    data.set(b.data.subarray(y * row, (y + 1) * row), y * row * 2 + row);
    data.fill(255, y * row * 2 + row - half, y * row * 2 + row + half);
  }
  return { width: width * 2, height, data };
}

/** A in the upper left triangle, B in the lower right one, a white line from the lower left corner to the upper right one. */
function diagonal(a: RgbImage, b: RgbImage): RgbImage {
  const { width, height } = a;
  const data = new Uint8Array(width * height * 3);
  const thickness = Math.max(1, height * LINE_SHARE);
  // How far the line reaches along a row to either side.
  const reach = (thickness * Math.hypot(width, height)) / height;
  for (let y = 0; y < height; y++) {
    const crossing = width * (1 - (y + 0.5) / height);
    const lineStart = Math.min(width, Math.max(0, Math.round(crossing - reach)));
    const lineEnd = Math.min(width, Math.max(0, Math.round(crossing + reach)));
    const row = y * width * 3;
    data.set(a.data.subarray(row, row + lineStart * 3), row);
    data.fill(255, row + lineStart * 3, row + lineEnd * 3);
    data.set(b.data.subarray(row + lineEnd * 3, row + width * 3), row + lineEnd * 3);
  }
  return { width, height, data };
}
