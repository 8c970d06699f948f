// Files that appear whole or not at all, and readers that check a size before they allocate.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isSystemError, messageOf, SteadysegError } from './errors.js';
import { linkedPath } from './outputFile.js';
import { hasEnded, thisProcess } from './owner.js';

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
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'it is a link that leads to itself',
};

/** The plain-words reason of a system error (`ENOSPC` → "no space left on the device"), or its message. */
export function reasonOf(thrown: unknown): string {
  if (isSystemError(thrown)) return reasons[thrown.code ?? ''] ?? messageOf(thrown);
  return messageOf(thrown);
}

/** So many characters of a name are kept in its temporary one, which must not become longer than file systems allow. */
const MAX_NAME_KEPT = 16;

/** A name beside `path` for writing it aside; the rename that follows stays on one file system. */
export function temporaryBeside(path: string): string {
  const start = [...basename(path)].slice(0, MAX_NAME_KEPT).join('');
  return join(dirname(path), `.${start}.${thisProcess.place}-${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
}

/** The owner in a temporary name. */
const temporaryName = /^\..*\.([0-9a-f]{8})-(\d+)\.[0-9a-f]{8}\.tmp$/s;
/** Milliseconds: no file is written aside for longer without a byte being added to it. */
const MAX_TEMPORARY_AGE = 24 * 3600 * 1000;
const swept = new Set<string>();

/**
 * Removes temporary files that killed processes left in a folder: those of this machine and container at once, others' when
 * their lock was taken over, or after a day. Looks once for each folder.
 */
export async function removeAbandoned(folder: string): Promise<void> {
  const key = resolve(folder);
  if (swept.has(key)) return;
  swept.add(key);
  try {
    for await (const { name } of await opendir(folder)) {
      const [, place, owner] = temporaryName.exec(name) ?? [];
      if (place === undefined) continue;
      const path = join(folder, name);
      const abandoned =
        hasEnded({ place, process: Number(owner), start: '' }) ??
        (await stat(path)).mtimeMs < Date.now() - MAX_TEMPORARY_AGE;
      if (abandoned) await rm(path, { force: true });
    }
  } catch {
    // A folder that cannot be listed or swept may still be written.
  }
}

/**
 * Calls `write` with a temporary path in the folder of `path` (which is created), then renames the result into place; a link is
 * followed. When anything fails, the temporary file is removed and `path` is as it was.
 */
export async function writeAside(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const target = await linkedPath(path);
  const temporary = temporaryBeside(target);
  try {
    await makeFolders(dirname(target));
    await removeAbandoned(dirname(target));
    await write(temporary);
    await rename(temporary, target);
  } catch (thrown) {
    await rm(temporary, { force: true, recursive: true }).catch(() => {});
    if (thrown instanceof SteadysegError || !isSystemError(thrown)) throw thrown;
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Writes a whole file: `data` is on disk under `path`, or `path` is as it was. */
export async function writeFileWhole(path: string, data: string | Uint8Array): Promise<void> {
  await writeChunksWhole(path, [data]);
}

/** The same for a file in pieces, one after the other. */
export async function writeChunksWhole(path: string, chunks: Iterable<string | Uint8Array>): Promise<void> {
  await writeAside(path, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      for (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Brings to disk what was appended to a file; nothing where there is none. */
export async function syncFile(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return;
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  await file.sync().finally(() => file.close());
}

/** Brings the names in a folder to disk, where the system can: a file in it may be whole there and yet have no name. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
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

/** Whether `path` is a folder, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
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

/** SHA-256 of a file's content, in hexadecimal digits; the file is read in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  await fileSize(path);
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path)) hash.update(piece);
  } catch (thrown) {
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  return hash.digest('hex');
}

/** The SHA-256 of a file whenever it is asked for; the file is read again only when it changed. */
export function createFileDigest(path: string): () => Promise<string> {
  let known: { readonly state: string; readonly digest: Promise<string> } | undefined;
  return async () => {
    const info = await stat(path, { bigint: true }).catch((thrown) => {
      throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
    });
    const state = `${info.dev} ${info.ino} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
    if (known?.state !== state) known = { state, digest: sha256OfFile(path) };
    return await known.digest;
  };
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

/** A configuration is a page of text, written by hand or with its defaults; anything larger is another file. */
export const MAX_CONFIG_BYTES = 1 << 20;

/** Reads a file of at most `maxBytes`; the size is checked before anything is allocated. */
export async function readFileBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const size = await fileSize(path);
  if (size > maxBytes) {
    throw new SteadysegError(`${path}: expected at most ${maxBytes} bytes, found ${size}`);
  }
  try {
    const file = await open(path, 'r');
    try {
      return await readRange(file, 0, size, path);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Most bytes of one read call: it is bounded by what the system takes at once. */
const MAX_READ_BYTES = 1 << 30;

/**
 * Bytes of an open file, in a buffer of their own, so that typed-array views on it are aligned.
 * @throws the system's error, or SteadysegError, naming `path`, when the file ends before them: then it shrank.
 */
export async function readRange(file: FileHandle, offset: number, length: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
    if (bytesRead === 0) {
      throw new SteadysegError(
        `${path}: expected at least ${offset + length} bytes, found ${offset + done}: the file shrank`,
      );
    }
    done += bytesRead;
  }
  return bytes;
}
