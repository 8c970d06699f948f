// Storing in a cache on disk: where that fails, the work goes on without.
import { statfs } from 'node:fs/promises';
import { SteadysegError } from './errors.js';
import { makeFolders, reasonOf } from './files.js';

/** Storing stops below this: a cache must not be what fills a disk. */
const MIN_FREE_BYTES = 2 * 2 ** 30;

/** Stores an entry of so many bytes by `write`, unless an earlier one could not be stored. */
export type CacheStore = (bytes: number, write: () => Promise<void>) => Promise<void>;

/**
 * Stores in a folder, which is created when needed, until that fails once: disk full, no permission.
 *
 * @param onWarning told then, with `lost`, such as "flow is no longer cached".
 */
export function createCacheStore(
  folder: string,
  lost: string,
  onWarning: ((message: string) => void) | undefined,
): CacheStore {
  let storing = true;
  return async (bytes, write) => {
    if (!storing) return;
    try {
      await makeFolders(folder);
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize < MIN_FREE_BYTES + bytes) {
        throw new SteadysegError(`less than ${MIN_FREE_BYTES / 2 ** 30} GiB are free`);
      }
      await write();
    } catch (thrown) {
      // Of entries that are stored at the same time, several may fail.
      if (storing) onWarning?.(`${lost} in ${folder}: ${reasonOf(thrown)}`);
      storing = false;
    }
  };
}
