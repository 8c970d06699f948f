// A single file to write: where a path leads, and what must not be there.
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, extname, resolve, sep } from 'node:path';
import { SteadysegError, UsageError } from './errors.js';

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
