// Folders of one file a frame, named by the frame's stem: which frames are there, and away with those of an earlier run.
import { readdir, realpath, rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { isSystemError, SteadysegError, UsageError } from '../base/errors.js';
import { reasonOf } from '../base/files.js';
import type { FrameSource } from './frames.js';

/** A folder of one file a frame. */
export interface FrameFolder {
  readonly path: string;
  readonly extension: string;
}

/** Stems of the frames that have a file in every one of the folders. */
export async function finishedStems(folders: readonly FrameFolder[]): Promise<Set<string>> {
  let stems: Set<string> | undefined;
  for (const folder of folders) {
    const here = await stemsIn(folder).catch(() => []);
    stems = new Set(here.filter((stem) => !stems || stems.has(stem)));
  }
  return stems ?? new Set();
}

/** @throws UsageError when the pictures of an input lie where their results go, in files of the same names. */
export async function checkApart({ paths = [] }: FrameSource, folders: readonly FrameFolder[]): Promise<void> {
  const places = new Map<string, string>();
  for (const { path, extension } of folders) places.set(`${await realpath(path).catch(() => '')} ${extension}`, path);
  const known = new Map<string, string>();
  for (const path of paths) {
    const folder = known.get(dirname(path)) ?? (await realpath(dirname(path)));
    known.set(dirname(path), folder);
    const place = places.get(`${folder} ${extname(path)}`);
    if (place === undefined) continue;
    throw new UsageError(
      `${path}: expected an input apart from the results, found that those in ${place} would replace it`,
    );
  }
}

/** Removes the files of the frames that `owns` names. @throws SteadysegError naming the folder that cannot be cleared. */
export async function removeFrames(folders: readonly FrameFolder[], owns: (stem: string) => boolean): Promise<void> {
  for (const folder of folders) {
    const { path, extension } = folder;
    try {
      for (const stem of await stemsIn(folder))
        if (owns(stem)) await rm(join(path, `${stem}${extension}`), { force: true });
    } catch (thrown) {
      if (isSystemError(thrown, 'ENOENT')) continue;
      if (!isSystemError(thrown)) throw thrown;
      throw new SteadysegError(`cannot remove the files of an earlier run in ${path}: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    }
  }
}

async function stemsIn({ path, extension }: FrameFolder): Promise<string[]> {
  const names = await readdir(path);
  return names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
}

/** Stems of video frames are numbers (video.ts). */
const videoStems = /^\d{6,}$/;

/** Whether a stem is that of a frame of the wanted clips. How far a video's numbers go is not known before it is decoded: all count. */
export function stemsOf(
  { stems, clips }: FrameSource,
  wantedClip: (clip: number) => boolean,
): (stem: string) => boolean {
  if (!stems) return (stem) => wantedClip(0) && videoStems.test(stem);
  const own = new Set<string>();
  for (const [number, { first, count = 0 }] of clips.entries()) {
    if (wantedClip(number)) for (const stem of stems.slice(first, first + count)) own.add(stem);
  }
  return (stem) => own.has(stem);
}
