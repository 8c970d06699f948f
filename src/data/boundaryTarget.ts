// What PIDNet's boundary head learns: where classes of a label map meet, as its authors find it with OpenCV's Canny.
import type { LabelMap } from '../media/image.js';

/** Boundaries so near to the border of the picture are left out. */
const border = 6;
/** tan(22.5°) in OpenCV's fixed point. */
const tangent = 13573;
const fixedPoint = 1 << 15;

/**
 * 1 at and around the boundaries of a label map (ids as they are, 255 counts as one), else 0: places where the Sobel gradient
 * is largest across its own direction (Canny with thresholds of 0), dilated by the square from -2 to +1.
 */
export function boundaryTarget({ width, height, data }: LabelMap): LabelMap {
  const [gx, gy] = sobel(data, width, height);
  const edges = new Uint8Array(width * height);
  const magnitude = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : Math.abs(gx[y * width + x]) + Math.abs(gy[y * width + x]);
  for (let y = border; y < height - border; y++) {
    for (let x = border; x < width - border; x++) {
      const at = y * width + x;
      if (gx[at] === 0 && gy[at] === 0) continue;
      const own = magnitude(x, y);
      const across = Math.abs(gx[at]) * tangent;
      const along = Math.abs(gy[at]) * fixedPoint;
      let largest: boolean;
      if (along < across) {
        largest = own > magnitude(x - 1, y) && own >= magnitude(x + 1, y);
      } else if (along > across + Math.abs(gx[at]) * 2 * fixedPoint) {
        largest = own > magnitude(x, y - 1) && own >= magnitude(x, y + 1);
      } else {
        const slope = gx[at] < 0 !== gy[at] < 0 ? -1 : 1;
        largest = own > magnitude(x - slope, y - 1) && own > magnitude(x + slope, y + 1);
      }
      if (largest) edges[at] = 1;
    }
  }
  return { width, height, data: dilated(edges, width, height) };
}

/** Both 3×3 derivatives; the border goes on beyond the picture. */
function sobel(data: Uint8Array, width: number, height: number): [gx: Int16Array, gy: Int16Array] {
  const gx = new Int16Array(width * height);
  const gy = new Int16Array(width * height);
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width;
    const here = y * width;
    const below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      const left = Math.max(0, x - 1);
      const right = Math.min(width - 1, x + 1);
      const corners = data[below + right] - data[above + left];
      const others = data[above + right] - data[below + left];
      gx[here + x] = corners + others + 2 * (data[here + right] - data[here + left]);
      gy[here + x] = corners - others + 2 * (data[below + x] - data[above + x]);
    }
  }
  return [gx, gy];
}

/** 1 where any pixel from two before to one after, in rows and columns, is 1. */
function dilated(edges: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (edges[y * width + x] === 0) continue;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 2); row++) {
        result.fill(1, row * width + Math.max(0, x - 1), row * width + Math.min(width - 1, x + 2) + 1);
      }
    }
  }
  return result;
}
