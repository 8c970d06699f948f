// A label map as one picture a class: a mask, or what it covers of the frame.
import sharp from 'sharp';
import { SteadysegError } from '../base/errors.js';
import type { ClassSet } from './classes.js';
import { checkImage, checkLabelMap, type LabelMap, type RgbImage } from './image.js';

/**
 * Folder names of the classes: their names with a dash for what not every system has in file names; where that leaves two alike,
 * or nothing, all have their number in front.
 */
export function classFolders({ classes }: Pick<ClassSet, 'classes'>): string[] {
  const plain = classes.map((name) =>
    name
      .normalize('NFC')
      .replace(/[^\p{L}\p{N}_]+/gu, '-')
      .toLowerCase(),
  );
  const clear = new Set(plain).size === plain.length && !plain.some((name) => /^-?$/.test(name));
  return clear ? plain : plain.map((name, id) => `${id}-${name}`);
}

/** The pixels of one class as an 8-bit greyscale PNG: 255 where it is, 0 elsewhere. */
export async function encodeMask(labels: LabelMap, id: number): Promise<Uint8Array> {
  checkLabelMap(labels);
  const { width, height } = labels;
  return await sharp(maskOf(labels, id), { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png({ compressionLevel: 6 })
    .toBuffer();
}

/** The frame where one class is, transparent elsewhere, as a PNG. @throws SteadysegError when the sizes differ. */
export async function encodeCutout(image: RgbImage, labels: LabelMap, id: number): Promise<Uint8Array> {
  checkImage(image);
  checkLabelMap(labels);
  const { width, height } = image;
  if (labels.width !== width || labels.height !== height) {
    throw new SteadysegError(`expected labels of ${width}×${height}, found ${labels.width}×${labels.height}`);
  }
  const data = new Uint8Array(4 * width * height);
  for (let pixel = 0; pixel < labels.data.length; pixel++) {
    if (labels.data[pixel] !== id) continue;
    data.set(image.data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    data[4 * pixel + 3] = 255;
  }
  return await sharp(data, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 6 })
    .toBuffer();
}

function maskOf({ data }: LabelMap, id: number): Uint8Array {
  return data.map((label) => (label === id ? 255 : 0));
}
