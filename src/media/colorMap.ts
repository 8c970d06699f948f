// Label maps as palette PNGs.
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { writeFileWhole } from '../base/files.js';
import type { ClassSet } from './classes.js';
import { paletteOf } from './color.js';
import { checkLabelMap, type LabelMap } from './image.js';
import { pngFile, unfilteredRows } from './png.js';

const compress = promisify(deflate);

/** Encodes a label map as a palette PNG: exact class colours in view, the ids as the indices, a byte a pixel before compression. */
export async function encodeColorMap(labels: LabelMap, classSet: ClassSet): Promise<Uint8Array> {
  checkLabelMap(labels);
  const { width, height, data: ids } = labels;
  const compressed = await compress(unfilteredRows(width, height, ids), { level: 4 });
  return pngFile({ width, height, colours: 'palette', palette: paletteOf(classSet), compressed });
}

/** Writes `encodeColorMap`'s PNG whole or not at all. */
export async function writeColorMap(path: string, labels: LabelMap, classSet: ClassSet): Promise<void> {
  await writeFileWhole(path, await encodeColorMap(labels, classSet));
}
