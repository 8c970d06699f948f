// What a run over frames finds in its folder: frames that an earlier run finished, and files that are the user's.
import { join } from 'node:path';
import { mapOrdered } from '../base/ordered.js';
import type { OutputFolder } from '../base/outputFolder.js';
import type { Written } from '../base/written.js';
import { framesThere } from '../media/frameFiles.js';
import type { FrameSource } from '../media/frames.js';
import type { Selection } from './selection.js';

/** Frames looked at side by side: their files are read. */
const CONCURRENT_FRAMES = 4;

/** One file a frame: `<folder>/<stem><extension>`. */
export interface FrameFileKind {
  readonly folder: string;
  readonly extension: string;
}

/** A frame's files, in their folder. */
export function framePaths(kinds: readonly FrameFileKind[], stem: string): string[] {
  return kinds.map(({ folder, extension }) => `${folder}/${stem}${extension}`);
}

/** The name of the work on a frame. */
export function frameUnit(stem: string): string {
  return `frame ${stem}`;
}

/**
 * The selected frames that have files in the folder, and their indices.
 *
 * @throws SteadysegError naming a file that no run is known to have written, where this one would replace it.
 */
export async function checkFramesFree(
  out: string,
  folder: OutputFolder,
  source: FrameSource,
  selection: Selection,
  kinds: readonly FrameFileKind[],
): Promise<[stem: string, index: number][]> {
  const folders = kinds.map(({ folder: name, extension }) => ({ path: join(out, name), extension }));
  const there = [...(await framesThere(source, folders))].filter(([, index]) => selection.has(index));
  await folder.checkFree(there.flatMap(([stem]) => framePaths(kinds, stem)));
  return there;
}

/**
 * The selected frames that the run which is resumed finished, from the same pictures or video, by stem.
 *
 * @throws SteadysegError naming a file that no run is known to have written, where this one would replace it.
 */
export async function takeOver(
  out: string,
  folder: OutputFolder,
  source: FrameSource,
  selection: Selection,
  kinds: readonly FrameFileKind[],
): Promise<Map<string, Written>> {
  const there = await checkFramesFree(out, folder, source, selection, kinds);
  const finished = new Map<string, Written>();
  const look = async ([stem, index]: readonly [string, number]) => ({
    stem,
    written: await folder.finished(frameUnit(stem), () => source.fingerprint(index), framePaths(kinds, stem)),
  });
  for await (const { stem, written } of mapOrdered(there, CONCURRENT_FRAMES, look)) {
    if (written) finished.set(stem, written);
  }
  return finished;
}
