// Class sets: names, colours and the ignored id; the presets, and files that define one.
import { extname } from 'node:path';
import * as v from 'valibot';
import { parse as parseYaml } from 'yaml';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { readFileBounded } from '../base/files.js';
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

/** Ids are stored in 8 bits and the last is left to "ignore". */
const MAX_CLASSES = 255;
/** A class file is text written by hand; more is something else. */
const MAX_CLASS_FILE_BYTES = 1 << 20;

const channel = v.pipe(
  v.number('expected a whole number in 0..255'),
  v.integer('expected a whole number in 0..255'),
  v.minValue(0, 'expected a whole number in 0..255'),
  v.maxValue(255, 'expected a whole number in 0..255'),
);
const colorMessage = 'expected a colour as three numbers [red, green, blue]';
const rgb = v.pipe(
  v.array(channel, colorMessage),
  v.length(3, colorMessage),
  v.transform(([red, green, blue]): Rgb => [red, green, blue]),
);
const className = v.pipe(v.string('expected a class name as text'), v.trim(), v.nonEmpty('expected a class name'));

const classFile = v.strictObject({
  name: v.optional(v.pipe(v.string('expected text'), v.nonEmpty('expected a name'))),
  classes: v.pipe(
    v.array(className, 'expected a list of class names'),
    v.minLength(1, 'expected at least one class'),
    v.maxLength(MAX_CLASSES, `expected at most ${MAX_CLASSES} classes`),
  ),
  palette: v.optional(v.array(rgb, 'expected a list of colours [red, green, blue]')),
  ignoreLabel: v.optional(channel, ignoreLabel),
});

/**
 * Reads a class set from a JSON or YAML file: `classes` (names in train-id order), and optionally `palette` (a colour
 * `[red, green, blue]` for each), `ignoreLabel` (default 255) and `name` (default: the file's path).
 * Without a palette the colours are those of PASCAL VOC's scheme, which are distinct for every id.
 * @throws SteadysegError naming the file, the entry, the expected and the found.
 */
export async function readClassesFile(path: string): Promise<ClassSet> {
  const text = new TextDecoder().decode(await readFileBounded(path, MAX_CLASS_FILE_BYTES));
  let content: unknown;
  try {
    // `maxAliasCount: 0` refuses the aliases with which a small file can grow without bound.
    content = extname(path).toLowerCase() === '.json' ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 0 });
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected JSON or YAML with the key "classes", found: ${messageOf(thrown)}`);
  }
  const result = v.safeParse(classFile, content);
  if (!result.success) {
    const issue = result.issues[0];
    const at = v.getDotPath(issue);
    throw new SteadysegError(`${path}: ${at === null ? '' : `${at}: `}${issue.message}${foundIn(issue)}`);
  }
  const { name = path, classes, ignoreLabel: ignored } = result.output;
  const palette = result.output.palette ?? classes.map((_, id) => vocColor(id + 1));
  if (palette.length !== classes.length) {
    throw new SteadysegError(
      `${path}: palette: expected a colour for each of the ${classes.length} classes, found ${palette.length}`,
    );
  }
  const repeated = classes.find((label, at) => classes.indexOf(label) !== at);
  if (repeated !== undefined)
    throw new SteadysegError(`${path}: classes: expected distinct names, found "${repeated}" twice`);
  if (ignored < classes.length) {
    throw new SteadysegError(
      `${path}: ignoreLabel: expected an id that is no class (${classes.length}..255), found ${ignored} ("${classes[ignored]}")`,
    );
  }
  return { name, classes, palette, ignoreLabel: ignored };
}

/** What valibot found, unless its message says so. */
function foundIn(issue: v.BaseIssue<unknown>): string {
  return issue.message.includes('received') || issue.received === 'undefined' ? '' : `, found ${issue.received}`;
}

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
