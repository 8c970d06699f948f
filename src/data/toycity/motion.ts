// Exact optical flow and what becomes hidden: every pixel's surface point, carried to another frame by its body.
import type { LabelMap, OpticalFlow } from '../../media/image.js';
import type { Scene } from './scene.js';
import { compose, type Pose } from './vector.js';
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

/** Flow from `view` to `other`, and which pixels of `view` are hidden in `other`. Sky turns with the camera and lies behind everything. */
export function motionBetween(scene: Scene, view: View, other: View): FrameMotion {
  const { width, height, focal, centerX, centerY } = view.camera;
  const carry: Pose[] = view.cameraToBody.map((toBody, body) => compose(other.bodyToCamera[body], toBody));
  const turn = compose(other.worldToCamera, view.cameraToWorld);
  const bodies = Int32Array.from(scene.primitives, (primitive) => primitive.body);
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
      let px: number;
      let py: number;
      let pz: number;
      if (index < 0) {
        px = turn[0] * rx + turn[1] * ry + turn[2];
        py = turn[4] * rx + turn[5] * ry + turn[6];
        pz = turn[8] * rx + turn[9] * ry + turn[10];
      } else {
        const pose = carry[bodies[index]];
        const z = 1 / inverseDepth[sample];
        px = (pose[0] * rx + pose[1] * ry + pose[2]) * z + pose[3];
        py = (pose[4] * rx + pose[5] * ry + pose[6]) * z + pose[7];
        pz = (pose[8] * rx + pose[9] * ry + pose[10]) * z + pose[11];
      }
      // A point that has come behind the camera has left the picture; its flow stays finite.
      const behind = pz < 0.05;
      const depth = behind ? 0.05 : pz;
      const toX = centerX + (focal * px) / depth;
      const toY = centerY + (focal * py) / depth;
      flow[2 * pixel] = toX - x;
      flow[2 * pixel + 1] = toY - y;
      const left = behind || toX < -0.5 || toY < -0.5 || toX >= width - 0.5 || toY >= height - 0.5;
      if (left || isCovered(scene, other, index, toX, toY, depth)) hidden[pixel] = 255;
    }
  }
  return { flow: { width, height, data: flow }, hidden: { width, height, data: hidden } };
}

/** Whether something stands before the point of primitive `index` (-1 sky) at pixel (x, y) and `depth` of a view. */
function isCovered(scene: Scene, view: View, index: number, x: number, y: number, depth: number): boolean {
  const { columns, rows, primitive, inverseDepth, planes } = view;
  const gx = 2 * x + 1;
  const gy = 2 * y + 1;
  // The four samples around the point: when one shows the same face, the point is seen.
  const left = Math.max(0, Math.min(columns - 2, Math.floor(gx)));
  const top = Math.max(0, Math.min(rows - 2, Math.floor(gy)));
  const corner = top * columns + left;
  const same =
    primitive[corner] === index ||
    primitive[corner + 1] === index ||
    primitive[corner + columns] === index ||
    primitive[corner + columns + 1] === index;
  const round = index >= 0 && scene.primitives[index].kind === 'ellipsoid';
  if (same && !round) return false;
  const nearest = Math.min(rows - 1, Math.round(gy)) * columns + Math.min(columns - 1, Math.round(gx));
  const front = primitive[nearest];
  if (front < 0) return false;
  if (index < 0) return true;
  let inverse = inverseDepth[nearest];
  if (scene.primitives[front].kind === 'polygon') {
    const at = front * PLANE_STRIDE;
    inverse = planes[at] * gx + planes[at + 1] * gy + planes[at + 2];
    if (inverse <= 0) return false;
  }
  const slack = round && same ? 0.3 : DEPTH_SLACK;
  return 1 / inverse < depth * (1 - DEPTH_SHARE) - slack;
}
