// Which places the sun does not reach: heights of what casts shadow, sheared along the sunlight onto the ground.
import { firstWhole, lastWhole } from './raster.js';
import type { Scene } from './scene.js';
import type { Pose, Vector3 } from './vector.js';

/** Side of a texel in metres; the map covers `COLUMNS` by `ROWS` of them ahead of the camera. */
const TEXEL = 0.125;
const COLUMNS = 512;
const ROWS = 736;
/** How far the map reaches behind the camera, in metres. */
const BEHIND = 6;

/**
 * A point (x, y, z) falls onto texel `((x - y·shearX)/TEXEL - left, (z - y·shearZ)/TEXEL - back)` along the sunlight,
 * and lies in shadow when the height stored there is above it.
 */
export interface ShadowMap {
  readonly shearX: number;
  readonly shearZ: number;
  readonly left: number;
  readonly back: number;
  readonly heights: Float32Array;
}

/** Buffer for a shadow map. */
export function createShadowBuffer(): Float32Array {
  return new Float32Array(COLUMNS * ROWS);
}

const LOWEST = -1e3;
const corners = new Float64Array(3 * 64);

/** Draws what casts shadow around the camera. Faces turned from the sun cast it, so that lit faces never shade themselves. */
export function drawShadows(
  scene: Scene,
  bodyToWorld: readonly Pose[],
  camera: Pose,
  sun: Vector3,
  heights: Float32Array,
): ShadowMap {
  const shearX = sun[0] / sun[1];
  const shearZ = sun[2] / sun[1];
  // Anchored to whole texels of the world, so that outlines do not crawl with the camera.
  const left = Math.floor(camera[3] / TEXEL) - COLUMNS / 2;
  const back = Math.floor((camera[11] - BEHIND) / TEXEL);
  heights.fill(LOWEST);
  for (const primitive of scene.primitives) {
    if (!primitive.castsShadow) continue;
    const pose = bodyToWorld[primitive.body];
    if (primitive.kind === 'polygon') {
      const { normal } = primitive;
      const facing =
        (pose[0] * normal[0] + pose[1] * normal[1] + pose[2] * normal[2]) * sun[0] +
        (pose[4] * normal[0] + pose[5] * normal[1] + pose[6] * normal[2]) * sun[1] +
        (pose[8] * normal[0] + pose[9] * normal[1] + pose[10] * normal[2]) * sun[2];
      if (facing > 0 && !primitive.twoSided) continue;
      const count = primitive.points.length;
      for (let k = 0; k < count; k++) {
        const point = primitive.points[k];
        const y = pose[4] * point[0] + pose[5] * point[1] + pose[6] * point[2] + pose[7];
        corners[3 * k] =
          (pose[0] * point[0] + pose[1] * point[1] + pose[2] * point[2] + pose[3] - y * shearX) / TEXEL - left;
        corners[3 * k + 1] =
          (pose[8] * point[0] + pose[9] * point[1] + pose[10] * point[2] + pose[11] - y * shearZ) / TEXEL - back;
        corners[3 * k + 2] = y;
      }
      fillPolygon(count, heights);
    } else {
      const [x, y, z] = primitive.center;
      const centerY = pose[4] * x + pose[5] * y + pose[6] * z + pose[7];
      const column = (pose[0] * x + pose[1] * y + pose[2] * z + pose[3] - centerY * shearX) / TEXEL - left;
      const row = (pose[8] * x + pose[9] * y + pose[10] * z + pose[11] - centerY * shearZ) / TEXEL - back;
      // The sheared ellipsoid's shadow is an ellipse with this covariance: S·B·diag(radius²)·Bᵀ·Sᵀ.
      const [rx, ry, rz] = primitive.radii;
      let [xx, xz, zz] = [0, 0, 0];
      for (const [axis, radius] of [rx, ry, rz].entries()) {
        const dx = ((pose[axis] - pose[4 + axis] * shearX) * radius) / TEXEL;
        const dz = ((pose[8 + axis] - pose[4 + axis] * shearZ) * radius) / TEXEL;
        xx += dx * dx;
        xz += dx * dz;
        zz += dz * dz;
      }
      fillEllipse(column, row, xx, xz, zz, centerY, heights);
    }
  }
  return { shearX, shearZ, left, back, heights };
}

/** Share of sunlight that reaches (x, y, z), 0..1: four texels around its fall, weighted by nearness. */
export function sunlightAt(map: ShadowMap, x: number, y: number, z: number): number {
  const across = (x - y * map.shearX) / TEXEL - map.left;
  const along = (z - y * map.shearZ) / TEXEL - map.back;
  const column = Math.floor(across) | 0;
  const row = Math.floor(along) | 0;
  if (column < 0 || row < 0 || column >= COLUMNS - 1 || row >= ROWS - 1) return 1;
  const i = row * COLUMNS + column;
  const { heights } = map;
  const limit = y + 0.03;
  const fx = across - column;
  const fz = along - row;
  const upper = (heights[i] <= limit ? 1 - fx : 0) + (heights[i + 1] <= limit ? fx : 0);
  const lower = (heights[i + COLUMNS] <= limit ? 1 - fx : 0) + (heights[i + COLUMNS + 1] <= limit ? fx : 0);
  return upper + (lower - upper) * fz;
}

function fillPolygon(count: number, heights: Float32Array): void {
  let top = Number.POSITIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  let leftmost = Number.POSITIVE_INFINITY;
  let rightmost = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < count; k++) {
    top = Math.min(top, corners[3 * k + 1]);
    bottom = Math.max(bottom, corners[3 * k + 1]);
    leftmost = Math.min(leftmost, corners[3 * k]);
    rightmost = Math.max(rightmost, corners[3 * k]);
  }
  if (bottom < 0 || top > ROWS - 1 || rightmost < 0 || leftmost > COLUMNS - 1) return;
  const firstRow = firstWhole(top, ROWS);
  const lastRow = lastWhole(bottom, ROWS);
  for (let row = firstRow; row <= lastRow; row++) {
    let left = Number.POSITIVE_INFINITY;
    let right = Number.NEGATIVE_INFINITY;
    let leftHeight = 0;
    let rightHeight = 0;
    for (let k = 0, j = count - 1; k < count; j = k++) {
      const y0 = corners[3 * j + 1];
      const y1 = corners[3 * k + 1];
      if (y0 === y1 || row < Math.min(y0, y1) || row > Math.max(y0, y1)) continue;
      const t = (row - y0) / (y1 - y0);
      const x = corners[3 * j] + (corners[3 * k] - corners[3 * j]) * t;
      const height = corners[3 * j + 2] + (corners[3 * k + 2] - corners[3 * j + 2]) * t;
      if (x < left) {
        left = x;
        leftHeight = height;
      }
      if (x > right) {
        right = x;
        rightHeight = height;
      }
    }
    if (left > right) continue;
    const slope = right > left ? (rightHeight - leftHeight) / (right - left) : 0;
    // What is thinner than a texel still casts a shadow a texel wide.
    const middle = Math.round((left + right) / 2);
    const first = firstWhole(Math.min(middle, left), COLUMNS);
    const last = lastWhole(Math.max(middle, right), COLUMNS);
    for (let column = first; column <= last; column++) {
      const height = leftHeight + slope * (column - left);
      const i = row * COLUMNS + column;
      if (height > heights[i]) heights[i] = height;
    }
  }
}

function fillEllipse(
  column: number,
  row: number,
  xx: number,
  xz: number,
  zz: number,
  height: number,
  heights: Float32Array,
): void {
  const halfRows = Math.sqrt(zz);
  const firstRow = firstWhole(row - halfRows, ROWS);
  const lastRow = lastWhole(row + halfRows, ROWS);
  for (let r = firstRow; r <= lastRow; r++) {
    const dz = r - row;
    const middle = column + (xz / zz) * dz;
    const half = Math.sqrt(Math.max(0, (xx - (xz * xz) / zz) * (1 - (dz * dz) / zz)));
    const first = firstWhole(middle - half, COLUMNS);
    const last = lastWhole(middle + half, COLUMNS);
    for (let c = first; c <= last; c++) {
      const i = r * COLUMNS + c;
      if (height > heights[i]) heights[i] = height;
    }
  }
}
