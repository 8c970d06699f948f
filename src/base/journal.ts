// A file of lines that are on disk before what they announce happens, also when the power fails.
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SteadysegError } from './errors.js';
import { reasonOf, syncFolder } from './files.js';

export interface Journal {
  /** Fulfilled once the line is on disk; lines that come while others are written share one flush. */
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a journal; what an earlier run left in it stays. */
export async function openJournal(path: string): Promise<Journal> {
  let file: FileHandle;
  try {
    file = await open(path, 'a');
    await syncFolder(dirname(path));
    // An earlier run may have been killed within a line.
    if ((await file.stat()).size > 0) await file.appendFile('\n');
  } catch (thrown) {
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  let waiting: string[] = [];
  let next: Promise<void> | undefined;
  let flushing: Promise<void> = Promise.resolve();
  const flush = async () => {
    const lines = waiting;
    [waiting, next] = [[], undefined];
    try {
      await file.appendFile(lines.map((line) => `${line}\n`).join(''));
      await file.datasync();
    } catch (thrown) {
      throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
    }
  };
  return {
    append(line) {
      waiting.push(line);
      if (next === undefined) {
        next = flushing.catch(() => {}).then(flush);
        flushing = next;
      }
      return next;
    },
    async close() {
      await flushing.catch(() => {});
      await file.close();
    },
  };
}
