// Flow kept on disk as .flo files, so that no pair is computed twice.
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createCacheStore } from '../base/cacheStore.js';
import { readFileBounded } from '../base/files.js';
import { readFlo, writeFlo } from '../media/flo.js';
import { type FlowFrame, type FlowSource, orderedFrames } from './source.js';

/** Goes into every key: raise it when the same name and frames would give another flow than before. */
const KEY_VERSION = 'steadyseg flow 1';

/** A frame's file above this is no picture that could be decoded anyway. */
const MAX_FRAME_BYTES = 2 ** 31;

/** Where computed flow is kept. */
export interface FlowCacheOptions {
  /** Folder of the cache, created when needed. Default: `defaultFlowCacheFolder()`. */
  readonly folder?: string | undefined;
  /** Told at most once, when flow can no longer be stored (disk full, no permission); the work goes on without. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A flow source that keeps what it computed on disk. */
export interface CachedFlowSource extends FlowSource {
  /** How many fields came from the cache, and how many had to be computed, so far. */
  counts(): { readonly cached: number; readonly computed: number };
}

/** `$XDG_CACHE_HOME/steadyseg/flow`, or `~/.cache/steadyseg/flow`. */
export function defaultFlowCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'steadyseg', 'flow');
}

/**
 * The same source with a cache before it. A field is known by the content of both frames and the source's name;
 * an entry that is damaged is computed anew and replaced.
 */
export function cachedFlow(source: FlowSource, options: FlowCacheOptions = {}): CachedFlowSource {
  const { folder = defaultFlowCacheFolder(), onWarning } = options;
  const hashes = new WeakMap<FlowFrame, Promise<string>>();
  let cached = 0;
  let computed = 0;
  const store = createCacheStore(folder, 'flow is no longer cached', onWarning);

  const contentOf = (frame: FlowFrame) => {
    let hash = hashes.get(frame);
    if (!hash) {
      hash = contentHash(frame);
      hashes.set(frame, hash);
    }
    return hash;
  };

  return {
    name: source.name,
    concurrency: source.concurrency,
    async flow(pair, direction) {
      const [from, to] = await Promise.all(orderedFrames(pair, direction).map(contentOf));
      const key = sha256(KEY_VERSION, source.name, from, to);
      const path = join(folder, key.slice(0, 2), `${key}.flo`);
      const known = await readFlo(path).catch(() => undefined);
      if (known) {
        cached++;
        return known;
      }
      const flow = await source.flow(pair, direction);
      computed++;
      await store(flow.data.byteLength, () => writeFlo(path, flow));
      return flow;
    },
    check: (firstStems, directions) => source.check(firstStems, directions),
    close: () => source.close(),
    counts: () => ({ cached, computed }),
  };
}

/** A hash of the frame's file, or of its size and pixels where it has none. */
async function contentHash(frame: FlowFrame): Promise<string> {
  if (frame.path !== undefined) return sha256('file', await readFileBounded(frame.path, MAX_FRAME_BYTES));
  const { width, height, data } = await frame.image();
  return sha256('pixels', `${width}x${height}`, data);
}

/** SHA-256 of the parts, each with its length before it, so that no two lists of parts look the same. */
function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}
