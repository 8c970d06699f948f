// Which pictures follow one another: pictures in order are split into clips, by their folders and by the numbers in their names.
import { basename, dirname, extname } from 'node:path';

/** Consecutive frames that belong together: one video, or pictures that follow one another (one Cityscapes snippet). */
export interface Clip {
  readonly name: string;
  /** Index of its first frame. */
  readonly first: number;
  /** Number of its frames; for a video an estimate, or undefined. */
  readonly count: number | undefined;
}

/** Cityscapes' file names: city, sequence and frame number, each a part between underscores. */
const snippetName = /^(.+_\d{6}_)(\d{6})(?:_\w+)?$/;
/** The last number of any name, and the text around it. */
const numberedName = /^(.*?)(\d+)(\D*)$/s;

interface Name {
  readonly folder: string;
  readonly stem: string;
  /** The text around the number; names of one drive share it. */
  readonly drive: string;
  readonly number: number;
  readonly isSnippet: boolean;
}

/**
 * Splits pictures, in order, into clips:
 * - a clip never goes beyond its folder;
 * - Cityscapes names (`<city>_<sequence>_<frame>…`) go on while the frame number grows by 1;
 * - other names with a number go on while the text around it stays and the number grows by the step that more than half
 *   of the neighbours with that text share (CamVid's stems go by 2, and one folder holds several drives);
 * - where that holds together no more than half of the neighbours of a folder, the numbers say nothing (times, hashes),
 *   and the folder is one clip.
 */
export function splitIntoClips(paths: readonly string[]): (Clip & { readonly count: number })[] {
  const names = paths.map(parseName);
  const clips: { name: string; first: number; count: number }[] = [];
  for (let first = 0; first < names.length; ) {
    let end = first + 1;
    while (end < names.length && names[end].folder === names[first].folder) end++;
    const starts = startsWithin(names.slice(first, end));
    for (const [at, start] of starts.entries()) {
      const { folder, stem } = names[first + start];
      const isFolder = starts.length === 1 && !names[first].isSnippet;
      const count = (starts[at + 1] ?? end - first) - start;
      clips.push({ name: isFolder ? folder : stem, first: first + start, count });
    }
    first = end;
  }
  return clips;
}

function parseName(path: string): Name {
  const folder = dirname(path);
  const stem = basename(path, extname(path));
  const snippet = snippetName.exec(stem);
  if (snippet) return { folder, stem, drive: snippet[1], number: Number(snippet[2]), isSnippet: true };
  const numbered = numberedName.exec(stem);
  if (!numbered) return { folder, stem, drive: stem, number: Number.NaN, isSnippet: false };
  return { folder, stem, drive: `${numbered[1]}\0${numbered[3]}`, number: Number(numbered[2]), isSnippet: false };
}

/** Where clips start among the pictures of one folder. */
function startsWithin(names: readonly Name[]): number[] {
  const steps = stepOfDrives(names);
  const starts = [0];
  let asNumbered = 0;
  for (let at = 1; at < names.length; at++) {
    const { drive, number } = names[at];
    const before = names[at - 1];
    if (drive === before.drive && number - before.number === steps.get(drive)) asNumbered++;
    else starts.push(at);
  }
  const numbersTell = names[0].isSnippet || 2 * asNumbered > names.length - 1;
  return numbersTell ? starts : [0];
}

/** The step that more than half of the neighbours of a drive share; none where there is no such step. */
function stepOfDrives(names: readonly Name[]): Map<string, number> {
  const differences = new Map<string, number[]>();
  for (let at = 1; at < names.length; at++) {
    const { drive, number } = names[at];
    if (drive !== names[at - 1].drive) continue;
    const list = differences.get(drive) ?? [];
    list.push(number - names[at - 1].number);
    differences.set(drive, list);
  }
  const steps = new Map<string, number>();
  for (const [drive, list] of differences) {
    if (names[0].isSnippet) steps.set(drive, 1);
    else {
      const middle = list.toSorted((a, b) => a - b)[list.length >> 1];
      if (2 * list.filter((difference) => difference === middle).length > list.length) steps.set(drive, middle);
    }
  }
  return steps;
}
