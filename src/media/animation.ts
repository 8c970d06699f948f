// A short moving picture for pages that show no video: animated WebP.
import sharp from 'sharp';
import { SteadysegError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import type { RgbImage } from './image.js';

/** Rate and size of a moving picture. */
export interface AnimationOptions {
  /** Frames a second; players round the time of a frame to whole milliseconds. */
  readonly framesPerSecond: number;
  /** The file is made coarser until it is no larger. */
  readonly maxBytes: number;
}

/** Encoder qualities tried in turn; below the last, borders of classes dissolve. */
const qualities = [80, 65, 50, 35, 20];

/**
 * Writes pictures of one size as an animated WebP that repeats, whole or not at all.
 * @throws SteadysegError when there is no picture, sizes differ, or the file stays larger than `maxBytes`.
 */
export async function writeAnimation(
  path: string,
  images: readonly RgbImage[],
  { framesPerSecond, maxBytes }: AnimationOptions,
): Promise<void> {
  if (images.length === 0) throw new SteadysegError(`${path}: expected at least one picture, found none`);
  const [{ width, height }] = images;
  const other = images.find((image) => image.width !== width || image.height !== height);
  if (other) {
    throw new SteadysegError(`${path}: expected pictures of ${width}×${height}, found ${other.width}×${other.height}`);
  }
  // One below the other, as the encoder takes them.
  const strip = new Uint8Array(images.length * width * height * 3);
  for (const [k, { data }] of images.entries()) strip.set(data, k * width * height * 3);
  const raw = { width, height: height * images.length, channels: 3, pageHeight: height } as const;
  const delay = images.map(() => Math.round(1000 / framesPerSecond));
  let smallest = 0;
  for (const quality of qualities) {
    const bytes = await sharp(strip, { raw, limitInputPixels: false })
      .webp({ quality, smartSubsample: true, effort: 4, loop: 0, delay })
      .toBuffer();
    if (bytes.length <= maxBytes) return await writeFileWhole(path, bytes);
    smallest = bytes.length;
  }
  throw new SteadysegError(
    `${path}: expected at most ${maxBytes} bytes, found ${smallest} at the lowest quality: take fewer or smaller pictures`,
  );
}
