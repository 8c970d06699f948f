// A single file to write: where a path leads, and what must not be there.
import { lstat, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, extname, resolve, sep } from 'node:path';
import { isSystemError, messageOf, SteadysegError, UsageError } from './errors.js';

/** More links one after the other lead in a circle. */
const MAX_LINKS = 40;

/**
 * The path itself, or what it leads to when it is a link: a file is written aside and renamed, which would replace the link.
 * @throws SteadysegError for a device, a FIFO or a socket, which renaming would replace by a file.
 */
export async function linkedPath(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const info = await lstat(target).catch(() => undefined);
    if (!info?.isSymbolicLink()) {
      if (!info || info.isFile() || info.isDirectory()) return target;
      const kind = info.isFIFO() ? 'a FIFO' : info.isSocket() ? 'a socket' : 'a device';
      throw new SteadysegError(`${path}: expected a file to write, found ${kind}`);
    }
    target = resolve(dirname(target), await readlink(target));
  }
  throw new SteadysegError(`${path}: expected a file to write, found a link that leads to itself`);
}

/**
 * Refuses to write over what is read, by whatever name: one of the inputs, or a file in one of them that is a folder (but for
 * a page, which no command reads).
 * @throws UsageError naming both.
 */
export async function checkNotRead(output: string, inputs: readonly (string | undefined)[]): Promise<void> {
  const written = await stat(output).catch(() => undefined);
  if (!written) return;
  const place = await realpath(output);
  for (const input of inputs) {
    const read = input === undefined ? undefined : await stat(input).catch(() => undefined);
    if (input === undefined || !read) continue;
    const isSame = read.dev === written.dev && read.ino === written.ino;
    const isInside =
      read.isDirectory() && place.startsWith(`${await realpath(input)}${sep}`) && extname(place) !== '.html';
    if (isSame || isInside) {
      throw new UsageError(
        `${output}: expected a file apart from what is read, found that it would replace ${isSame ? input : `a file in ${input}`}`,
      );
    }
  }
}

/** What a command says that was about to replace a file of the user's. */
export function wouldReplace(path: string, way = 'choose another folder, or --overwrite'): SteadysegError {
  return new SteadysegError(
    `${path}: expected no file or one that an earlier run wrote, found another, which would be replaced: ${way}`,
  );
}

/** @throws SteadysegError naming the first of these paths where anything lies, a link to nothing included. */
export async function checkNothingThere(paths: Iterable<string>): Promise<void> {
  for (const path of paths) if (await infoOf(path)) throw wouldReplace(path, 'choose another folder');
}

/**
 * Whether a file is there with this content already: one that everybody makes the same needs no record of who wrote it.
 * @throws SteadysegError where something else is.
 */
export async function isWritten(path: string, content: Uint8Array): Promise<boolean> {
  const info = await infoOf(path);
  if (!info) return false;
  const same = info.isFile() && info.size === content.length && (await readFile(path)).equals(content);
  if (!same) throw wouldReplace(path);
  return true;
}

async function infoOf(path: string) {
  try {
    return await lstat(path);
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT') || isSystemError(thrown, 'ENOTDIR')) return undefined;
    throw new SteadysegError(`cannot write ${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
