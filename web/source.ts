// What frames come from: pictures, a video, a camera; all give them one after another.
import { imageOfCanvas, type RgbImage, type Size } from '../src/web.js';

/** A frame, and what files of it are called. */
export interface Frame {
  readonly image: RgbImage;
  readonly stem: string;
}

/** Frames in order. */
export interface Source {
  /** What it is called. */
  readonly name: string;
  /** Whether its frames go by whether they are taken or not. */
  readonly live: boolean;
  /** Whether neighbouring frames are neighbours in time. */
  readonly clip: boolean;
  /** Frames a second, where that is known. */
  rate(): number | undefined;
  /** Frames in all, where that is known. */
  count(): number | undefined;
  /** The frames at a size whose longer side is at most so many pixels. @throws Error in words when one cannot be decoded. */
  frames(longerSide: number): AsyncGenerator<Frame>;
  /** Lets everything go. */
  close(): void;
}

/** The size that a frame is worked on at. */
export function fitting({ width, height }: Size, longerSide: number): Size {
  const factor = Math.min(1, longerSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** What files of the n-th frame of a video are called, as on the command line. */
export function frameStem(index: number): string {
  return String(index).padStart(6, '0');
}

/** The pixels of what can be drawn, at a size. */
export function pixelsOf(drawable: CanvasImageSource, { width, height }: Size): RgbImage {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no canvas to draw on');
  context.imageSmoothingQuality = 'high';
  context.drawImage(drawable, 0, 0, width, height);
  return imageOfCanvas(context.getImageData(0, 0, width, height));
}
