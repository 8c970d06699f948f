// Label maps as PNG files: 8-bit greyscale, or a palette whose indices are the ids.
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { messageOf, SteadysegError } from '../base/errors.js';
import { readFileBounded, writeFileWhole } from '../base/files.js';
import type { LabelMap } from './image.js';
import { pngSignature } from './png.js';

/** No label map is larger than the frame it belongs to, and frames end here (readPicture has the same limit); a small file can claim to be. */
const MAX_LABEL_PIXELS = 1 << 27;

/** A label map that does not compress at all takes a byte a pixel; a file above this holds something else. */
const MAX_LABEL_FILE_BYTES = MAX_LABEL_PIXELS + (1 << 20);

/** Length, type, 13 bytes of content, checksum. */
const HEADER_CHUNK_BYTES = 25;
const GREYSCALE = 0;
const PALETTE = 3;
const colourTypes: Record<number, string> = {
  0: 'greyscale',
  2: 'RGB',
  3: 'palette',
  4: 'greyscale with alpha',
  6: 'RGB with alpha',
};

/**
 * Reads a label map: an 8-bit greyscale PNG, or a palette PNG of 1, 2, 4 or 8 bits, of which the indices are taken.
 * @returns the ids as they are in the file, row by row
 * @throws SteadysegError with the file, the expected and the found, for a PNG of another kind, one that is cut off or damaged, and for other files.
 */
export async function readLabelMap(path: string): Promise<LabelMap> {
  return await decodeLabelMap(await readFileBounded(path, MAX_LABEL_FILE_BYTES), path);
}

/** The label map in the bytes of a PNG file, as `readLabelMap` gives it; `name` is what errors call it. */
export async function decodeLabelMap(bytes: Uint8Array, name: string): Promise<LabelMap> {
  const { file, width, height, step } = plainGreyscale(bytes, name);
  let decoded: Awaited<ReturnType<typeof decodeGreyscale>>;
  try {
    decoded = await decodeGreyscale(file);
  } catch (thrown) {
    throw new SteadysegError(`${name}: expected a PNG label map, found a damaged one: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const { data, info } = decoded;
  if (info.channels !== 1 || info.width !== width || info.height !== height) {
    throw new SteadysegError(
      `${name}: expected ${width}×${height} pixels of one channel, found ${info.width}×${info.height} of ${info.channels}`,
    );
  }
  const ids = new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (step !== 1) for (let i = 0; i < ids.length; i++) ids[i] /= step;
  return { width, height, data: ids };
}

async function decodeGreyscale(file: Uint8Array) {
  return await sharp(file, { limitInputPixels: MAX_LABEL_PIXELS, failOn: 'warning' })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/**
 * The same pixels as a greyscale PNG with nothing but pixels in it. Decoders apply palettes, and may apply transparency
 * and colour profiles; but the pixels of a palette PNG are stored just like those of a greyscale PNG, so that changing
 * the colour type in the header turns indices into values. Values of less than 8 bits come out multiplied by `step`.
 */
function plainGreyscale(bytes: Uint8Array, name: string) {
  if (bytes.length < pngSignature.length || pngSignature.some((byte, at) => bytes[at] !== byte)) {
    throw new SteadysegError(
      `${name}: expected a PNG label map, found ${bytes.length === 0 ? 'an empty file' : 'a file of another kind'}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cutOff = () =>
    new SteadysegError(`${name}: expected a whole PNG file, found one that ends after ${bytes.length} bytes`);
  if (bytes.length < pngSignature.length + HEADER_CHUNK_BYTES) throw cutOff();
  if (typeAt(bytes, pngSignature.length) !== 'IHDR') {
    throw new SteadysegError(`${name}: expected a PNG label map, found a PNG file without a header`);
  }
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const depth = bytes[24];
  const colourType = bytes[25];
  if (width < 1 || height < 1 || width * height > MAX_LABEL_PIXELS) {
    throw new SteadysegError(
      `${name}: expected a label map of 1 to ${MAX_LABEL_PIXELS} pixels, found a size of ${width}×${height}`,
    );
  }
  const isPalette = colourType === PALETTE && [1, 2, 4, 8].includes(depth);
  if (!isPalette && !(colourType === GREYSCALE && depth === 8)) {
    throw new SteadysegError(
      `${name}: expected an 8-bit greyscale or palette PNG of train ids, found ${depth}-bit ${colourTypes[colourType] ?? `colour type ${colourType}`}`,
    );
  }

  const pixelChunks: Uint8Array[] = [];
  for (let at = pngSignature.length; ; ) {
    if (at + 12 > bytes.length) throw cutOff();
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw cutOff();
    const type = typeAt(bytes, at);
    if (type === 'IDAT') pixelChunks.push(bytes.subarray(at, end));
    if (type === 'IEND') {
      pixelChunks.push(bytes.subarray(at, end));
      break;
    }
    at = end;
  }
  const header = Uint8Array.from(bytes.subarray(pngSignature.length, pngSignature.length + HEADER_CHUNK_BYTES));
  header[17] = GREYSCALE;
  new DataView(header.buffer).setUint32(HEADER_CHUNK_BYTES - 4, crc32(header.subarray(4, HEADER_CHUNK_BYTES - 4)));
  const file = Buffer.concat([pngSignature, header, ...pixelChunks]);
  return { file, width, height, step: 255 / (2 ** depth - 1) };
}

/** The type of the chunk that starts at `at`. */
function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at + 4, at + 8));
}

/** Encodes a label map as an 8-bit greyscale PNG, off the calling thread. */
export async function encodeLabelMap(map: LabelMap): Promise<Uint8Array> {
  const { width, height, data } = map;
  if (data.length !== width * height) {
    throw new SteadysegError(`expected ${width * height} ids for a ${width}×${height} label map, found ${data.length}`);
  }
  // Label maps are runs of equal ids: level 3 is as small as higher levels to within a few percent, and row filters only cost time.
  return await sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png({ compressionLevel: 3, adaptiveFiltering: false, palette: false })
    .toBuffer();
}

/** Writes a label map as an 8-bit greyscale PNG, whole or not at all. */
export async function writeLabelMap(path: string, map: LabelMap): Promise<void> {
  await writeFileWhole(path, await encodeLabelMap(map));
}
