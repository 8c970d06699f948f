// Folders of one file a frame, named by the frame's stem: which frames are there, and what must not lie there.
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { UsageError } from '../base/errors.js';
import type { FrameSource } from './frames.js';
import { videoStem } from './video.js';

/** A folder of one file a frame. */
export interface FrameFolder {
  readonly path: string;
  readonly extension: string;
}

/** Which frames of a source have a file in one of the folders: their indices by stem. */
export async function framesThere(source: FrameSource, folders: readonly FrameFolder[]): Promise<Map<string, number>> {
  const indices = new Map(source.stems?.map((stem, index) => [stem, index]));
  const there = new Map<string, number>();
  for (const folder of folders) {
    for (const stem of await stemsIn(folder)) {
      const index = source.kind === 'video' ? Number(stem) : indices.get(stem);
      if (index !== undefined && (source.kind === 'images' || videoStem(index) === stem)) there.set(stem, index);
    }
  }
  return there;
}

/**
 * @throws UsageError when the pictures of an input, or what links of an input lead to, lie where their results go, in files
 * that may have the same names.
 */
export async function checkApart({ paths = [] }: FrameSource, folders: readonly FrameFolder[]): Promise<void> {
  const places = new Map<string, string>();
  for (const { path, extension } of folders) places.set(`${await realpath(path).catch(() => '')} ${extension}`, path);
  const known = new Map<string, string>();
  for (const path of paths) {
    const folder = known.get(dirname(path)) ?? (await realpath(dirname(path)));
    known.set(dirname(path), folder);
    const target = await realpath(path).catch(() => path);
    // Some systems take a.PNG and a.png for one file.
    const found = [join(folder, basename(path)), target].map((file) => placeOf(file, places)).find((place) => place);
    if (found === undefined) continue;
    throw new UsageError(
      `${path}: expected an input apart from the results, found that those in ${found} would replace it`,
    );
  }
}

/** The results' folder in which a file lies, or below which. */
function placeOf(file: string, places: ReadonlyMap<string, string>): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const place = places.get(`${folder} ${extname(file).toLowerCase()}`);
    if (place !== undefined || folder === dirname(folder)) return place;
  }
}

/** None where there is no such folder. Stems of pictures may lie in folders of their own. */
async function stemsIn({ path, extension }: FrameFolder): Promise<string[]> {
  const names = await readdir(path, { recursive: true }).catch(() => []);
  const stems = names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
  return stems.map((stem) => stem.replaceAll('\\', '/'));
}
