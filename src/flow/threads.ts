// Flow that is a function of two pictures, computed in worker threads: each takes one pair after another.
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { messageOf, SteadysegError } from '../base/errors.js';
import type { OpticalFlow, RgbImage } from '../media/image.js';
import { type FlowSource, orderedFrames } from './source.js';

/** What a thread is asked for: both frames in RGB, of one size, and the method's settings. */
export interface FlowTask<Settings> {
  readonly from: RgbImage;
  readonly to: RgbImage;
  readonly settings: Settings;
}

/** How flow is computed in threads. */
export interface ThreadedFlowOptions<Settings> {
  /** The source's name. */
  readonly name: string;
  /** Module whose default export makes the flow of a `FlowTask`, as (u, v) pairs in rows. */
  readonly worker: URL;
  readonly settings: Settings;
  /** Worker threads. Default: one a core. */
  readonly threads?: number | undefined;
}

/**
 * The source of flow that a worker computes. The threads start with the first call.
 * @throws SteadysegError for a bad number of threads, and from `flow`, naming the frames, for frames of different sizes and for what
 * the worker throws.
 */
export function threadedFlow<Settings>(options: ThreadedFlowOptions<Settings>): FlowSource {
  const { name, worker, settings, threads = availableParallelism() } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new SteadysegError(`flow: expected at least 1 thread but received ${threads}`);
  }
  let pool: Piscina<FlowTask<Settings>, Float32Array> | undefined;
  return {
    name,
    concurrency: threads,
    async flow(pair, direction): Promise<OpticalFlow> {
      const ordered = orderedFrames(pair, direction);
      const [from, to] = await Promise.all(ordered.map((frame) => frame.image()));
      const { width, height } = from;
      const stems = ordered.map((frame) => frame.stem).join(' → ');
      if (to.width !== width || to.height !== height) {
        throw new SteadysegError(
          `flow ${stems}: expected frames of one size, found ${width}×${height} and ${to.width}×${to.height}`,
        );
      }
      pool ??= new Piscina({ filename: worker.href, minThreads: threads, maxThreads: threads });
      try {
        return { width, height, data: await pool.run({ from, to, settings }) };
      } catch (thrown) {
        throw new SteadysegError(`flow ${stems}: ${messageOf(thrown)}`, { cause: thrown });
      }
    },
    async check() {},
    async close() {
      await pool?.destroy();
      pool = undefined;
    },
  };
}
