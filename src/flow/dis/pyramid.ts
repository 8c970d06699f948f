// Grey pictures of falling size, as dense inverse search compares them: area averages, their gradients, a border.
import type { RgbImage } from '../../media/image.js';

/** 8-bit grey values in rows. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Pixels that the second picture is continued by on each side: enough for a patch wholly outside. */
export const BORDER = 16;

/** Luma of ITU-R BT.601 in whole steps of 2⁻¹⁵, rounded, as OpenCV's conversion does it. */
export function greyImage({ width, height, data }: RgbImage): GreyImage {
  const grey = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    grey[i] = (data[at] * 9798 + data[at + 1] * 19235 + data[at + 2] * 3735 + 16384) >> 15;
  }
  return { width, height, data: grey };
}

/** A smaller picture of which each pixel is the mean of the area it stands for. */
export function shrunken(image: GreyImage, width: number, height: number): GreyImage {
  if (width === image.width && height === image.height) return image;
  const halves = image.width === 2 * width && image.height === 2 * height;
  return { width, height, data: halves ? halved(image) : areaAverages(image, width, height) };
}

/** Means of 2×2 pixels, halves rounded up. */
function halved({ width, height, data }: GreyImage): Uint8Array {
  const out = new Uint8Array((width / 2) * (height / 2));
  for (let y = 0, to = 0; y < height; y += 2) {
    const end = (y + 1) * width;
    for (let at = y * width; at < end; at += 2) {
      out[to++] = (data[at] + data[at + 1] + data[at + width] + data[at + width + 1] + 2) >> 2;
    }
  }
  return out;
}

/** Means of areas that may cut pixels, halves rounded to even; in 32 bits, since halves are common and depend on it. */
function areaAverages(image: GreyImage, width: number, height: number): Uint8Array {
  const columns = coverage(image.width, width);
  const rows = coverage(image.height, height);
  const { start, pixel, share } = columns;
  const { data } = image;
  const narrowed = new Float32Array(width * image.height);
  for (let y = 0, to = 0; y < image.height; y++) {
    const row = y * image.width;
    for (let x = 0, k = 0; x < width; x++) {
      let sum = 0;
      for (; k < start[x + 1]; k++) sum = Math.fround(sum + Math.fround(data[row + pixel[k]] * share[k]));
      narrowed[to++] = sum;
    }
  }
  const sums = new Float32Array(width);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = rows.start[y]; k < rows.start[y + 1]; k++) {
      const row = rows.pixel[k] * width;
      const share = rows.share[k];
      for (let x = 0; x < width; x++) sums[x] += Math.fround(narrowed[row + x] * share);
    }
    for (let x = 0; x < width; x++) out[y * width + x] = roundHalfEven(sums[x]);
  }
  return out;
}

/** Along one axis, the old pixels that each new one covers and their shares of it; new pixel i has the entries from start[i] on. */
function coverage(from: number, to: number): { start: Int32Array; pixel: Int32Array; share: Float32Array } {
  const scale = from / to;
  const start = new Int32Array(to + 1);
  const most = to * (Math.ceil(scale) + 1);
  const pixel = new Int32Array(most);
  const share = new Float32Array(most);
  let count = 0;
  for (let i = 0; i < to; i++) {
    start[i] = count;
    const low = i * scale;
    const high = Math.min(from, low + scale);
    for (let p = Math.floor(low); p < high; p++) {
      const covered = Math.min(high, p + 1) - Math.max(low, p);
      if (covered < MIN_COVERED) continue;
      pixel[count] = p;
      share[count++] = covered / (high - low);
    }
  }
  start[to] = count;
  return { start, pixel, share };
}

/** Of a pixel; what is less comes from rounding. */
const MIN_COVERED = 1e-3;

function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** Sobel's 3×3 derivatives to the right and down, eight times the slope a pixel; the picture is mirrored at its edge pixels. */
export function gradients({ width, height, data }: GreyImage): { x: Float32Array; y: Float32Array } {
  const x = new Float32Array(width * height);
  const y = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const above = mirrored(row - 1, height) * width;
    const here = row * width;
    const below = mirrored(row + 1, height) * width;
    for (let column = 0; column < width; column++) {
      const left = column === 0 ? mirrored(-1, width) : column - 1;
      const right = column === width - 1 ? mirrored(width, width) : column + 1;
      const [a, b] = [data[above + left], data[above + right]];
      const [c, d] = [data[below + left], data[below + right]];
      x[here + column] = b - a + 2 * (data[here + right] - data[here + left]) + d - c;
      y[here + column] = c - a + 2 * (data[below + column] - data[above + column]) + d - b;
    }
  }
  return { x, y };
}

/** An index next to 0..count-1, mirrored at the first and last pixel, which are not repeated. */
function mirrored(index: number, count: number): number {
  if (count === 1) return 0;
  if (index < 0) return -index;
  return index < count ? index : 2 * count - 2 - index;
}

/** The grey values continued by their edge pixels, `BORDER` on each side: rows of width + 2·BORDER. */
export function bordered({ width, height, data }: GreyImage): Float32Array {
  const stride = width + 2 * BORDER;
  const out = new Float32Array(stride * (height + 2 * BORDER));
  for (let row = 0; row < height + 2 * BORDER; row++) {
    const source = Math.min(height - 1, Math.max(0, row - BORDER)) * width;
    const at = row * stride;
    out.fill(data[source], at, at + BORDER);
    for (let x = 0; x < width; x++) out[at + BORDER + x] = data[source + x];
    out.fill(data[source + width - 1], at + BORDER + width, at + stride);
  }
  return out;
}
