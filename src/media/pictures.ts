// Reading and writing pictures (PNG, JPEG, WebP, TIFF) with sharp.
import { extname } from 'node:path';
import sharp from 'sharp';
import { messageOf, SteadysegError } from '../base/errors.js';
import { fileSize, writeFileWhole } from '../base/files.js';
import type { RgbImage } from './image.js';

// Every picture is read once: a cache would cost memory, and give the old pixels of a file that was written anew.
sharp.cache(false);

/** File name extensions that count as pictures. */
export const pictureExtensions: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff'];

/** A picture above this takes more than 400 MB as RGB: no camera frame does, and a small file can claim to be one. */
const MAX_PICTURE_PIXELS = 1 << 27;

/** Whether the file name says that it is a picture. */
export function isPicturePath(path: string): boolean {
  return pictureExtensions.includes(extname(path).toLowerCase());
}

/**
 * Reads a picture as 8-bit RGB: EXIF orientation applied, greyscale expanded, 16 bits scaled to 8, an alpha channel
 * dropped (the stored colours count, as in OpenCV and PIL).
 * @throws SteadysegError naming the file when it is missing, no picture, cut off or larger than 2^27 pixels.
 */
export async function readPicture(path: string): Promise<RgbImage> {
  if ((await fileSize(path)) === 0) throw new SteadysegError(`${path}: expected a picture, found an empty file`);
  try {
    const { data, info } = await sharp(path, { limitInputPixels: MAX_PICTURE_PIXELS, failOn: 'error' })
      .autoOrient()
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) {
      throw new SteadysegError(`${path}: expected a picture of 3 colour channels, found ${info.channels}`);
    }
    return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`${path}: expected a picture, found one that cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** Encodes a picture as PNG, or as JPEG of quality 92 without chroma subsampling. */
export async function encodePicture(image: RgbImage, format: 'png' | 'jpeg'): Promise<Uint8Array> {
  const raw = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });
  const encoded =
    format === 'png' ? raw.png({ compressionLevel: 6 }) : raw.jpeg({ quality: 92, chromaSubsampling: '4:4:4' });
  return await encoded.toBuffer();
}

/** Writes a picture whole or not at all, as PNG or JPEG by the extension of `path`. */
export async function writePicture(path: string, image: RgbImage): Promise<void> {
  const extension = extname(path).toLowerCase();
  if (extension !== '.png' && extension !== '.jpg' && extension !== '.jpeg') {
    throw new SteadysegError(`${path}: expected a name ending in .png, .jpg or .jpeg, found "${extension}"`);
  }
  await writeFileWhole(path, await encodePicture(image, extension === '.png' ? 'png' : 'jpeg'));
}
