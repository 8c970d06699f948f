// Label maps as palette PNGs.
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { writeFileWhole } from '../base/files.js';
import type { ClassSet } from './classes.js';
import { paletteOf } from './color.js';
import type { LabelMap } from './image.js';
import { pngSignature } from './labels.js';

const compress = promisify(deflate);

/** Encodes a label map as a palette PNG: exact class colours in view, the ids as the indices, a byte a pixel before compression. */
export async function encodeColorMap(labels: LabelMap, classSet: ClassSet): Promise<Uint8Array> {
  const { width, height, data: ids } = labels;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Bit depth 8, colour type 3: palette.
  header.set([8, 3, 0, 0, 0], 8);
  // Each row starts with its filter, none: prediction by neighbours means nothing for indices.
  const rows = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) rows.set(ids.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    pngSignature,
    chunk('IHDR', header),
    chunk('PLTE', paletteOf(classSet)),
    chunk('IDAT', await compress(rows, { level: 4 })),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/** Writes `encodeColorMap`'s PNG whole or not at all. */
export async function writeColorMap(path: string, labels: LabelMap, classSet: ClassSet): Promise<void> {
  await writeFileWhole(path, await encodeColorMap(labels, classSet));
}

/** Length, type, content, checksum of type and content. */
function chunk(type: string, content: Uint8Array): Buffer {
  const out = Buffer.alloc(content.length + 12);
  out.writeUInt32BE(content.length, 0);
  out.write(type, 4, 'latin1');
  out.set(content, 8);
  out.writeUInt32BE(crc32(out.subarray(4, content.length + 8)), content.length + 8);
  return out;
}
