// A lock file that keeps a folder for one process: the next is refused, and one left by a process that is gone is taken over.
import { readFileSync } from 'node:fs';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError, SteadysegError } from './errors.js';
import {
  ensureFolder,
  exists,
  isRunning,
  readFileBounded,
  reasonOf,
  removeAbandoned,
  temporaryBeside,
} from './files.js';

/** A process number and a time. */
const MAX_LOCK_BYTES = 256;
/** Every attempt meets another process that was faster; so many in a row there are not. */
const MAX_ATTEMPTS = 16;

/**
 * Takes a folder, which is created, for this process.
 * @param path the lock file in it
 * @param work what the owner is doing, for the one who is refused: "training in this folder"
 * @returns what gives it back
 * @throws SteadysegError when a running process has it, or it cannot be written.
 */
export async function lockFolder(path: string, work: string): Promise<() => Promise<void>> {
  await ensureFolder(dirname(path));
  await removeAbandoned(dirname(path));
  const mine = `${process.pid} ${startOf(process.pid)}`;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (await placed(path, mine)) return () => rm(path, { force: true });
    const found = await contentOf(path);
    if (found === undefined) continue;
    if (isAlive(found)) throw busy(path, found, work);
    // Another process may have taken the lock over since it was read: then it is that one's, and is put back.
    const aside = temporaryBeside(path);
    await rename(path, aside).catch(() => {});
    const taken = await contentOf(aside);
    if (taken !== undefined && taken !== found && isAlive(taken)) await link(aside, path).catch(() => {});
    await rm(aside, { force: true });
  }
  throw busy(path, (await contentOf(path)) ?? 'another', work);
}

function busy(path: string, owner: string, work: string): SteadysegError {
  return new SteadysegError(
    `${path}: process ${owner.split(' ')[0]} is ${work}; wait for it or end it, or choose another folder`,
  );
}

/** Puts the lock in place with its content, unless there is one. */
async function placed(path: string, content: string): Promise<boolean> {
  const temporary = temporaryBeside(path);
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    try {
      await link(temporary, path);
    } catch (thrown) {
      if (isSystemError(thrown, 'EEXIST')) return false;
      // Some file systems have no links.
      await writeFile(path, content, { flag: 'wx' });
    }
    return true;
  } catch (thrown) {
    if (isSystemError(thrown, 'EEXIST')) return false;
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** What a lock says; undefined when it is gone. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readFileBounded(path, MAX_LOCK_BYTES));
  } catch (thrown) {
    if (await exists(path)) throw thrown;
    return undefined;
  }
}

/** Whether the process that wrote a lock runs. Numbers are used again, in a container at once: the time of its start tells. */
function isAlive(content: string): boolean {
  const [owner, start] = content.split(' ');
  return isRunning(Number(owner)) && (start === undefined || start === startOf(Number(owner)));
}

/** When a process started, in ticks since the machine did; nothing where the system does not tell so. */
function startOf(owner: number): string {
  try {
    // The name in parentheses may hold anything.
    const [, fields = ''] = /\) (.*)/s.exec(readFileSync(`/proc/${owner}/stat`, 'utf8')) ?? [];
    return fields.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
