// Label map files as train ids: the meaning of their ids, told by the file name or by the caller, and checked.
import { SteadysegError } from '../base/errors.js';
import { type ClassSet, cityscapesLabelIdToTrainId } from '../media/classes.js';
import { ignoreLabel, type LabelMap } from '../media/image.js';
import { readColorLabelMap, readLabelMap } from '../media/labels.js';

/**
 * What the values of a file mean: `trainIds` are taken as they are; `labelIds` are Cityscapes' 0..33; with
 * `reduceZeroLabel` 0 is void and class k is k + 1 (VSPW, ADE20K; `vspw` is another name of it); in `binary` masks 255 is
 * class 1; with `palette` they are the colours of the classes; `auto` means `labelIds` for files named `…_labelIds`, and
 * `trainIds` for all others.
 */
export type LabelIds = 'auto' | 'trainIds' | 'labelIds' | 'reduceZeroLabel' | 'vspw' | 'binary' | 'palette';

export const labelIdKinds: readonly LabelIds[] = [
  'auto',
  'trainIds',
  'labelIds',
  'reduceZeroLabel',
  'vspw',
  'binary',
  'palette',
];

/** Class k is k + 1; 0 (and 255) is void. */
const reducedZero = Uint8Array.from({ length: 256 }, (_, id) => (id === 0 ? ignoreLabel : id === 255 ? 255 : id - 1));
/** Masks as most programs write them: 0 and 255. Values between stay what they are, and are no class. */
const binary = Uint8Array.from({ length: 256 }, (_, value) => (value === 255 ? 1 : value));

/**
 * Reads a label map as train ids of the class set; its ignored id and 255 stay as they are.
 * @throws SteadysegError naming the file and the id, for an id that is no class, and whatever `readLabelMap` throws.
 */
export async function readTrainIds(path: string, classSet: ClassSet, ids: LabelIds = 'auto'): Promise<LabelMap> {
  if (ids === 'palette') return await readColorLabelMap(path, classSet);
  const map = await readLabelMap(path);
  const table = tableOf(path, ids);
  const { width, height, data } = map;
  if (table) for (let i = 0; i < data.length; i++) data[i] = table[data[i]];
  checkIds(map, classSet, path, ids);
  return { width, height, data };
}

/** The same for labels, as opposed to predictions: where the ignored id is the id of a class, its pixels become 255. */
export async function readLabels(path: string, classSet: ClassSet, ids: LabelIds = 'auto'): Promise<LabelMap> {
  const map = await readTrainIds(path, classSet, ids);
  const { ignoreLabel: ignored, classes } = classSet;
  if (ignored < classes.length) {
    for (let i = 0; i < map.data.length; i++) if (map.data[i] === ignored) map.data[i] = ignoreLabel;
  }
  return map;
}

function tableOf(path: string, ids: LabelIds): Uint8Array | undefined {
  if (ids === 'vspw' || ids === 'reduceZeroLabel') return reducedZero;
  if (ids === 'binary') return binary;
  return isLabelIds(path, ids) ? cityscapesLabelIdToTrainId : undefined;
}

function isLabelIds(path: string, ids: LabelIds): boolean {
  return ids === 'labelIds' || (ids === 'auto' && /_labelIds\.[^.]+$/.test(path));
}

function checkIds({ width, data }: LabelMap, classSet: ClassSet, path: string, ids: LabelIds): void {
  const classes = classSet.classes.length;
  const ignored = classSet.ignoreLabel;
  let highest = 0;
  for (let i = 0; i < data.length; i++)
    if (data[i] > highest && data[i] !== 255 && data[i] !== ignored) highest = data[i];
  if (highest < classes) return;
  const at = data.indexOf(highest);
  // One too many: very often 0 is no class, and the first class is 1.
  const hint =
    highest === classes && ids === 'auto'
      ? '; where 0 is unlabelled and classes count from 1: --reduce-zero-label (train: data.ids=reduceZeroLabel)'
      : '';
  throw new SteadysegError(
    `${path}: expected train ids 0 to ${classes - 1} of ${classSet.name}${ignored === 255 ? '' : `, ${ignored}`} or 255, found ${highest} at (${at % width}, ${Math.floor(at / width)})${hint}`,
  );
}
