// The views of a frame that are segmented and averaged: scales, tiles, flips (SPEC §5).
import { UsageError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import type { Region } from './pixels.js';

/** The longest side of a network's input in pixels: a square of it takes 3 GB. More is a typing error, or a damaged file. */
export const MAX_SIDE = 1 << 14;

/** Whether a number can be the height or width of a network's input. */
export function isSide(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_SIDE;
}

/** How one frame is looked at. The default is the published setting: the whole frame, once. */
export interface ViewOptions {
  /** Segment tiles of this size in pixels of the (scaled) frame, overlapping by a third. */
  readonly tile?: Size | undefined;
  /** Segment the frame at these scales and average; default 1. */
  readonly scales?: readonly number[] | undefined;
  /** Average with the segmentation of the mirrored frame. */
  readonly flip?: boolean | undefined;
}

/** One scale of a frame: its size, and the regions of it that are segmented. */
export interface ScaledViews extends Size {
  readonly regions: readonly Region[];
}

/** A scale beyond this is a typing error that would take all memory. */
const MAX_SCALE = 16;

/** The scales of a frame and their tiles. A scale's size is rounded to whole pixels; a tile is at most as large as that. */
export function planViews(frame: Size, { tile, scales = [1] }: ViewOptions): ScaledViews[] {
  return scales.map((scale) => {
    const height = Math.max(1, Math.round(frame.height * scale));
    const width = Math.max(1, Math.round(frame.width * scale));
    const rows = tileStarts(height, tile?.height ?? height);
    const columns = tileStarts(width, tile?.width ?? width);
    const size = { height: Math.min(height, tile?.height ?? height), width: Math.min(width, tile?.width ?? width) };
    return { height, width, regions: rows.flatMap((y) => columns.map((x) => ({ x, y, ...size }))) };
  });
}

/** @throws UsageError when an option makes no sense. */
export function checkViews({ tile, scales }: ViewOptions): void {
  if (tile && !(Number.isInteger(tile.height) && Number.isInteger(tile.width) && tile.height > 0 && tile.width > 0)) {
    throw new UsageError(`expected a tile of whole pixels, found ${tile.height}x${tile.width}`);
  }
  if (!scales) return;
  const wrong = scales.find((scale) => !(scale > 0 && scale <= MAX_SCALE));
  if (scales.length === 0 || wrong !== undefined) {
    throw new UsageError(`expected scales above 0 and up to ${MAX_SCALE}, found ${wrong ?? 'none'}`);
  }
}

/** Where tiles begin along an axis: every ⌈2/3⌉ of a tile, the last one pushed inwards to end with the axis. */
function tileStarts(length: number, tile: number): number[] {
  if (tile >= length) return [0];
  const stride = Math.ceil((tile * 2) / 3);
  const count = Math.ceil((length - tile) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Math.min(i * stride, length - tile));
}
