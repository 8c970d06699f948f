// Brings the labels of frame t+1 to frame t along the flow, in the three published ways.
import { SteadysegError } from '../base/errors.js';
import { checkFlow, checkLabelMap, ignoreLabel, type LabelMap, type OpticalFlow } from '../media/image.js';
import { requireSameSize } from './joint.js';

/** How labels are warped and compared; the rules are those of `warpLabels` and `temporalConsistencyCounts`. */
export type TemporalMode = 'masked' | 'etc-2020' | 'vspw';

export const temporalModes: readonly TemporalMode[] = ['masked', 'etc-2020', 'vspw'];

/** Adding and subtracting 1.5·2^52 rounds a double below 2^51 to a whole number, half to even, as the addition does. */
const ROUND = 6755399441055744;

/**
 * The labels of frame t+1, seen from frame t: `result(x, y) = next(x + u, y + v)` with (u, v) = forward(x, y).
 * - `masked`: the nearest pixel (half to even, in double precision); 255 where it lies outside the frame, and where forward and backward flow
 *   disagree: `|f + b(x+f)|² > 0.01·(|f|² + |b|²) + 0.5`, b sampled bilinearly.
 * - `etc-2020`: ids interpolated bilinearly as if they were quantities, corners clamped to the frame, then truncated;
 *   each operation is rounded to float32, since the result depends on it (Liu et al., ECCV 2020, as released).
 * - `vspw`: the nearest pixel on a grid that was normalised by (W-1, H-1) but is sampled without aligned corners, which
 *   shifts it by up to half a pixel; 0 outside the frame (Miao et al., CVPR 2021, as released).
 * @param backward flow from t+1 to t on the pixels of t+1; needed by `masked` only
 * @param into memory for the result, of its size, to be used again pair after pair. Default: new memory
 * @throws SteadysegError when sizes differ, `into` is of another size, or `masked` has no backward flow
 */
export function warpLabels(
  next: LabelMap,
  forward: OpticalFlow,
  backward: OpticalFlow | undefined,
  mode: TemporalMode,
  into?: Uint8Array,
): LabelMap {
  checkLabelMap(next);
  checkFlow(forward);
  if (backward) checkFlow(backward);
  requireSameSize(next, forward, 'label map and flow');
  const pixels = next.width * next.height;
  const warped = into ?? new Uint8Array(pixels);
  if (warped.length !== pixels) {
    throw new SteadysegError(`expected memory for ${pixels} labels, found room for ${warped.length}`);
  }
  if (mode === 'etc-2020') warpBilinear(next, forward.data, warped);
  else if (mode === 'vspw') warpVspw(next, forward.data, warped);
  else {
    if (backward === undefined) throw new SteadysegError('mode masked: expected backward flow, found none');
    requireSameSize(next, backward, 'label map and backward flow');
    warpMasked(next, forward.data, backward.data, warped);
  }
  return { width: next.width, height: next.height, data: warped };
}

function warpMasked(next: LabelMap, forward: Float32Array, backward: Float32Array, warped: Uint8Array): void {
  const { width, height, data } = next;
  const lastX = width - 1;
  const lastY = height - 1;
  const row = 2 * width;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const u = forward[2 * i];
      const v = forward[2 * i + 1];
      const atX = x + u;
      const atY = y + v;
      if (!(atX >= 0 && atX < lastX && atY >= 0 && atY < lastY)) {
        warped[i] = maskedAtBorder(next, backward, u, v, atX, atY);
        continue;
      }
      const left = atX | 0;
      const top = atY | 0;
      const fractionX = atX - left;
      const fractionY = atY - top;
      const above = (top * width + left) << 1;
      const below = above + row;
      // Read once by name: the compiler would load an element again for each time it is written.
      const aboveLeftU = backward[above];
      const aboveLeftV = backward[above + 1];
      const belowLeftU = backward[below];
      const belowLeftV = backward[below + 1];
      const aboveU = aboveLeftU + fractionX * (backward[above + 2] - aboveLeftU);
      const aboveV = aboveLeftV + fractionX * (backward[above + 3] - aboveLeftV);
      const belowU = belowLeftU + fractionX * (backward[below + 2] - belowLeftU);
      const belowV = belowLeftV + fractionX * (backward[below + 3] - belowLeftV);
      const backU = aboveU + fractionY * (belowU - aboveU);
      const backV = aboveV + fractionY * (belowV - aboveV);
      const nearest = ((atY + ROUND - ROUND) | 0) * width + ((atX + ROUND - ROUND) | 0);
      const gapU = u + backU;
      const gapV = v + backV;
      const allowed = 0.01 * (u * u + v * v + backU * backU + backV * backV) + 0.5;
      warped[i] = gapU * gapU + gapV * gapV <= allowed ? data[nearest] : ignoreLabel;
    }
  }
}

/** The same for a point that is not among four pixels: outside, or within half a pixel of the outermost, where its corners are clamped. */
function maskedAtBorder(
  next: LabelMap,
  backward: Float32Array,
  u: number,
  v: number,
  atX: number,
  atY: number,
): number {
  const { width, height, data } = next;
  const nearestX = atX + ROUND - ROUND;
  const nearestY = atY + ROUND - ROUND;
  // Written so that NaN, too, is outside.
  if (!(nearestX >= 0 && nearestX < width && nearestY >= 0 && nearestY < height)) return ignoreLabel;
  const [left, right, fractionX] = clampedCorners(atX, width - 1);
  const [top, bottom, fractionY] = clampedCorners(atY, height - 1);
  const sample = (component: number) => {
    const at = (row: number, column: number) => backward[2 * (row * width + column) + component];
    const above = at(top, left) + fractionX * (at(top, right) - at(top, left));
    const below = at(bottom, left) + fractionX * (at(bottom, right) - at(bottom, left));
    return above + fractionY * (below - above);
  };
  const backU = sample(0);
  const backV = sample(1);
  const allowed = 0.01 * (u * u + v * v + backU * backU + backV * backV) + 0.5;
  return (u + backU) ** 2 + (v + backV) ** 2 <= allowed ? data[nearestY * width + nearestX] : ignoreLabel;
}

/** The two neighbours of a coordinate, clamped to 0..last, and the unclamped fraction between them. */
function clampedCorners(at: number, last: number): [low: number, high: number, fraction: number] {
  const floor = Math.floor(at);
  const clamp = (index: number) => Math.min(Math.max(index, 0), last);
  return [clamp(floor), clamp(floor + 1), at - floor];
}

function warpBilinear(next: LabelMap, forward: Float32Array, warped: Uint8Array): void {
  const { width, height, data } = next;
  const { fround } = Math;
  const lastX = width - 1;
  const lastY = height - 1;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const atX = fround(x + forward[2 * i]);
      const atY = fround(y + forward[2 * i + 1]);
      const floorX = Math.floor(atX);
      const floorY = Math.floor(atY);
      const alpha = fround(atX - floorX);
      const beta = fround(atY - floorY);
      const left = floorX > 0 ? (floorX < lastX ? floorX | 0 : lastX) : 0;
      const top = floorY > 0 ? (floorY < lastY ? floorY | 0 : lastY) : 0;
      const right = floorX >= 0 ? (floorX < lastX ? (floorX + 1) | 0 : lastX) : 0;
      const bottom = floorY >= 0 ? (floorY < lastY ? (floorY + 1) | 0 : lastY) : 0;
      const againstAlpha = fround(1 - alpha);
      const againstBeta = fround(1 - beta);
      const topLeft = fround(fround(againstAlpha * againstBeta) * data[top * width + left]);
      const topRight = fround(fround(alpha * againstBeta) * data[top * width + right]);
      const bottomLeft = fround(fround(againstAlpha * beta) * data[bottom * width + left]);
      const bottomRight = fround(fround(alpha * beta) * data[bottom * width + right]);
      warped[i] = fround(fround(fround(topLeft + topRight) + bottomLeft) + bottomRight);
    }
  }
}

function warpVspw(next: LabelMap, forward: Float32Array, warped: Uint8Array): void {
  const { width, height, data } = next;
  const { fround } = Math;
  const lastX = Math.max(width - 1, 1);
  const lastY = Math.max(height - 1, 1);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const gridX = fround(fround(fround(2 * fround(x + forward[2 * i])) / lastX) - 1);
      const gridY = fround(fround(fround(2 * fround(y + forward[2 * i + 1])) / lastY) - 1);
      const atX = fround(fround(fround(fround(gridX + 1) * width) - 1) / 2);
      const atY = fround(fround(fround(fround(gridY + 1) * height) - 1) / 2);
      const nearestX = atX + ROUND - ROUND;
      const nearestY = atY + ROUND - ROUND;
      const inside = nearestX >= 0 && nearestX < width && nearestY >= 0 && nearestY < height;
      warped[i] = inside ? data[(nearestY | 0) * width + (nearestX | 0)] : 0;
    }
  }
}
