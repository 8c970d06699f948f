// The views of a frame whose probabilities are averaged: itself, its mirror image, and both at other sizes.
import { UsageError } from '../base/errors.js';
import type { Size } from '../media/image.js';

export interface View {
  /** Of height and width. */
  readonly scale: number;
  readonly mirrored: boolean;
}

/** How many views there can be: a frame alone, with its mirror image, and both at one or two other sizes. */
export const viewCounts: readonly number[] = [1, 2, 4, 6];
const scales = [1, 0.75, 1.25];
/** Networks that halve the size five times want multiples of this. */
const largestStride = 32;

/** @throws UsageError for another number than one of `viewCounts`. */
export function viewsOf(count: number): View[] {
  if (!viewCounts.includes(count)) {
    throw new UsageError(`views: expected one of ${viewCounts.join(', ')}, found ${count}`);
  }
  return scales.flatMap((scale) => [false, true].map((mirrored) => ({ scale, mirrored }))).slice(0, count);
}

/** The size at which a view is seen: near its scale, and as often divisible by two as the clip's own size. */
export function viewSize({ height, width }: Size, { scale }: View): Size {
  const scaled = (length: number) => {
    let stride = 1;
    while (stride < largestStride && length % (2 * stride) === 0) stride *= 2;
    return Math.max(stride, Math.round((length * scale) / stride) * stride);
  };
  return { height: scaled(height), width: scaled(width) };
}
