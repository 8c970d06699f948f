// Reading and writing pictures: sharp where it can, FFmpeg's libraries for the rest. What a file is, its content tells.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { messageOf, SteadysegError } from '../base/errors.js';
import { readFileBounded, writeFileWhole } from '../base/files.js';
import { checkImage, type RgbImage } from './image.js';

// Every picture is read once: a cache would cost memory, and give the old pixels of a file that was written anew.
sharp.cache(false);

/** File name extensions that count as pictures; what is in them is told by their content. (HEIC is none that is read: it is refused by name, not passed over.) */
export const pictureExtensions: readonly string[] = [
  ...['.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff', '.bmp', '.avif', '.heic', '.heif'],
];

/** A picture above this takes more than 400 MB as RGB: no camera frame does, and a small file can claim to be one. */
const MAX_PICTURE_PIXELS = 1 << 27;
/** A picture of that many pixels that does not compress at all, in 16 bits with alpha. */
export const MAX_PICTURE_BYTES = 8 * MAX_PICTURE_PIXELS;
/** Enough to tell what a file is, and whether it moves. */
const HEAD_BYTES = 1024;

/** How files begin, in hexadecimal digits. */
interface Format {
  readonly name: string;
  readonly reader: 'sharp' | 'ffmpeg';
  readonly begins: RegExp;
  /** Of an animation of that format. */
  readonly moves?: RegExp;
}

/** The formats that are read, and by which library. Others (vector graphics, documents) are no pictures. */
const formats: readonly Format[] = [
  // An "acTL" chunk before the pixels; bit 1 of the flags of "VP8X"; the brand "avis".
  { name: 'PNG', reader: 'sharp', begins: /^89504e470d0a1a0a/, moves: /^(..)*6163544c/ },
  { name: 'JPEG', reader: 'sharp', begins: /^ffd8ff/ },
  { name: 'WebP', reader: 'sharp', begins: /^52494646.{8}57454250/, moves: /^.{24}56503858.{8}.[2367abef]/ },
  { name: 'TIFF', reader: 'sharp', begins: /^(49492[ab]00|4d4d002[ab])/ },
  {
    name: 'AVIF',
    reader: 'sharp',
    begins: /^.{8}66747970(61766966|61766973|6d696631(..)*61766966)/,
    moves: /^.{16}61766973/,
  },
  { name: 'BMP', reader: 'ffmpeg', begins: /^424d.{8}00000000/ },
];
/** "ftyp" with the brands of HEIC pictures: hei…, hev…, mif1, msf1. */
const heic = /^.{8}66747970(686569|686576|6d696631|6d736631)/;

/** Whether the file name says that it is a picture. */
export function isPicturePath(path: string): boolean {
  return pictureExtensions.includes(extname(path).toLowerCase());
}

/** Whether a file called a picture is an animation, to be read as a video. */
export async function isAnimation(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return movesAt(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

function movesAt(bytes: Uint8Array): boolean {
  const head = headOf(bytes);
  return formats.some(({ begins, moves }) => begins.test(head) && moves?.test(head));
}

function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('hex');
}

/**
 * Reads a picture as 8-bit RGB: EXIF orientation applied, greyscale expanded, 16 bits scaled to 8, an alpha channel
 * dropped (the stored colours count, as in OpenCV and PIL).
 * @param picture path of a file, or the bytes of one.
 * @throws SteadysegError naming the file (or "the picture") when it is missing, no picture of a format that is read, an animation, cut off
 * or larger than 2^27 pixels.
 */
export async function readPicture(picture: string | Uint8Array): Promise<RgbImage> {
  const isFile = typeof picture === 'string';
  const path = isFile ? picture : 'the picture';
  const bytes = isFile ? await readFileBounded(picture, MAX_PICTURE_BYTES) : picture;
  if (bytes.length === 0) throw new SteadysegError(`${path}: expected a picture, found an empty file`);
  const head = headOf(bytes);
  const format = formats.find(({ begins }) => begins.test(head));
  if (!format) {
    const known = formats.map(({ name }) => name).join(', ');
    const found = heic.test(head) ? 'HEIC: convert it to JPEG or PNG' : 'another kind of file';
    throw new SteadysegError(`${path}: expected a picture (${known}), found ${found}`);
  }
  // Only its first picture would be read.
  if (movesAt(bytes)) {
    throw new SteadysegError(
      `${path}: expected one picture, found an animation: give it as an input of its own, which is read as a video`,
    );
  }
  try {
    if (format.reader === 'ffmpeg') return await (isFile ? readWithFFmpeg(picture) : readBytesWithFFmpeg(bytes));
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PICTURE_PIXELS, failOn: 'error' })
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

/** The one frame that FFmpeg decodes. Its libraries are loaded here, so that threads which never see such a picture do without. */
async function readWithFFmpeg(path: string): Promise<RgbImage> {
  const { openVideo } = await import('./video.js');
  const video = await openVideo(path, { demuxer: 'bmp_pipe' });
  for await (const { image } of video.frames()) return { ...image, data: image.data.slice() };
  throw new SteadysegError(`${path}: expected a picture, found none in the file`);
}

/** FFmpeg reads files. */
async function readBytesWithFFmpeg(bytes: Uint8Array): Promise<RgbImage> {
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-picture-'));
  try {
    const file = join(folder, 'picture');
    await writeFile(file, bytes);
    return await readWithFFmpeg(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Encodes a picture as PNG, or as JPEG of quality 92 without chroma subsampling. */
export async function encodePicture(image: RgbImage, format: 'png' | 'jpeg'): Promise<Uint8Array> {
  checkImage(image);
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
