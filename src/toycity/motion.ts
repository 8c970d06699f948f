// Exact optical flow and what becomes hidden: every pixel's surface point, carried to another frame by its body.
import type { LabelMap, OpticalFlow } from '../media/image.js';
import type { Scene } from './scene.js';
import { compose } from './vector.js';
import { PLANE_STRIDE, type View } from './view.js';

/** What of one frame is where in another. */
export interface FrameMotion {
  /** Pixels, from the surface point's projections: no estimate. */
  readonly flow: OpticalFlow;
  /** 255 where the point cannot be seen in the other frame: it has left the picture or something is before it; else 0. */
  readonly hidden: LabelMap;
}

/** Depths within this share and these metres of each other count as one surface (panes lie a little before their doors). */
const DEPTH_SHARE = 0.005;
const DEPTH_SLACK = 0.03;
/** The same between points of one ellipsoid. */
const ROUND_SLACK = 0.3;

/** Flow from `view` to `other`, and which pixels of `view` are hidden in `other`. Sky turns with the camera and lies behind everything. */
export function motionBetween(scene: Scene, view: View, other: View): FrameMotion {
  const { width, height, focal, centerX, centerY } = view.camera;
  const carries = carriesBetween(view, other);
  const sky = carries.length / POSE_STRIDE - 1;
  const { bodies, isRound } = primitiveTables(scene);
  const flow = new Float32Array(width * height * 2);
  const hidden = new Uint8Array(width * height);
  const { columns, step, rayX, rayY, primitive, inverseDepth } = view;
  for (let y = 0; y < height; y++) {
    const gy = 2 * y + 1;
    const ry = gy * step + rayY;
    for (let x = 0; x < width; x++) {
      const gx = 2 * x + 1;
      const sample = gy * columns + gx;
      const rx = gx * step + rayX;
      const index = primitive[sample];
      const pixel = y * width + x;
      const c = POSE_STRIDE * (index < 0 ? sky : bodies[index]);
      const z = index < 0 ? 1 : 1 / inverseDepth[sample];
      const px = (carries[c] * rx + carries[c + 1] * ry + carries[c + 2]) * z + carries[c + 3];
      const py = (carries[c + 4] * rx + carries[c + 5] * ry + carries[c + 6]) * z + carries[c + 7];
      const pz = (carries[c + 8] * rx + carries[c + 9] * ry + carries[c + 10]) * z + carries[c + 11];
      // A point that has come behind the camera has left the picture; its flow stays finite.
      const behind = pz < 0.05;
      const depth = behind ? 0.05 : pz;
      const toX = centerX + (focal * px) / depth;
      const toY = centerY + (focal * py) / depth;
      flow[2 * pixel] = toX - x;
      flow[2 * pixel + 1] = toY - y;
      if (behind || toX < -0.5 || toY < -0.5 || toX >= width - 0.5 || toY >= height - 0.5) {
        hidden[pixel] = 255;
        continue;
      }
      const toGx = 2 * toX + 1;
      const toGy = 2 * toY + 1;
      const seen = showsFace(other, index, toGx, toGy);
      // Only a round surface can hide its own points.
      if (seen && (index < 0 || isRound[index] === 0)) continue;
      const slack = seen ? ROUND_SLACK : DEPTH_SLACK;
      const away = index < 0 ? Number.POSITIVE_INFINITY : depth;
      if (isBefore(other, isRound, toGx, toGy, away, slack)) hidden[pixel] = 255;
    }
  }
  return { flow: { width, height, data: flow }, hidden: { width, height, data: hidden } };
}

/** Numbers of a pose. */
const POSE_STRIDE = 12;

/** Each body's way from `view` to `other` (camera → camera), and last the sky's, which only turns. */
function carriesBetween(view: View, other: View): Float64Array {
  const bodies = view.cameraToBody.length;
  const carries = new Float64Array(POSE_STRIDE * (bodies + 1));
  for (let body = 0; body < bodies; body++) {
    carries.set(compose(other.bodyToCamera[body], view.cameraToBody[body]), POSE_STRIDE * body);
  }
  const turn = compose(other.worldToCamera, view.cameraToWorld);
  turn[3] = turn[7] = turn[11] = 0;
  carries.set(turn, POSE_STRIDE * bodies);
  return carries;
}

/** Each primitive's body, and whether it is an ellipsoid: arrays are read faster than objects. */
function primitiveTables({ primitives }: Scene): { bodies: Int32Array; isRound: Uint8Array } {
  const bodies = new Int32Array(primitives.length);
  const isRound = new Uint8Array(primitives.length);
  for (let index = 0; index < primitives.length; index++) {
    bodies[index] = primitives[index].body;
    isRound[index] = primitives[index].kind === 'ellipsoid' ? 1 : 0;
  }
  return { bodies, isRound };
}

/** Whether one of the four samples around sample coordinates (gx, gy) sees primitive `index`. */
function showsFace({ columns, rows, primitive }: View, index: number, gx: number, gy: number): boolean {
  const corner = Math.min(rows - 2, gy | 0) * columns + Math.min(columns - 2, gx | 0);
  return (
    primitive[corner] === index ||
    primitive[corner + 1] === index ||
    primitive[corner + columns] === index ||
    primitive[corner + columns + 1] === index
  );
}

/** Whether what a view shows at sample coordinates (gx, gy) lies more than `slack` metres before `depth`, the sky's being infinite. */
function isBefore(view: View, isRound: Uint8Array, gx: number, gy: number, depth: number, slack: number): boolean {
  const { columns, rows, primitive, inverseDepth, planes } = view;
  const nearest = Math.min(rows - 1, (gy + 0.5) | 0) * columns + Math.min(columns - 1, (gx + 0.5) | 0);
  const front = primitive[nearest];
  if (front < 0) return false;
  if (depth === Number.POSITIVE_INFINITY) return true;
  let inverse = inverseDepth[nearest];
  if (isRound[front] === 0) {
    const at = front * PLANE_STRIDE;
    inverse = planes[at] * gx + planes[at + 1] * gy + planes[at + 2];
    if (inverse <= 0) return false;
  }
  return 1 / inverse < depth * (1 - DEPTH_SHARE) - slack;
}
