// One level of the pyramid: two pictures of one size, and what is derived from them once.
import { BORDER, bordered, type GreyImage, gradients } from './pyramid.js';

/** All planes in rows. */
export interface Level {
  readonly width: number;
  readonly height: number;
  /** Grey values of the first picture, and their gradient to the right and down (`gradients`). */
  readonly from: Float32Array;
  readonly gradientX: Float32Array;
  readonly gradientY: Float32Array;
  /** Grey values of the second picture, with a border (`bordered`). */
  readonly to: Float32Array;
}

export function levelOf(from: GreyImage, to: GreyImage): Level {
  const { width, height } = from;
  const { x, y } = gradients(from);
  return { width, height, from: Float32Array.from(from.data), gradientX: x, gradientY: y, to: bordered(to) };
}

/** The second picture's grey value at (x, y), 0 ≤ x < width and 0 ≤ y < height, bilinear. */
export function bilinear({ width, to }: Level, x: number, y: number): number {
  const stride = width + 2 * BORDER;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const at = (top + BORDER) * stride + BORDER + left;
  const upper = to[at] + (to[at + 1] - to[at]) * (x - left);
  const lower = to[at + stride] + (to[at + stride + 1] - to[at + stride]) * (x - left);
  return upper + (lower - upper) * (y - top);
}
