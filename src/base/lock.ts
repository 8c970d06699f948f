// A lock file that keeps a folder for one process: the next is refused, and the lock of one that has ended is taken over.
//
// A lock is a file with its owner in it. It is put in place whole, by a link, which fails where there is one. Whether an owner
// of the same machine and container has ended, the system says; any other shows that it is there by touching the lock every few
// seconds, and has ended when the lock was left untouched for `patience`. Who takes over first locks the succession of that
// owner, so that of many only one does. On NFS this needs links and attributes that are not cached for longer than patience.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type FileHandle, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as v from 'valibot';
import { isSystemError, SteadysegError } from './errors.js';
import { ensureFolder, readRange, reasonOf, removeAbandoned, temporaryBeside } from './files.js';
import { hasEnded, type Owner, rememberEnded, thisProcess } from './owner.js';

/** A taken folder. */
export interface Lock {
  /** @throws SteadysegError when another process has taken the folder over, as it may from one that stood still for long. */
  check(): void;
  /** Gives it back. */
  release(): Promise<void>;
}

/** How owners of other machines are told from those that have ended. */
export interface LockTimes {
  /** Milliseconds between two touches. */
  readonly beat: number;
  /** Milliseconds without one after which an owner has ended: long enough for a machine that is out of breath. */
  readonly patience: number;
}

const usualTimes: LockTimes = { beat: 3000, patience: 30_000 };

const lockContent = v.object({
  id: v.string(),
  host: v.string(),
  place: v.string(),
  process: v.number(),
  start: v.string(),
});

/** What a lock says, and what changes when its owner touches it. */
interface Found {
  readonly text: string;
  readonly touched: string;
  /** Undefined for what no run of ours wrote whole. */
  readonly owner: (Owner & { readonly host: string }) | undefined;
}

/** An owner and a name. */
const MAX_LOCK_BYTES = 4096;
const SUCCESSION_DIGITS = 16;
/** Every attempt meets another process that was faster; so many in a row there are not. */
const MAX_ATTEMPTS = 16;

/**
 * Takes a folder, which is created, for this process.
 * @param path the lock file in it
 * @param work what the owner is doing, for the one who is refused: "training in this folder"
 * @throws SteadysegError when a running process has it, or it cannot be written.
 */
export async function lockFolder(path: string, work: string, times: LockTimes = usualTimes): Promise<Lock> {
  await ensureFolder(dirname(path));
  const text = await take(path, work, times);
  await removeAbandoned(dirname(path));
  await removeSuccessions(path);
  const beat = new Worker(new URL('./lockBeat.js', import.meta.url), {
    workerData: { path, text, milliseconds: times.beat },
  });
  beat.unref();
  // Without it the lock still holds on this machine.
  beat.on('error', () => {});
  return {
    check() {
      let found = '';
      try {
        found = readFileSync(path, 'utf8');
      } catch {
        // It is gone, so it is not ours.
      }
      if (found !== text) {
        throw new SteadysegError(
          `${path}: expected the lock of this process, found ${found === '' ? 'none' : 'that of another'}: the folder was taken over while this one stood still`,
        );
      }
    },
    async release() {
      beat.terminate().catch(() => {});
      if ((await look(path))?.text === text) await rm(path, { force: true });
    },
  };
}

/** Puts a lock in place as soon as that is free. @returns its content */
async function take(path: string, work: string, times: LockTimes, shown = path): Promise<string> {
  const id = randomBytes(8).toString('hex');
  const text = `${JSON.stringify({ id, host: hostname(), ...thisProcess })}\n`;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (await place(path, text)) return text;
    const found = await look(path);
    if (found === undefined) continue;
    if (!(await isGivenUp(path, found, times))) throw busy(shown, found, work);
    if (found.owner) rememberEnded(found.owner);
    // The succession is of this content alone, and whoever has it finds the lock as it was or leaves it alone.
    const succession = `${path}.${createHash('sha256').update(found.text).digest('hex').slice(0, SUCCESSION_DIGITS)}`;
    const turn = await take(succession, work, times, shown);
    try {
      if ((await look(path))?.text !== found.text) continue;
      await replace(path, text);
      return text;
    } finally {
      if ((await look(succession))?.text === turn) await rm(succession, { force: true });
    }
  }
  throw busy(shown, await look(path), work);
}

/** Removes what processes left that were killed while they took the lock over. */
async function removeSuccessions(path: string): Promise<void> {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start) || !/^[0-9a-f]+$/.test(name.slice(start.length))) continue;
    const owner = (await look(join(folder, name)))?.owner;
    if (owner && hasEnded(owner)) await rm(join(folder, name), { force: true });
  }
}

function busy(path: string, found: Found | undefined, work: string): SteadysegError {
  const owner = found?.owner;
  const elsewhere = owner === undefined || owner.place === thisProcess.place ? '' : ` on ${owner.host}`;
  return new SteadysegError(
    `${path}: ${owner ? `process ${owner.process}${elsewhere}` : 'another process'} is ${work}; wait for it or end it, or choose another folder`,
  );
}

/** Whether the owner of a lock has ended. Waits for a sign of one that cannot be seen from here. */
async function isGivenUp(path: string, found: Found, { beat, patience }: LockTimes): Promise<boolean> {
  const known = found.owner && hasEnded(found.owner);
  if (known !== undefined) return known;
  const until = performance.now() + patience;
  while (performance.now() < until) {
    await wait(Math.min(beat, patience) / 3);
    const now = await look(path);
    if (now === undefined) return true;
    if (now.text !== found.text || now.touched !== found.touched) return false;
  }
  return true;
}

/** Puts a lock in place with its content, unless there is one. */
async function place(path: string, text: string): Promise<boolean> {
  return await writing(path, text, async (temporary) => {
    try {
      await link(temporary, path);
      return true;
    } catch (thrown) {
      // A server's answer may be lost, and the question asked again: two names say that the link is there.
      if (isSystemError(thrown, 'EEXIST')) return (await stat(temporary)).nlink === 2;
      // Some file systems have no links.
      const file = await open(path, 'wx').catch((error) => {
        if (isSystemError(error, 'EEXIST')) return undefined;
        throw error;
      });
      await file?.writeFile(text).finally(() => file.close());
      return file !== undefined;
    }
  });
}

async function replace(path: string, text: string): Promise<void> {
  await writing(path, text, (temporary) => rename(temporary, path));
}

/** Writes a lock's content aside for `put`, and removes it. */
async function writing<Result>(
  path: string,
  text: string,
  put: (temporary: string) => Promise<Result>,
): Promise<Result> {
  const temporary = temporaryBeside(path);
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, 'wx');
    await file.writeFile(text);
    await file.sync();
    await file.close();
    return await put(temporary);
  } catch (thrown) {
    await file?.close().catch(() => {});
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** What a lock says; undefined when it is gone. */
async function look(path: string): Promise<Found | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return undefined;
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  try {
    const { size, mtimeMs, ino } = await file.stat();
    const bytes = await readRange(file, 0, Math.min(size, MAX_LOCK_BYTES), path);
    const text = new TextDecoder().decode(bytes);
    return { text, touched: `${ino} ${mtimeMs}`, owner: ownerIn(text) };
  } finally {
    await file.close();
  }
}

function ownerIn(text: string): Found['owner'] {
  try {
    return v.parse(lockContent, JSON.parse(text));
  } catch {
    return undefined;
  }
}
