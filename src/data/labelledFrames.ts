// Labelled frames of a clip, where somebody has some: they judge a network, and nothing is trained on them.
import { SteadysegError } from '../base/errors.js';
import type { ClassSet } from '../media/classes.js';
import { ignoreLabel, type LabelMap } from '../media/image.js';
import { pairingKey } from '../media/stems.js';
import { type LabelIds, readLabels } from './labelFiles.js';
import { listFiles } from './layouts.js';

/** Where labels lie, and what their values mean. */
export interface LabelFiles {
  readonly path: string;
  readonly ids?: LabelIds | undefined;
}

/** Labels by the index of their frame in the clip. */
export interface LabelledFrames {
  readonly frames: readonly number[];
  /** Files that belong to no frame. */
  readonly others: number;
  /** The class that does not count, where there is one. */
  readonly ignoreLabel: number;
  read(index: number): Promise<LabelMap | undefined>;
}

/**
 * Finds the frame of each label by its name, and reads every label once, so that none fails later.
 * @param stems of the clip's frames, in order.
 * @throws SteadysegError for files that are no labels of these classes, a name that two frames have, or where none belongs to
 * a frame or none labels a pixel.
 */
export async function findLabelled(
  { path, ids }: LabelFiles,
  stems: readonly string[],
  classes: ClassSet,
): Promise<LabelledFrames> {
  const files = await listFiles(path, 'labels');
  const indices = new Map<string, number[]>();
  for (const [index, stem] of stems.entries()) {
    const key = pairingKey(stem);
    indices.set(key, [...(indices.get(key) ?? []), index]);
  }
  const found = new Map<number, string>();
  let labelled = false;
  for (const file of files) {
    const [index, second] = indices.get(file.key) ?? [];
    if (index === undefined) continue;
    if (second !== undefined) {
      throw new SteadysegError(`${file.path}: expected one frame of this name, found two: give one clip at a time`);
    }
    const known = found.get(index);
    if (known !== undefined)
      throw new SteadysegError(`${file.path}: expected one label of a frame, found ${known}, too`);
    found.set(index, file.path);
    labelled ||= (await readLabels(file.path, classes, ids)).data.some((id) => id !== ignoreLabel);
  }
  if (found.size === 0) {
    throw new SteadysegError(
      `${path}: expected labels named like frames, such as ${stems[0]}, found ${files[0]?.stem ?? 'none'}`,
    );
  }
  if (!labelled) throw new SteadysegError(`${path}: expected labelled pixels, found none: all of them are ignored`);
  return {
    frames: [...found.keys()].sort((a, b) => a - b),
    others: files.length - found.size,
    ignoreLabel: classes.ignoreLabel,
    async read(index) {
      const file = found.get(index);
      return file === undefined ? undefined : await readLabels(file, classes, ids);
    },
  };
}
