// Inverse search: where the patches of a grid lie in the next picture, by gradient descent from the best of neighbouring displacements.
import type { Level } from './level.js';
import { BORDER } from './pyramid.js';

/** Side of a patch in pixels. */
export const PATCH = 8;

const PATCH_PIXELS = PATCH * PATCH;

/** The rows of patches are searched in so many bands, and displacements spread within a band only, as OpenCV does it. */
const BANDS = 8;

/** A smaller determinant of the structure tensor is that of a patch without structure. */
const MIN_DETERMINANT = 1e-3;

/** Displacements of patches, row by row; the first pixel of patch (row, column) is (row·stride, column·stride). */
export interface PatchGrid {
  readonly columns: number;
  readonly rows: number;
  readonly stride: number;
  readonly u: Float32Array;
  readonly v: Float32Array;
}

/** How the patches are laid out and searched. */
export interface PatchSearchOptions {
  /** Pixels from one patch to the next. */
  readonly stride: number;
  /** Steps of descent of a patch at most, half of them in each pass. */
  readonly iterations: number;
}

/**
 * Finds the displacements of the patches of a level, beginning with its dense flow `u`, `v` (one value a pixel).
 * Two passes, down and back up: a patch takes its own displacement or that of a neighbour this pass has been at, whichever fits
 * best, and descends from there by inverse compositional steps (Baker and Matthews, IJCV 2004): the structure tensor is
 * that of the first picture, so it is the same at every step. Patches are compared without their means.
 */
export function searchPatches(level: Level, u: Float32Array, v: Float32Array, options: PatchSearchOptions): PatchGrid {
  const { width, height } = level;
  const { stride } = options;
  const steps = Math.floor(options.iterations / 2);
  const columns = 1 + Math.floor((width - PATCH) / stride);
  const rows = 1 + Math.floor((height - PATCH) / stride);
  const grid = { columns, rows, stride, u: new Float32Array(columns * rows), v: new Float32Array(columns * rows) };
  const tensors = structureTensors(level, grid);
  const compare = patchComparison(level);
  const found = new Float64Array(3);

  const search = (row: number, column: number, beside: number, beyond: number) => {
    const [x, y] = [column * stride, row * stride];
    const patch = row * columns + column;
    const tensor = patch * TENSOR;
    const [sumX, sumY] = [tensors[tensor + 3], tensors[tensor + 4]];

    compare(x, y, grid.u[patch], grid.v[patch], sumX, sumY, found);
    let [difference, slopeX, slopeY] = found;
    for (const neighbour of [beside, beyond]) {
      if (neighbour < 0) continue;
      compare(x, y, grid.u[neighbour], grid.v[neighbour], sumX, sumY, found);
      if (found[0] >= difference) continue;
      [difference, slopeX, slopeY] = found;
      grid.u[patch] = grid.u[neighbour];
      grid.v[patch] = grid.v[neighbour];
    }

    const [xx, xy, yy] = [tensors[tensor], tensors[tensor + 1], tensors[tensor + 2]];
    let determinant = Math.fround(Math.fround(xx * yy) - Math.fround(xy * xy));
    if (Math.abs(determinant) < MIN_DETERMINANT) determinant = MIN_DETERMINANT;
    let [newU, newV] = [grid.u[patch], grid.v[patch]];
    for (let step = 1; ; step++) {
      newU = Math.fround(newU - (yy * slopeX - xy * slopeY) / determinant);
      newV = Math.fround(newV - (xx * slopeY - xy * slopeX) / determinant);
      if (step >= steps) break;
      const before = difference;
      compare(x, y, newU, newV, sumX, sumY, found);
      [difference, slopeX, slopeY] = found;
      // The step that no longer helps is made nevertheless, as OpenCV does it.
      if (difference >= before) step = steps;
    }
    // What went further than a patch went astray.
    if (Math.hypot(newU - grid.u[patch], newV - grid.v[patch]) > PATCH) return;
    grid.u[patch] = newU;
    grid.v[patch] = newV;
  };

  const bandRows = Math.ceil(rows / BANDS);
  for (let top = 0; top < rows; top += bandRows) {
    const bottom = Math.min(rows, top + bandRows);
    for (let row = top; row < bottom; row++) {
      for (let column = 0; column < columns; column++) {
        const patch = row * columns + column;
        const centre = (row * stride + PATCH / 2) * width + column * stride + PATCH / 2;
        grid.u[patch] = u[centre];
        grid.v[patch] = v[centre];
        search(row, column, column > 0 ? patch - 1 : -1, row > top ? patch - columns : -1);
      }
    }
    for (let row = bottom - 1; row >= top; row--) {
      for (let column = columns - 1; column >= 0; column--) {
        const patch = row * columns + column;
        search(row, column, column < columns - 1 ? patch + 1 : -1, row < bottom - 1 ? patch + columns : -1);
      }
    }
  }
  return grid;
}

/** Numbers a patch in the result of `structureTensors`. */
const TENSOR = 5;

/** Of each patch, the sums of gx², gx·gy, gy², gx and gy over its pixels. */
function structureTensors({ width, gradientX, gradientY }: Level, grid: PatchGrid): Float32Array {
  const { columns, rows, stride } = grid;
  const tensors = new Float32Array(TENSOR * columns * rows);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let [xx, xy, yy, x, y] = [0, 0, 0, 0, 0];
      for (let dy = 0; dy < PATCH; dy++) {
        const start = (row * stride + dy) * width + column * stride;
        for (let pixel = start; pixel < start + PATCH; pixel++) {
          const gx = gradientX[pixel];
          const gy = gradientY[pixel];
          xx += gx * gx;
          xy += gx * gy;
          yy += gy * gy;
          x += gx;
          y += gy;
        }
      }
      tensors[at++] = xx;
      tensors[at++] = xy;
      tensors[at++] = yy;
      tensors[at++] = x;
      tensors[at++] = y;
    }
  }
  return tensors;
}

/**
 * Compares the patch at (x, y) of the first picture with the second at (x + u, y + v), bilinear. Writes into `found` the sum of
 * squared differences without their mean, and its half derivatives by u and v for the first picture's gradient; `sumX` and
 * `sumY` are that gradient's sums over the patch.
 */
type PatchComparison = (
  x: number,
  y: number,
  u: number,
  v: number,
  sumX: number,
  sumY: number,
  found: Float64Array,
) => void;

function patchComparison({ width, height, from, to, gradientX, gradientY }: Level): PatchComparison {
  const toStride = width + 2 * BORDER;
  return (x, y, u, v, sumX, sumY, found) => {
    // A patch wholly outside sees the border wherever it is. Rounded where OpenCV, which computes in 32 bits, does so by most.
    const px = Math.min(width - 1 + BORDER, Math.max(1, Math.fround(Math.fround(x + u) + BORDER)));
    const py = Math.min(height - 1 + BORDER, Math.max(1, Math.fround(Math.fround(y + v) + BORDER)));
    const left = Math.floor(px);
    const top = Math.floor(py);
    const fx = px - left;
    const fy = py - top;
    let sum = 0;
    let squares = 0;
    let slopeX = 0;
    let slopeY = 0;
    for (let half = 0; half < PATCH; half += 4) {
      let a = y * width + x + half;
      let b = top * toStride + left + half;
      let t0 = to[b],
        t1 = to[b + 1],
        t2 = to[b + 2],
        t3 = to[b + 3],
        t4 = to[b + 4];
      let h0 = t0 + (t1 - t0) * fx;
      let h1 = t1 + (t2 - t1) * fx;
      let h2 = t2 + (t3 - t2) * fx;
      let h3 = t3 + (t4 - t3) * fx;
      for (let row = 0; row < PATCH; row++) {
        b += toStride;
        t0 = to[b];
        t1 = to[b + 1];
        t2 = to[b + 2];
        t3 = to[b + 3];
        t4 = to[b + 4];
        const n0 = t0 + (t1 - t0) * fx;
        const n1 = t1 + (t2 - t1) * fx;
        const n2 = t2 + (t3 - t2) * fx;
        const n3 = t3 + (t4 - t3) * fx;
        const d0 = h0 + (n0 - h0) * fy - from[a];
        const d1 = h1 + (n1 - h1) * fy - from[a + 1];
        const d2 = h2 + (n2 - h2) * fy - from[a + 2];
        const d3 = h3 + (n3 - h3) * fy - from[a + 3];
        sum += d0 + d1 + d2 + d3;
        squares += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3;
        slopeX += d0 * gradientX[a] + d1 * gradientX[a + 1] + d2 * gradientX[a + 2] + d3 * gradientX[a + 3];
        slopeY += d0 * gradientY[a] + d1 * gradientY[a + 1] + d2 * gradientY[a + 2] + d3 * gradientY[a + 3];
        h0 = n0;
        h1 = n1;
        h2 = n2;
        h3 = n3;
        a += width;
      }
    }
    found[0] = squares - (sum * sum) / PATCH_PIXELS;
    found[1] = slopeX - (sum * sumX) / PATCH_PIXELS;
    found[2] = slopeY - (sum * sumY) / PATCH_PIXELS;
  };
}
