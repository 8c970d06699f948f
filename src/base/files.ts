// Files that appear whole or not at all, and readers that check a size before they allocate.
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isSystemError, messageOf, SteadysegError } from './errors.js';

const reasons: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  EEXIST: 'a file of that name is in the way',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  EMFILE: 'too many open files',
  EFBIG: 'the file would exceed the size limit',
};

/** The plain-words reason of a system error (`ENOSPC` → "no space left on the device"), or its message. */
export function reasonOf(thrown: unknown): string {
  if (isSystemError(thrown)) return reasons[thrown.code ?? ''] ?? messageOf(thrown);
  return messageOf(thrown);
}

/** A name beside `path` for writing it aside; the rename that follows stays on one file system. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
}

/**
 * Calls `write` with a temporary path in the folder of `path` (which is created), then renames the result into place.
 * When anything fails, the temporary file is removed and `path` is as it was.
 */
export async function writeAside(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await makeFolders(dirname(path));
    await write(temporary);
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true, recursive: true }).catch(() => {});
    if (thrown instanceof SteadysegError || !isSystemError(thrown)) throw thrown;
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Writes a whole file: `data` is on disk under `path`, or `path` is as it was. */
export async function writeFileWhole(path: string, data: string | Uint8Array): Promise<void> {
  await writeAside(path, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/**
 * Creates a folder and its parents. Node's own `recursive` never returns where a parent takes no folders (/proc),
 * and says "no such file" of a read-only file system.
 *
 * @throws the system's error, of the folder that could not be created.
 */
export async function makeFolders(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  try {
    if (parent !== path && !(await exists(parent))) await makeFolders(parent);
    await mkdir(path);
  } catch (thrown) {
    // Another process or thread was faster.
    if (isSystemError(thrown, 'EEXIST') && (await isFolder(path))) return;
    throw thrown;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Creates a folder and its parents, and refuses with a clear error what cannot be written into. */
export async function ensureFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (thrown) {
    throw new SteadysegError(`cannot create the folder ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Size of a regular file in bytes; a missing file or a directory is an error that names it. */
export async function fileSize(path: string): Promise<number> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new SteadysegError(`${path}: expected a file, found a directory or device`);
    return info.size;
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Whether something exists at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Reads a file of at most `maxBytes`; the size is checked before anything is allocated. */
export async function readFileBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const size = await fileSize(path);
  if (size > maxBytes) {
    throw new SteadysegError(`${path}: expected at most ${maxBytes} bytes, found ${size}`);
  }
  try {
    const file = await open(path, 'r');
    try {
      // One buffer of our own, so that typed-array views on it are aligned.
      const bytes = new Uint8Array(size);
      let at = 0;
      while (at < size) {
        const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 1 << 30), at);
        if (bytesRead === 0) throw new SteadysegError(`${path}: expected ${size} bytes, found ${at}: the file shrank`);
        at += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}
