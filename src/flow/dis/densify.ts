// Densification: each pixel's displacement from the patches that cover it, those that fit it well counting more.
import { bilinear, type Level } from './level.js';
import { PATCH, type PatchGrid } from './patchSearch.js';

/** Where a patch covers pixels outside the second picture, they are compared with what is so far inside its last column or row, in pixels. */
const INSIDE = 1e-3;

/**
 * Writes into `u`, `v` (one value a pixel of the level) the mean of the covering patches' displacements, each weighted by
 * 1 / max(1, |difference of the grey values|). The last patch of a row or column also stands for the pixels beyond it.
 */
export function densify(level: Level, grid: PatchGrid, u: Float32Array, v: Float32Array): void {
  const { width, height, from } = level;
  const { columns, rows, stride } = grid;
  const lastX = Math.fround(width - 1 - INSIDE);
  const lastY = Math.fround(height - 1 - INSIDE);
  const weights = new Float32Array(width * height);
  u.fill(0);
  v.fill(0);
  for (let row = 0; row < rows; row++) {
    const top = row * stride;
    const bottom = row === rows - 1 ? height : top + PATCH;
    for (let column = 0; column < columns; column++) {
      const left = column * stride;
      const right = column === columns - 1 ? width : left + PATCH;
      const patchU = grid.u[row * columns + column];
      const patchV = grid.v[row * columns + column];
      for (let y = top; y < bottom; y++) {
        const toY = Math.min(lastY, Math.max(0, Math.fround(y + patchV)));
        for (let x = left; x < right; x++) {
          const toX = Math.min(lastX, Math.max(0, Math.fround(x + patchU)));
          const at = y * width + x;
          const weight = 1 / Math.max(1, Math.abs(bilinear(level, toX, toY) - from[at]));
          weights[at] += weight;
          u[at] += weight * patchU;
          v[at] += weight * patchV;
        }
      }
    }
  }
  for (let at = 0; at < weights.length; at++) {
    u[at] /= weights[at];
    v[at] /= weights[at];
  }
}
