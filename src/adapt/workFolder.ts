// The folder of an adaptation under way: locked, and gone on with only where everything that the result follows from is the same.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { ensureFolder, exists, readFileBounded, writeFileWhole } from '../base/files.js';
import { type Lock, lockFolder } from '../base/lock.js';
import { readCheckpoint, writeCheckpoint } from '../train/checkpoint.js';
import type { ClassWeights } from './adaptClip.js';
import type { Round } from './rounds.js';
import type { ClipCheckpoint } from './training.js';

/** A few settings and digests. */
const MAX_RECORD_BYTES = 2 ** 20;

/**
 * Takes a folder: a new one, or, resumed, that of interrupted work with the same settings. It is locked before
 * anything in it is touched.
 * @param settings options and digests, as JSON.
 * @param work what is done in it, in words; an adaptation by default.
 * @throws SteadysegError for a folder that is somebody else's, is worked in, or was begun with others.
 */
export async function claimWorkFolder(
  folder: string,
  settings: string,
  resume: boolean,
  work = { doing: 'adapting to this file', kind: 'adaptation' },
): Promise<Lock> {
  const path = settingsIn(folder);
  if (!(await exists(path)) && (await holdsOthers(folder))) {
    throw new SteadysegError(`${folder}: expected no such folder, or one of an unfinished ${work.kind}, found another`);
  }
  await ensureFolder(folder);
  const lock = await lockFolder(join(folder, '.lock'), work.doing);
  try {
    if (!resume && (await exists(path))) {
      throw new SteadysegError(
        `${folder}: there is an unfinished ${work.kind}; go on with --resume, or remove the folder`,
      );
    }
    const kept = await keptRecord(path, () => settings);
    if (kept !== settings) {
      throw new SteadysegError(
        `${path}: the ${work.kind} was begun with other inputs or options; resume with the same`,
      );
    }
    return lock;
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

function settingsIn(work: string): string {
  return join(work, 'settings.json');
}

/** What a folder was claimed with. @throws SteadysegError when it holds nothing of the kind. */
export async function readSettings(work: string): Promise<string> {
  return new TextDecoder().decode(await readFileBounded(settingsIn(work), MAX_RECORD_BYTES));
}

/** Locks, and files written aside. */
const firstFiles = /^\.lock(\.[0-9a-f]+)?$|^\..*\.tmp$/;

/** Whether a folder holds more than one that was killed before it had its settings. */
async function holdsOthers(work: string): Promise<boolean> {
  if (!(await exists(work))) return false;
  return (await readdir(work)).some((name) => !firstFiles.test(name));
}

/** What a file of the folder holds; made, and kept, where there is none yet. */
export async function keptRecord(path: string, make: () => string): Promise<string> {
  if (await exists(path)) return new TextDecoder().decode(await readFileBounded(path, MAX_RECORD_BYTES));
  const made = make();
  await writeFileWhole(path, made);
  return made;
}

const checkpointNames: Record<ClassWeights, Record<Round, string>> = {
  balanced: { first: 'last.safetensors', second: 'last-second.safetensors' },
  even: { first: 'last-even.safetensors', second: 'last-even-second.safetensors' },
};

/** Whether there is something to go on from. */
export function hasCheckpoint(work: string): Promise<boolean> {
  return exists(join(work, checkpointNames.balanced.first));
}

/** The state of a training in the folder. @param resume whether what is there is gone on from. */
export function checkpointIn(work: string, classWeights: ClassWeights, round: Round, resume: boolean): ClipCheckpoint {
  const path = join(work, checkpointNames[classWeights][round]);
  return {
    async read(state) {
      if (resume && (await exists(path))) await readCheckpoint(path, state);
    },
    async write(state) {
      await writeCheckpoint(path, state, undefined);
    },
  };
}
