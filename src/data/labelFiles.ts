// Label map files as train ids: the meaning of their ids, told by the file name or by the caller, and checked.
import { SteadysegError } from '../base/errors.js';
import { type ClassSet, cityscapesLabelIdToTrainId } from '../media/classes.js';
import { ignoreLabel, type LabelMap } from '../media/image.js';
import { readLabelMap } from '../media/labels.js';

/**
 * What the ids of a file mean: `trainIds` are taken as they are; `labelIds` are Cityscapes' 0..33; `vspw` counts classes
 * from 1, where 0 is void; `auto` means `labelIds` for files named `…_labelIds`, and `trainIds` for all others.
 */
export type LabelIds = 'auto' | 'trainIds' | 'labelIds' | 'vspw';

export const labelIdKinds: readonly LabelIds[] = ['auto', 'trainIds', 'labelIds', 'vspw'];

/** VSPW's masks: class k is k + 1; 0 (and 255) is void. */
const vspwToTrainId = Uint8Array.from({ length: 256 }, (_, id) => (id === 0 ? ignoreLabel : id === 255 ? 255 : id - 1));

/**
 * Reads a label map as train ids of the class set; its ignored id and 255 stay as they are.
 * @throws SteadysegError naming the file and the id, for an id that is no class, and whatever `readLabelMap` throws.
 */
export async function readTrainIds(path: string, classSet: ClassSet, ids: LabelIds = 'auto'): Promise<LabelMap> {
  const map = await readLabelMap(path);
  const table = ids === 'vspw' ? vspwToTrainId : isLabelIds(path, ids) ? cityscapesLabelIdToTrainId : undefined;
  const { width, height, data } = map;
  if (table) for (let i = 0; i < data.length; i++) data[i] = table[data[i]];
  checkIds(map, classSet, path);
  return { width, height, data };
}

function isLabelIds(path: string, ids: LabelIds): boolean {
  return ids === 'labelIds' || (ids === 'auto' && /_labelIds\.[^.]+$/.test(path));
}

function checkIds({ width, data }: LabelMap, classSet: ClassSet, path: string): void {
  const classes = classSet.classes.length;
  const ignored = classSet.ignoreLabel;
  let highest = 0;
  for (let i = 0; i < data.length; i++)
    if (data[i] > highest && data[i] !== 255 && data[i] !== ignored) highest = data[i];
  if (highest < classes) return;
  const at = data.indexOf(highest);
  throw new SteadysegError(
    `${path}: expected train ids 0 to ${classes - 1} of ${classSet.name}, ${ignored === 255 ? '' : `${ignored} or `}255, found ${highest} at (${at % width}, ${Math.floor(at / width)})`,
  );
}
