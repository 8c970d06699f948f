// Single files that a command will write: refused before the work, not after it, where they would replace what is read.
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../base/errors.js';
import { exists } from '../base/files.js';
import { checkNotRead, linkedPath } from '../base/outputFile.js';
import { expandGlob, isGlob } from './glob.js';
import { isListPath, pathInList, readList } from './listFile.js';
import { isStream } from './videoInput.js';

/**
 * Refuses outputs that are devices, FIFOs or sockets, that are one and the same file, and that would replace what is read:
 * an input, a file in one that is a folder, or one that a list file names or a glob matches.
 * @throws SteadysegError, UsageError naming the output.
 */
export async function checkSingleOutputs(
  outputs: readonly (string | undefined)[],
  inputs: readonly (string | undefined)[],
): Promise<void> {
  const written = outputs.filter((output) => output !== undefined);
  if (written.length === 0) return;
  const named = inputs.filter((input) => input !== undefined).map(filesNamedBy);
  const read = (await Promise.all(named)).flat();
  const places = new Set<string>();
  for (const output of written) {
    const place = await placeOf(output);
    if (places.has(place)) {
      throw new UsageError(`${output}: expected a file of its own for each output, found it named for two`);
    }
    places.add(place);
    await checkNotRead(output, read);
  }
}

/** Where a file will lie, whatever links lead there. */
async function placeOf(path: string): Promise<string> {
  const target = resolve(await linkedPath(path));
  const folder = await realpath(dirname(target)).catch(() => dirname(target));
  return join(folder, basename(target));
}

/** An input itself, and the files that it names. */
async function filesNamedBy(input: string): Promise<string[]> {
  if (isStream(input)) return [];
  if (!(await exists(input))) return isGlob(input) ? await expandGlob(input) : [];
  if (!isListPath(input)) return [input];
  const lines = await readList(input);
  return [input, ...lines.flatMap(({ columns }) => columns.map((path) => pathInList(input, path)))];
}
