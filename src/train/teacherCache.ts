// What a teacher gave for a frame, kept on disk under the contents of both.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createCacheStore } from '../base/cacheStore.js';
import { SteadysegError } from '../base/errors.js';
import { exists } from '../base/files.js';
import type { Tensor } from '../tensor/tensor.js';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.js';

export interface TeacherCache {
  /** The map of an output for a frame: the kept one, or what `compute` gives, which is kept. */
  map(frame: Tensor<'uint8'>, output: string, compute: () => Promise<Tensor<'float32'>>): Promise<Tensor<'float32'>>;
}

/**
 * A cache in a folder; the folder may serve several teachers and runs. Entries are named by a hash of the frame's pixels,
 * the output and `identity`, so that none is ever out of date. One that cannot be read is made anew.
 *
 * @param identity everything the maps follow from besides the frame: the teacher's file and how it is fed.
 * @param onWarning told at most once, when maps can no longer be stored (disk full, no permission).
 */
export function createTeacherCache(
  folder: string,
  identity: readonly (string | Uint8Array)[],
  onWarning?: ((message: string) => void) | undefined,
): TeacherCache {
  const teacher = hashOf(identity);
  const store = createCacheStore(folder, "the teacher's maps are no longer cached", onWarning);
  return {
    async map(frame, output, compute) {
      const { data, shape } = frame;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const key = hashOf([teacher, output, shape.join('x'), bytes]);
      const path = join(folder, key.slice(0, 2), `${key}.safetensors`);
      const kept = (await exists(path)) ? await readKept(path) : undefined;
      if (kept) return kept;
      const map = await compute();
      await store(map.data.byteLength, () => writeSafetensors(path, new Map([['map', map]])));
      return map;
    },
  };
}

async function readKept(path: string): Promise<Tensor<'float32'> | undefined> {
  try {
    const map = (await readSafetensors(path)).tensors.get('map');
    return map?.dtype === 'float32' ? (map as Tensor<'float32'>) : undefined;
  } catch (thrown) {
    if (thrown instanceof SteadysegError) return undefined;
    throw thrown;
  }
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}
