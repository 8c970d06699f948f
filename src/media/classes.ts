// Class sets: names, colours and the ignored id; the presets.
import { UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { ignoreLabel } from './image.js';

/** A colour, 0..255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What the train ids 0, 1, … mean. `palette[i]` is the colour of `classes[i]`; the two have the same length. */
export interface ClassSet {
  readonly name: string;
  readonly classes: readonly string[];
  readonly palette: readonly Rgb[];
  /** The id of pixels that do not count; drawn black. */
  readonly ignoreLabel: number;
}

/** The 19 evaluated classes of Cityscapes in train-id order, in its published colours. */
const cityscapesClasses: readonly (readonly [string, Rgb])[] = [
  ['road', [128, 64, 128]],
  ['sidewalk', [244, 35, 232]],
  ['building', [70, 70, 70]],
  ['wall', [102, 102, 156]],
  ['fence', [190, 153, 153]],
  ['pole', [153, 153, 153]],
  ['traffic light', [250, 170, 30]],
  ['traffic sign', [220, 220, 0]],
  ['vegetation', [107, 142, 35]],
  ['terrain', [152, 251, 152]],
  ['sky', [70, 130, 180]],
  ['person', [220, 20, 60]],
  ['rider', [255, 0, 0]],
  ['car', [0, 0, 142]],
  ['truck', [0, 0, 70]],
  ['bus', [0, 60, 100]],
  ['train', [0, 80, 100]],
  ['motorcycle', [0, 0, 230]],
  ['bicycle', [119, 11, 32]],
];

/** The 11 classes of SegNet's CamVid in its order and colours; its id 11 is void. */
const camvidClasses: readonly (readonly [string, Rgb])[] = [
  ['sky', [128, 128, 128]],
  ['building', [128, 0, 0]],
  ['pole', [192, 192, 128]],
  ['road', [128, 64, 128]],
  ['sidewalk', [60, 40, 222]],
  ['tree', [128, 128, 0]],
  ['sign', [192, 128, 128]],
  ['fence', [64, 64, 128]],
  ['car', [64, 0, 128]],
  ['pedestrian', [64, 64, 0]],
  ['bicyclist', [0, 128, 192]],
];

const presets: Readonly<Record<string, ClassSet>> = {
  cityscapes: classSet('cityscapes', cityscapesClasses, ignoreLabel),
  camvid: classSet('camvid', camvidClasses, 11),
  toycity: classSet('toycity', cityscapesClasses, ignoreLabel),
};

/** Names of the presets. */
export const presetNames: readonly string[] = Object.keys(presets);

/** The classes of a preset: `cityscapes` (19), `camvid` (SegNet's 11, void is 11) or `toycity` (Cityscapes' 19). @throws UsageError for another name. */
export function presetClasses(name: string): ClassSet {
  if (Object.hasOwn(presets, name)) return presets[name];
  const near = suggest(name, presetNames);
  throw new UsageError(
    `expected one of ${presetNames.join(', ')} for the preset, found "${name}"${near === undefined ? '' : `: did you mean ${near}?`}`,
  );
}

/** Names as they compare: without case, and whatever stands between words. */
function comparable(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** Whether two lists name the same classes in the same order; `traffic_light` is `traffic light`. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, id) => comparable(name) === comparable(b[id]));
}

/** How the names of a set contradict those that are known, in words; undefined where it has them all, in their order. */
export function contradicts(given: ClassSet, known: ClassSet): string | undefined {
  const at = known.classes.findIndex((name, id) => !sameNames([name], given.classes.slice(id, id + 1)));
  if (at < 0) return undefined;
  return `class ${at} is "${known.classes[at]}" in ${known.name}, "${given.classes[at] ?? 'none'}" in "${given.name}"`;
}

/**
 * The class set of names that came with a model or a result. Colours that are not given are those of the preset with the
 * same names, else PASCAL VOC's, which are distinct for every id.
 */
export function setOfNames(
  name: string,
  classes: readonly string[],
  palette?: ClassSet['palette'],
  ignored = ignoreLabel,
): ClassSet {
  const preset = Object.values(presets).find((known) => sameNames(known.classes, classes));
  const colors = classes.map((_, id) => palette?.[id] ?? preset?.palette[id] ?? vocColor(id + 1));
  return { name, classes, palette: colors, ignoreLabel: ignored };
}

function classSet(name: string, rows: readonly (readonly [string, Rgb])[], ignored: number): ClassSet {
  return { name, classes: rows.map(([label]) => label), palette: rows.map(([, color]) => color), ignoreLabel: ignored };
}

/** Cityscapes' public table: the label id of a `_labelIds` PNG (0..33) → its train id; every other id → 255. */
export const cityscapesLabelIdToTrainId: Uint8Array = (() => {
  const table = new Uint8Array(256).fill(ignoreLabel);
  const labelIds = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33];
  for (const [trainId, labelId] of labelIds.entries()) table[labelId] = trainId;
  return table;
})();

/** PASCAL VOC's colour of an id: the bits of the id, spread over the high bits of the three channels. */
export function vocColor(id: number): Rgb {
  let [red, green, blue] = [0, 0, 0];
  for (let bit = 0, rest = id; bit < 8; bit++, rest >>= 3) {
    red |= (rest & 1) << (7 - bit);
    green |= ((rest >> 1) & 1) << (7 - bit);
    blue |= ((rest >> 2) & 1) << (7 - bit);
  }
  return [red, green, blue];
}
