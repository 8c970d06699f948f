// Which pictures follow one another: they are put into clips by their folders and by the numbers in their names.
import { basename, dirname, extname } from 'node:path';

/** Consecutive frames that belong together: one video, or pictures that follow one another (one Cityscapes snippet). */
export interface Clip {
  readonly name: string;
  /** Index of its first frame. */
  readonly first: number;
  /** Number of its frames; for a video an estimate, or undefined. */
  readonly count: number | undefined;
}

/** How frames are told to follow one another. */
export interface ClipRule {
  /** Frames whose numbers are further apart do not follow one another. Default: any constant step. */
  readonly maxStep?: number | undefined;
  /** Pictures whose names do not count (times, hashes) are one clip in their order (the default), or stand alone. */
  readonly unnumbered?: 'together' | 'alone' | undefined;
}

/** Pictures as clips: `order` lists their places so that the frames of a clip follow one another, `clips` parts that order. */
export interface OrderedClips {
  readonly order: readonly number[];
  readonly clips: readonly (Clip & { readonly count: number })[];
}

/** Cityscapes' file names: city, sequence and frame number, each a part between underscores. */
const snippetName = /^(.+_\d{6}_)(\d{6})(?:_\w+)?$/;
/** Only so many of a name's last numbers are tried as the one that counts frames. */
const MAX_NUMBERS_TRIED = 4;

interface Name {
  readonly place: number;
  readonly folder: string;
  readonly stem: string;
  /** Texts and numbers in turn: even places are texts. */
  readonly parts: readonly string[];
  /** The texts alone; names of one view share them. */
  readonly texts: string;
}

/** Frames that may follow one another, by what their names have in common besides the number that counts. */
interface Drive {
  readonly names: readonly Name[];
  readonly numbers: readonly number[];
  /** The step that more than half of the neighbours share, if there is one. */
  readonly step: number | undefined;
}

/**
 * The one rule of which pictures follow one another, for training and evaluation:
 * - a clip never goes beyond its folder;
 * - Cityscapes names (`<city>_<sequence>_<frame>…`) go on while the frame number grows by 1;
 * - other names with numbers go on while everything but one number stays, and that number grows by the step that more
 *   than half of the neighbours share (CamVid's stems go by 2, one folder holds several drives, or several views side by
 *   side: `cam_001_left`, `cam_001_right`, or `0001_cam1`, `0001_cam2`). Of several numbers, that one counts which lets
 *   most frames go on; of equals, the last;
 * - where that holds together no more than half of the neighbours of a folder, the numbers say nothing: see `unnumbered`.
 *   Views whose names differ in their texts are then a clip each.
 */
export function orderIntoClips(paths: readonly string[], rule: ClipRule = {}): OrderedClips {
  const names = paths.map(parseName);
  const order: number[] = [];
  const clips: { name: string; first: number; count: number }[] = [];
  for (let first = 0; first < names.length; ) {
    let end = first + 1;
    while (end < names.length && names[end].folder === names[first].folder) end++;
    const within = clipsWithin(names.slice(first, end), rule);
    for (const clip of within) {
      const [{ folder, stem }] = clip;
      const isFolder = within.length === 1 && !snippetName.test(stem);
      clips.push({ name: isFolder ? folder : stem, first: order.length, count: clip.length });
      for (const { place } of clip) order.push(place);
    }
    first = end;
  }
  return { order, clips };
}

function parseName(path: string, place: number): Name {
  const stem = basename(path, extname(path));
  const parts = stem.split(/(\d+)/);
  return { place, folder: dirname(path), stem, parts, texts: parts.filter((_, at) => at % 2 === 0).join('\0') };
}

/** The clips among the pictures of one folder. */
function clipsWithin(names: readonly Name[], { maxStep = Number.POSITIVE_INFINITY, unnumbered }: ClipRule): Name[][] {
  if (names.every(({ stem }) => snippetName.test(stem))) {
    const drives = groupBy(names, ({ stem }) => snippetName.exec(stem)?.[1] ?? stem).map((drive) => ({
      names: drive,
      numbers: drive.map(({ stem }) => Number(snippetName.exec(stem)?.[2])),
      step: 1,
    }));
    return drives.flatMap((drive) => splitDrive(drive, maxStep));
  }
  const views = groupBy(names, ({ texts }) => texts);
  const drives = views.flatMap(drivesOfView);
  const goingOn = drives.reduce((sum, drive) => sum + countGoingOn(drive), 0);
  if (unnumbered === 'alone' || 2 * goingOn > names.length - 1) {
    return drives.flatMap((drive) => splitDrive(drive, maxStep));
  }
  return views.length > 1 && views.every((view) => view.length > 1) ? views : [[...names]];
}

function groupBy(names: readonly Name[], keyOf: (name: Name) => string): Name[][] {
  const groups = new Map<string, Name[]>();
  for (const name of names) {
    const group = groups.get(keyOf(name));
    if (group) group.push(name);
    else groups.set(keyOf(name), [name]);
  }
  return [...groups.values()];
}

/** Names that differ in numbers only, parted by all but the number that lets most of them go on. */
function drivesOfView(view: readonly Name[]): Drive[] {
  const last = view[0].parts.length - 2;
  let best: { drives: Drive[]; goingOn: number } | undefined;
  for (let at = last; at > 0 && at > last - 2 * MAX_NUMBERS_TRIED; at -= 2) {
    const drives = groupBy(view, ({ parts }) => parts.toSpliced(at, 1).join('\0')).map((names) => {
      const numbers = names.map(({ parts }) => Number(parts[at]));
      return { names, numbers, step: stepOf(numbers) };
    });
    const goingOn = drives.reduce((sum, drive) => sum + countGoingOn(drive), 0);
    if (best === undefined || goingOn > best.goingOn) best = { drives, goingOn };
  }
  return best?.drives ?? view.map((name) => ({ names: [name], numbers: [0], step: undefined }));
}

/** The difference that more than half of the neighbours share. */
function stepOf(numbers: readonly number[]): number | undefined {
  const differences = numbers.slice(1).map((number, at) => number - numbers[at]);
  const middle = differences.toSorted((a, b) => a - b)[differences.length >> 1];
  return 2 * differences.filter((difference) => difference === middle).length > differences.length ? middle : undefined;
}

function countGoingOn({ numbers, step }: Drive): number {
  return numbers.filter((number, at) => at > 0 && number - numbers[at - 1] === step).length;
}

function splitDrive({ names, numbers, step }: Drive, maxStep: number): Name[][] {
  const clips: Name[][] = [];
  for (const [at, name] of names.entries()) {
    const goesOn = at > 0 && step !== undefined && Math.abs(step) <= maxStep && numbers[at] - numbers[at - 1] === step;
    if (goesOn) clips[clips.length - 1].push(name);
    else clips.push([name]);
  }
  return clips;
}
