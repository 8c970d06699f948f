// Constancy constraints: what the flow's change must satisfy at each pixel for grey values and their gradients to stay the same.
import { bilinear, type Level } from './level.js';

/** Numbers a pixel in the result of `constraintsAt`. */
export const CONSTRAINTS = 9;

/** Keeps the normalisation finite where a picture is flat; grey values squared. */
export const FLAT = 0.01;

/** Coordinates are rounded to such parts of a pixel before the second picture is sampled, as OpenCV's remapping does it. */
const SUBPIXELS = 32;

/**
 * Three linear constraints a pixel on the change (du, dv) of the flow `u`, `v`, each as (a, b, c) of a·du + b·dv + c = 0: the grey
 * value, its slope to the right and its slope down are the same in both pictures. Each is divided by the length of its gradient, so
 * that its left side is a distance in pixels (the normalisation of Zimmer, Bruhn and Weickert, IJCV 2011).
 */
export function constraintsAt(level: Level, u: Float32Array, v: Float32Array): Float32Array {
  const { width, height, from } = level;
  const mean = new Float32Array(width * height);
  const change = new Float32Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const column = Math.min(width - 1, Math.max(0, toSubpixel(x + u[at])));
      const row = Math.min(height - 1, Math.max(0, toSubpixel(y + v[at])));
      const moved = bilinear(level, column, row);
      mean[at] = (from[at] + moved) / 2;
      change[at] = moved - from[at];
    }
  }
  const [gx, gy] = slopes(mean, width, height);
  const [gxx, gxy] = slopes(gx, width, height);
  const [, gyy] = slopes(gy, width, height);
  const [changeX, changeY] = slopes(change, width, height);
  const constraints = new Float32Array(CONSTRAINTS * width * height);
  let o = 0;
  for (let at = 0; at < mean.length; at++) {
    const ofGrey = 1 / Math.sqrt(gx[at] * gx[at] + gy[at] * gy[at] + FLAT);
    constraints[o++] = ofGrey * gx[at];
    constraints[o++] = ofGrey * gy[at];
    constraints[o++] = ofGrey * change[at];
    const ofX = 1 / Math.sqrt(gxx[at] * gxx[at] + gxy[at] * gxy[at] + FLAT);
    constraints[o++] = ofX * gxx[at];
    constraints[o++] = ofX * gxy[at];
    constraints[o++] = ofX * changeX[at];
    const ofY = 1 / Math.sqrt(gxy[at] * gxy[at] + gyy[at] * gyy[at] + FLAT);
    constraints[o++] = ofY * gxy[at];
    constraints[o++] = ofY * gyy[at];
    constraints[o++] = ofY * changeY[at];
  }
  return constraints;
}

function toSubpixel(coordinate: number): number {
  return Math.round(Math.fround(coordinate) * SUBPIXELS) / SUBPIXELS;
}

/** Differences of the neighbours right and left, and below and above; at an edge, of the pixel and its one neighbour. */
function slopes(plane: Float32Array, width: number, height: number): [x: Float32Array, y: Float32Array] {
  const slopeX = new Float32Array(plane.length);
  const slopeY = new Float32Array(plane.length);
  for (let y = 0, at = 0; y < height; y++) {
    const above = y > 0 ? width : 0;
    const below = y < height - 1 ? width : 0;
    for (let x = 0; x < width; x++, at++) {
      slopeX[at] = plane[x < width - 1 ? at + 1 : at] - plane[x > 0 ? at - 1 : at];
      slopeY[at] = plane[at + below] - plane[at - above];
    }
  }
  return [slopeX, slopeY];
}
