// What a frame sees: poses, and for every half-pixel sample the nearest surface and its inverse depth.
import type { Camera } from './camera.js';
import { patterns } from './materials.js';
import { type Noise, noiseAt } from './noise.js';
import { firstWhole, lastWhole } from './raster.js';
import type { Ellipsoid, Polygon, Scene } from './scene.js';
import { compose, dot, invert, type Pose, transformDirection, transformPoint, type Vector3 } from './vector.js';

/** Nearer surfaces are cut off, in metres. */
const NEAR = 0.2;
/** Things whose bodies are farther away are left out, in metres (the ground and the backdrop are not). */
const FAR = 260;
/** Texels a metre of the noise that cuts holes between leaves. */
const LEAF_DENSITY = 45;
/** Numbers a primitive has in `View.planes`. */
export const PLANE_STRIDE = 9;

/**
 * One frame's geometry. Samples lie half a pixel apart: sample (gx, gy) is at pixel ((gx-1)/2, (gy-1)/2), so that odd
 * ones are pixel centres; there are `2·width+1` by `2·height+1` of them.
 */
export interface View {
  readonly frame: number;
  readonly camera: Camera;
  readonly columns: number;
  readonly rows: number;
  /** Ray of sample (gx, gy) in camera coordinates: `(gx·step + rayX, gy·step + rayY, 1)`. */
  readonly step: number;
  readonly rayX: number;
  readonly rayY: number;
  readonly worldToCamera: Pose;
  readonly cameraToWorld: Pose;
  readonly bodyToWorld: readonly Pose[];
  readonly bodyToCamera: readonly Pose[];
  readonly cameraToBody: readonly Pose[];
  /** 1/z of what each sample sees; 0 is sky. */
  readonly inverseDepth: Float32Array;
  /** The primitive each sample sees; -1 is sky. */
  readonly primitive: Int32Array;
  /**
   * Polygons: `1/z`, `u/z`, `v/z` as planes `a·gx + b·gy + c`, nine numbers.
   * Ellipsoids use `cameraToBody` instead.
   */
  readonly planes: Float64Array;
}

/** Buffers a view of this size needs; views that are no longer used give theirs back through it. */
export interface ViewBuffers {
  readonly inverseDepth: Float32Array;
  readonly primitive: Int32Array;
  readonly planes: Float64Array;
}

export function createViewBuffers(width: number, height: number, primitives: number): ViewBuffers {
  const samples = (2 * width + 1) * (2 * height + 1);
  return {
    inverseDepth: new Float32Array(samples),
    primitive: new Int32Array(samples),
    planes: new Float64Array(primitives * PLANE_STRIDE),
  };
}

/** Draws the scene as the camera sees it at `frame` into `buffers`. */
export function drawView(scene: Scene, camera: Camera, frame: number, noise: Noise, buffers: ViewBuffers): View {
  const cameraToWorld = camera.pose(frame);
  const worldToCamera = invert(cameraToWorld);
  const bodyToWorld = scene.motions.map((motion) => motion(frame));
  const bodyToCamera = bodyToWorld.map((pose) => compose(worldToCamera, pose));
  const cameraToBody = bodyToCamera.map(invert);
  const step = 1 / (2 * camera.focal);
  const view: View = {
    frame,
    camera,
    columns: 2 * camera.width + 1,
    rows: 2 * camera.height + 1,
    step,
    rayX: (-0.5 - camera.centerX) / camera.focal,
    rayY: (-0.5 - camera.centerY) / camera.focal,
    worldToCamera,
    cameraToWorld,
    bodyToWorld,
    bodyToCamera,
    cameraToBody,
    inverseDepth: buffers.inverseDepth,
    primitive: buffers.primitive,
    planes: buffers.planes,
  };
  view.inverseDepth.fill(0);
  view.primitive.fill(-1);
  for (let index = 0; index < scene.primitives.length; index++) {
    const primitive = scene.primitives[index];
    if (primitive.kind === 'polygon') drawPolygon(view, index, primitive);
    else drawEllipsoid(view, index, primitive, noise);
  }
  return view;
}

/** Corners of the polygon being drawn, in camera coordinates, before and after cutting at the near plane. */
const corners = new Float64Array(3 * 64);
const clipped = new Float64Array(3 * 64);

function drawPolygon(view: View, index: number, polygon: Polygon): void {
  const pose = view.bodyToCamera[polygon.body];
  const { points } = polygon;
  let nearest = Number.POSITIVE_INFINITY;
  let farthest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < points.length; k++) {
    const point = points[k];
    corners[3 * k] = pose[0] * point[0] + pose[1] * point[1] + pose[2] * point[2] + pose[3];
    corners[3 * k + 1] = pose[4] * point[0] + pose[5] * point[1] + pose[6] * point[2] + pose[7];
    const z = pose[8] * point[0] + pose[9] * point[1] + pose[10] * point[2] + pose[11];
    corners[3 * k + 2] = z;
    if (z < nearest) nearest = z;
    if (z > farthest) farthest = z;
  }
  if (farthest < NEAR || nearest > FAR) return;
  const normal = transformDirection(pose, polygon.normal);
  const distance = normal[0] * corners[0] + normal[1] * corners[1] + normal[2] * corners[2];
  if (Math.abs(distance) < 1e-6 || (distance > 0 && !polygon.twoSided)) return;
  const count = cutAtNear(points.length);
  if (count < 3) return;
  const { columns, rows, step, rayX, rayY } = view;
  let top = Number.POSITIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  let leftmost = Number.POSITIVE_INFINITY;
  let rightmost = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < count; k++) {
    const z = clipped[3 * k + 2];
    const gx = (clipped[3 * k] / z - rayX) / step;
    const gy = (clipped[3 * k + 1] / z - rayY) / step;
    clipped[3 * k] = gx;
    clipped[3 * k + 1] = gy;
    if (gy < top) top = gy;
    if (gy > bottom) bottom = gy;
    if (gx < leftmost) leftmost = gx;
    if (gx > rightmost) rightmost = gx;
  }
  if (rightmost < 0 || leftmost > columns - 1) return;
  setPlanes(view, index, polygon, normal, distance);
  const ringRadius = polygon.material.pattern === patterns.spokes ? polygon.material.numbers[0] : 0;
  const lastRow = lastWhole(bottom, rows);
  for (let gy = firstWhole(top, rows); gy <= lastRow; gy++) {
    let left = Number.POSITIVE_INFINITY;
    let right = Number.NEGATIVE_INFINITY;
    for (let k = 0, j = count - 1; k < count; j = k++) {
      const y0 = clipped[3 * j + 1];
      const y1 = clipped[3 * k + 1];
      if (y0 < y1 ? gy < y0 || gy > y1 : gy < y1 || gy > y0) continue;
      const x0 = clipped[3 * j];
      const x1 = clipped[3 * k];
      if (y0 === y1) {
        left = Math.min(left, x0, x1);
        right = Math.max(right, x0, x1);
      } else {
        const x = x0 + ((x1 - x0) * (gy - y0)) / (y1 - y0);
        if (x < left) left = x;
        if (x > right) right = x;
      }
    }
    const first = firstWhole(left, columns);
    const last = lastWhole(right, columns);
    if (ringRadius === 0) fillSpan(view, index, gy, first, last);
    else fillSpokes(view, index, gy, first, last, ringRadius);
  }
}

/** Cuts the polygon in `corners` at the near plane; returns how many corners are left in `clipped`. */
function cutAtNear(points: number): number {
  let count = 0;
  for (let k = 0; k < points; k++) {
    const from = 3 * k;
    const to = 3 * ((k + 1) % points);
    const inside = corners[from + 2] >= NEAR;
    if (inside) {
      clipped[3 * count] = corners[from];
      clipped[3 * count + 1] = corners[from + 1];
      clipped[3 * count + 2] = corners[from + 2];
      count++;
    }
    if (inside !== corners[to + 2] >= NEAR) {
      const t = (NEAR - corners[from + 2]) / (corners[to + 2] - corners[from + 2]);
      clipped[3 * count] = corners[from] + t * (corners[to] - corners[from]);
      clipped[3 * count + 1] = corners[from + 1] + t * (corners[to + 1] - corners[from + 1]);
      clipped[3 * count + 2] = NEAR;
      count++;
    }
  }
  return count;
}

/** Writes the polygon's `View.planes`; its plane is at `distance` along its normal, both in camera coordinates. */
function setPlanes(view: View, index: number, polygon: Polygon, normal: Vector3, distance: number): void {
  const { planes, step, rayX, rayY } = view;
  const pose = view.bodyToCamera[polygon.body];
  const at = index * PLANE_STRIDE;
  const invA = (normal[0] * step) / distance;
  const invB = (normal[1] * step) / distance;
  const invC = (normal[0] * rayX + normal[1] * rayY + normal[2]) / distance;
  planes[at] = invA;
  planes[at + 1] = invB;
  planes[at + 2] = invC;
  const origin = transformPoint(pose, polygon.origin);
  for (let offset = 3; offset <= 6; offset += 3) {
    const axis = transformDirection(pose, offset === 3 ? polygon.uAxis : polygon.vAxis);
    const shift = dot(axis, origin);
    planes[at + offset] = axis[0] * step - shift * invA;
    planes[at + offset + 1] = axis[1] * step - shift * invB;
    planes[at + offset + 2] = axis[0] * rayX + axis[1] * rayY + axis[2] - shift * invC;
  }
}

/** Draws polygon `index` into row `gy` from column `first` to `last`, where nothing nearer is. */
function fillSpan(view: View, index: number, gy: number, first: number, last: number): void {
  const { planes, inverseDepth, primitive, columns } = view;
  const at = index * PLANE_STRIDE;
  const slope = planes[at];
  const rowInverse = planes[at + 1] * gy + planes[at + 2];
  const rowStart = gy * columns;
  for (let gx = first; gx <= last; gx++) {
    const inverse = slope * gx + rowInverse;
    const i = rowStart + gx;
    if (inverse > inverseDepth[i]) {
      inverseDepth[i] = inverse;
      primitive[i] = index;
    }
  }
}

/** The same for a bicycle's wheel. */
function fillSpokes(view: View, index: number, gy: number, first: number, last: number, radius: number): void {
  const { planes, inverseDepth, primitive, columns } = view;
  const at = index * PLANE_STRIDE;
  const rowInverse = planes[at + 1] * gy + planes[at + 2];
  for (let gx = first; gx <= last; gx++) {
    const inverse = planes[at] * gx + rowInverse;
    const i = gy * columns + gx;
    if (inverse <= inverseDepth[i]) continue;
    const u = (planes[at + 3] * gx + planes[at + 4] * gy + planes[at + 5]) / inverse;
    const v = (planes[at + 6] * gx + planes[at + 7] * gy + planes[at + 8]) / inverse;
    if (!onSpokes(u, v, radius)) continue;
    inverseDepth[i] = inverse;
    primitive[i] = index;
  }
}

/** What `planSamples` finds: which samples need a colour (one a sample), and which pixels need their centre's only (one a pixel). */
export interface SamplePlan {
  readonly needed: Uint8Array;
  readonly flat: Uint8Array;
}

/** Finds the pixels that lie within one face: their centre tells their colour; elsewhere all nine samples around it do. */
export function planSamples(view: View, plan: SamplePlan): void {
  const { columns, primitive } = view;
  const { width, height } = view.camera;
  const { needed, flat } = plan;
  needed.fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const a = 2 * y * columns + 2 * x;
      const b = a + columns;
      const c = b + columns;
      const middle = primitive[b + 1];
      if (
        primitive[a] === middle &&
        primitive[a + 1] === middle &&
        primitive[a + 2] === middle &&
        primitive[b] === middle &&
        primitive[b + 2] === middle &&
        primitive[c] === middle &&
        primitive[c + 1] === middle &&
        primitive[c + 2] === middle
      ) {
        flat[y * width + x] = 1;
        needed[b + 1] = 1;
      } else {
        flat[y * width + x] = 0;
        for (const start of [a, b, c]) needed[start] = needed[start + 1] = needed[start + 2] = 1;
      }
    }
  }
}

/** Whether a bicycle wheel is solid at (u, v) from its hub: tyre, hub and a few spokes. */
function onSpokes(u: number, v: number, radius: number): boolean {
  const square = u * u + v * v;
  if (square > radius * radius) return false;
  const inner = radius - 0.055;
  return square > inner * inner || square < 0.0025 || Math.abs(u) < 0.009 || Math.abs(v) < 0.009;
}

function drawEllipsoid(view: View, index: number, ellipsoid: Ellipsoid, noise: Noise): void {
  const pose = view.bodyToCamera[ellipsoid.body];
  const radiusX = ellipsoid.radii[0];
  const radiusY = ellipsoid.radii[1];
  const radiusZ = ellipsoid.radii[2];
  const center = transformPoint(pose, ellipsoid.center);
  const reach = Math.max(radiusX, radiusY, radiusZ);
  if (center[2] - reach < NEAR || center[2] > FAR) return;
  const { columns, rows, step, rayX, rayY, inverseDepth, primitive } = view;
  // Rows of A = diag(1/radius)·(camera → body): the ellipsoid is |A·(p - center)| = 1.
  const a00 = pose[0] / radiusX;
  const a01 = pose[4] / radiusX;
  const a02 = pose[8] / radiusX;
  const a10 = pose[1] / radiusY;
  const a11 = pose[5] / radiusY;
  const a12 = pose[9] / radiusY;
  const a20 = pose[2] / radiusZ;
  const a21 = pose[6] / radiusZ;
  const a22 = pose[10] / radiusZ;
  const c0 = a00 * center[0] + a01 * center[1] + a02 * center[2];
  const c1 = a10 * center[0] + a11 * center[1] + a12 * center[2];
  const c2 = a20 * center[0] + a21 * center[1] + a22 * center[2];
  const outside = c0 * c0 + c1 * c1 + c2 * c2 - 1;
  if (outside <= 0) return;
  // The outline's extent from the dual conic center·centerᵀ - B·diag(radius²)·Bᵀ.
  const spread = (i: number, j: number) =>
    pose[i * 4] * pose[j * 4] * radiusX * radiusX +
    pose[i * 4 + 1] * pose[j * 4 + 1] * radiusY * radiusY +
    pose[i * 4 + 2] * pose[j * 4 + 2] * radiusZ * radiusZ;
  const depthTerm = center[2] * center[2] - spread(2, 2);
  const extent = (axis: number): [number, number] => {
    const mixed = center[axis] * center[2] - spread(axis, 2);
    const own = center[axis] * center[axis] - spread(axis, axis);
    const half = Math.sqrt(Math.max(0, mixed * mixed - own * depthTerm));
    return [(mixed - half) / depthTerm, (mixed + half) / depthTerm];
  };
  const [left, right] = extent(0);
  const [top, bottom] = extent(1);
  const first = firstWhole((left - rayX) / step, columns);
  const last = lastWhole((right - rayX) / step, columns);
  const firstRow = firstWhole((top - rayY) / step, rows);
  const lastRow = lastWhole((bottom - rayY) / step, rows);
  // No point of it is nearer than this, not even by rounding.
  const nearest = (1 + 1e-9) / (center[2] - reach);
  const leafy = ellipsoid.material.pattern === patterns.foliage;
  const holes = leafy ? ellipsoid.material.numbers[0] : -1;
  const seed = leafy ? ellipsoid.material.numbers[1] : 0;
  for (let gy = firstRow; gy <= lastRow; gy++) {
    const ry = gy * step + rayY;
    const rowStart = gy * columns;
    const q0 = a01 * ry + a02;
    const q1 = a11 * ry + a12;
    const q2 = a21 * ry + a22;
    for (let gx = first; gx <= last; gx++) {
      const i = rowStart + gx;
      if (inverseDepth[i] >= nearest) continue;
      const rx = gx * step + rayX;
      const d0 = a00 * rx + q0;
      const d1 = a10 * rx + q1;
      const d2 = a20 * rx + q2;
      const square = d0 * d0 + d1 * d1 + d2 * d2;
      const half = d0 * c0 + d1 * c1 + d2 * c2;
      const discriminant = half * half - square * outside;
      if (discriminant < 0) continue;
      // z = (half - √discriminant)/square, without cancellation: outside/(half + √discriminant).
      const inverse = (half + Math.sqrt(discriminant)) / outside;
      if (inverse <= inverseDepth[i]) continue;
      if (leafy) {
        const z = 1 / inverse;
        const x = (d0 * z - c0) * radiusX;
        const y = (d1 * z - c1) * radiusY;
        const w = (d2 * z - c2) * radiusZ;
        const fold = roundFold(d0 * z - c0, d1 * z - c1, d2 * z - c2);
        if (noiseAt(noise, (fold === 0 ? w : x) + seed, fold === 1 ? w : y, LEAF_DENSITY, z * step * 2) < holes)
          continue;
      }
      inverseDepth[i] = inverse;
      primitive[i] = index;
    }
  }
}

/**
 * Which two coordinates texture a place of a round surface, those that vary most there: 0 (z, y), 1 (x, z), 2 (x, y).
 * (a, b, c) is the place on the unit sphere.
 */
export function roundFold(a: number, b: number, c: number): number {
  const p = Math.abs(a);
  const q = Math.abs(b);
  const r = Math.abs(c);
  return q > p && q > r ? 1 : p > r ? 0 : 2;
}
