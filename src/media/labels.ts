// Label maps as PNG files: greyscale, a palette whose indices are the ids, or the colours of the classes.
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { messageOf, SteadysegError } from '../base/errors.js';
import { readFileBounded, writeFileWhole } from '../base/files.js';
import type { ClassSet } from './classes.js';
import { checkLabelMap, ignoreLabel, type LabelMap } from './image.js';
import { isPng, pngSignature } from './png.js';

/** No label map is larger than the frame it belongs to, and frames end here (readPicture has the same limit); a small file can claim to be. */
const MAX_LABEL_PIXELS = 1 << 27;

/** A label map that does not compress at all takes a byte a pixel, three in colours; a file above this holds something else. */
const MAX_LABEL_FILE_BYTES = 3 * MAX_LABEL_PIXELS + (1 << 20);

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
 * Reads a label map: a greyscale PNG of 1, 2, 4, 8 or 16 bits, of which the values are the ids (up to 255), or a palette
 * PNG, of which the indices are.
 * @returns the ids as they are in the file, row by row
 * @throws SteadysegError with the file, the expected and the found, for a PNG of another kind, one that is cut off or damaged, and for other files.
 */
export async function readLabelMap(path: string): Promise<LabelMap> {
  return await decodeLabelMap(await readFileBounded(path, MAX_LABEL_FILE_BYTES), path);
}

/** The label map in the bytes of a PNG file, as `readLabelMap` gives it; `name` is what errors call it. */
export async function decodeLabelMap(bytes: Uint8Array, name: string): Promise<LabelMap> {
  const { header, chunks } = pngParts(bytes, name);
  const { width, height, depth, colourType } = header;
  if (colourType !== PALETTE && colourType !== GREYSCALE) {
    throw new SteadysegError(
      `${name}: expected a greyscale or palette PNG of train ids, found ${kindOf(header)}; pictures in the colours of the classes are read with --palette (train: data.ids=palette)`,
    );
  }
  // Decoders apply palettes, and may apply transparency and profiles; but the pixels of a palette PNG are stored just like
  // those of a greyscale PNG, so that changing the colour type in the header turns indices into values.
  const file = plainPng(bytes, chunks, GREYSCALE);
  const values = await decoded(file, name, header, 1, depth === 16 ? 'grey16' : 'b-w');
  if (depth < 8) {
    // Values of less than 8 bits come out spread over 0..255.
    const step = 255 / (2 ** depth - 1);
    for (let i = 0; i < values.length; i++) values[i] /= step;
  }
  if (values instanceof Uint8Array) return { width, height, data: values };
  const beyond = values.findIndex((value) => value > 255);
  if (beyond < 0) return { width, height, data: Uint8Array.from(values) };
  throw new SteadysegError(
    `${name}: expected ids up to 255 in a 16-bit label map, found ${values[beyond]} at (${beyond % width}, ${Math.floor(beyond / width)})`,
  );
}

/**
 * Reads a label map that is a picture in the colours of the classes: RGB, with or without alpha, palette or grey PNG of
 * up to 8 bits. Black is ignored (255), unless it is the colour of a class.
 * @throws SteadysegError naming the file, the colour and the place, for a colour that no class has, and as `readLabelMap`.
 */
export async function readColorLabelMap(path: string, { name, classes, palette }: ClassSet): Promise<LabelMap> {
  const idOfColor = new Map([[0, ignoreLabel]]);
  for (const [id, [red, green, blue]] of palette.entries()) {
    const key = (red << 16) | (green << 8) | blue;
    const other = key === 0 ? undefined : idOfColor.get(key);
    if (other !== undefined) {
      throw new SteadysegError(
        `${name}: expected a colour of its own for each class, found ${[red, green, blue].join(',')} for ${classes[other]} and ${classes[id]}`,
      );
    }
    idOfColor.set(key, id);
  }
  const bytes = await readFileBounded(path, MAX_LABEL_FILE_BYTES);
  const { header, chunks } = pngParts(bytes, path);
  const { width, height, depth } = header;
  if (depth === 16) throw new SteadysegError(`${path}: expected colours of 8 bits, found ${kindOf(header)}`);
  const colors = await decoded(plainPng(bytes, chunks), path, header, 3, 'srgb');
  const data = new Uint8Array(width * height);
  for (let pixel = 0, from = 0; pixel < data.length; pixel++, from += 3) {
    const id = idOfColor.get((colors[from] << 16) | (colors[from + 1] << 8) | colors[from + 2]);
    if (id === undefined) {
      throw new SteadysegError(
        `${path}: expected the colours of ${name}, found ${[...colors.subarray(from, from + 3)].join(',')} at (${pixel % width}, ${Math.floor(pixel / width)}), which is no class`,
      );
    }
    data[pixel] = id;
  }
  return { width, height, data };
}

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
}

interface PngChunk {
  readonly type: string;
  /** Where it lies in the file, from its length to its checksum. */
  readonly start: number;
  readonly end: number;
}

function kindOf({ depth, colourType }: PngHeader): string {
  return `${depth}-bit ${colourTypes[colourType] ?? `colour type ${colourType}`}`;
}

/** The header and chunks of a PNG file. @throws SteadysegError for what is none, is cut off, or has no size a label map has. */
function pngParts(bytes: Uint8Array, name: string): { header: PngHeader; chunks: PngChunk[] } {
  if (!isPng(bytes)) {
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
  if (width < 1 || height < 1 || width * height > MAX_LABEL_PIXELS) {
    throw new SteadysegError(
      `${name}: expected a label map of 1 to ${MAX_LABEL_PIXELS} pixels, found a size of ${width}×${height}`,
    );
  }
  const chunks: PngChunk[] = [];
  for (let start = pngSignature.length; ; ) {
    if (start + 12 > bytes.length) throw cutOff();
    const end = start + 12 + view.getUint32(start);
    if (end > bytes.length) throw cutOff();
    const type = typeAt(bytes, start);
    chunks.push({ type, start, end });
    if (type === 'IEND') break;
    start = end;
  }
  return { header: { width, height, depth: bytes[24], colourType: bytes[25] }, chunks };
}

/** The same pixels with nothing else that a decoder would apply; as another colour type, when given. */
function plainPng(bytes: Uint8Array, chunks: readonly PngChunk[], colourType?: number): Uint8Array {
  const header = Uint8Array.from(bytes.subarray(pngSignature.length, pngSignature.length + HEADER_CHUNK_BYTES));
  if (colourType !== undefined) header[17] = colourType;
  new DataView(header.buffer).setUint32(HEADER_CHUNK_BYTES - 4, crc32(header.subarray(4, HEADER_CHUNK_BYTES - 4)));
  const kept = colourType === undefined ? ['PLTE', 'IDAT', 'IEND'] : ['IDAT', 'IEND'];
  const rest = chunks.filter(({ type }) => kept.includes(type)).map(({ start, end }) => bytes.subarray(start, end));
  return Buffer.concat([pngSignature, header, ...rest]);
}

/** Decodes to so many channels of 8 bits, or 16 for `grey16`. */
async function decoded(
  file: Uint8Array,
  name: string,
  { width, height }: PngHeader,
  channels: number,
  space: 'b-w' | 'grey16' | 'srgb',
): Promise<Uint8Array | Uint16Array> {
  const decode = async () =>
    await sharp(file, { limitInputPixels: MAX_LABEL_PIXELS, failOn: 'warning' })
      .removeAlpha()
      .toColourspace(space)
      .raw({ depth: space === 'grey16' ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
  const { data, info } = await decode().catch((thrown: unknown) => {
    throw new SteadysegError(`${name}: expected a PNG label map, found a damaged one: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  });
  if (info.channels !== channels || info.width !== width || info.height !== height) {
    throw new SteadysegError(
      `${name}: expected ${width}×${height} pixels of ${channels} channels, found ${info.width}×${info.height} of ${info.channels}`,
    );
  }
  if (space !== 'grey16') return new Uint8Array(data.buffer, data.byteOffset, data.length);
  return new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
}

/** The type of the chunk that starts at `at`. */
function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at + 4, at + 8));
}

/** Encodes a label map as an 8-bit greyscale PNG, off the calling thread. */
export async function encodeLabelMap(map: LabelMap): Promise<Uint8Array> {
  checkLabelMap(map);
  const { width, height, data } = map;
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
