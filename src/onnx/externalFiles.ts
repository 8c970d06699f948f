// Reads tensors out of the files beside a model, and only out of those.
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reasonOf } from '../base/files.js';
import { ExternalDataError, type ReadExternal } from './externalData.js';

/** A file is held in memory as a whole. */
const MAX_DATA_BYTES = 2 ** 31 - 1;
/** Most bytes of one read call. */
const MAX_READ_BYTES = 1 << 30;

/**
 * Reads what a model keeps in files of its own folder or below: paths that lead out, links, and anything that is no
 * regular file are refused; sizes are checked before memory is taken. Each byte may be used once. A link is followed only
 * where it leads to a file right beside the model's own, as in the caches of model hubs, whose folders hold nothing but
 * links to one folder of all contents.
 * @param path of the model.
 */
export function externalFilesOf(path: string): ReadExternal {
  const folder = dirname(path);
  const files = new Map<string, { readonly bytes: Uint8Array; left: number }>();
  return ({ location, offset, length }, label) => {
    const parts = location.split('/').filter((part, at) => part !== '.' || at > 0);
    const inside = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part));
    if (!inside) {
      throw new ExternalDataError(
        `${label}: expected its data in a file of the model's own folder, found the path "${location}"`,
      );
    }
    const file = join(folder, ...parts);
    const known = files.get(file) ?? openWhole(file, path, parts, label);
    files.set(file, known);
    const { bytes } = known;
    if (offset + length > bytes.length) {
      throw new ExternalDataError(
        `${label}: expected ${length} bytes from byte ${offset} on in ${file}, found ${bytes.length} in all`,
      );
    }
    known.left -= length;
    if (known.left < 0) {
      throw new ExternalDataError(
        `${label}: expected tensors that share no data, found more in ${file} than its ${bytes.length} bytes`,
      );
    }
    return bytes.subarray(offset, offset + length);
  };
}

function openWhole(
  file: string,
  model: string,
  parts: readonly string[],
  label: string,
): { readonly bytes: Uint8Array; left: number } {
  try {
    const real = realpathSync(file);
    const isLink = real !== join(realpathSync(dirname(model)), ...parts);
    const leadsAway = isLink && dirname(real) !== dirname(realpathSync(model));
    if (leadsAway || !lstatSync(real).isFile()) {
      const found = leadsAway ? 'a link to somewhere else than beside the model' : 'something else';
      throw new ExternalDataError(`${label}: expected its data in a regular file, found that ${file} is ${found}`);
    }
    const bytes = readWhole(real, label);
    return { bytes, left: bytes.length };
  } catch (thrown) {
    if (thrown instanceof ExternalDataError) throw thrown;
    throw new ExternalDataError(`${label}: cannot read its data in ${file}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

function readWhole(file: string, label: string): Uint8Array {
  // What became a link since is not followed.
  const descriptor = openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { size } = fstatSync(descriptor);
    if (size > MAX_DATA_BYTES) {
      throw new ExternalDataError(`${label}: expected at most ${MAX_DATA_BYTES} bytes in ${file}, found ${size}`);
    }
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      const read = readSync(descriptor, bytes, done, Math.min(size - done, MAX_READ_BYTES), done);
      if (read === 0)
        throw new ExternalDataError(`${label}: expected ${size} bytes in ${file}, found ${done}: it shrank`);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
