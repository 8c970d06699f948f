// Finds the partners of frames: which prediction and which label belong to which frame.
import { SteadysegError } from '../base/errors.js';
import type { ListedFile } from './layouts.js';

/** Names of frames, by which their partners are found. */
export type Named = Pick<ListedFile, 'key' | 'folder'>;

/** How many missing files an error lists before it only counts. */
const MAX_NAMED = 5;

/**
 * A name for every file such that partners in the other sets have the same: the key where keys are distinct within
 * every set (so that flat folders pair with Cityscapes' cities), else folder and key (VSPW's videos repeat file names).
 */
export function pairingNames(sets: readonly (readonly Named[])[]): (file: Named) => string {
  const distinct = sets.every((set) => new Set(set.map(({ key }) => key)).size === set.length);
  return distinct ? ({ key }) => key : ({ folder, key }) => (folder === '' ? key : `${folder}/${key}`);
}

/** Files by their pairing names. @throws SteadysegError naming two files that would be the partner of one frame. */
export function indexByName<F extends ListedFile>(
  files: readonly F[],
  nameOf: (file: Named) => string,
): Map<string, F> {
  const byName = new Map<string, F>();
  for (const file of files) {
    const name = nameOf(file);
    const other = byName.get(name);
    if (other) {
      throw new SteadysegError(`expected one file for ${name}, found ${other.path} and ${file.path}`);
    }
    byName.set(name, file);
  }
  return byName;
}

/** The error for frames without a partner, naming the first of them. */
export function missingPartners(what: string, where: string, names: readonly string[]): SteadysegError {
  const named = names.slice(0, MAX_NAMED).join(', ');
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return new SteadysegError(`${where}: expected a ${what} for every frame, found none for ${named}${more}`);
}
