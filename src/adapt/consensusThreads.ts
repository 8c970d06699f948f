// The consensus of a clip in worker threads, each with a stretch of the frames: in Node.
import { availableParallelism } from 'node:os';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { messageOf, SteadysegError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import type { FrameRange } from './clip.js';
import {
  type ConsensusClip,
  type ConsensusOptions,
  type ConsensusTarget,
  consensusReach,
  formConsensus,
  type Said,
} from './clipConsensus.js';
import type { ConsensusTask } from './consensusWorker.js';
import { openRecords } from './records.js';

/** Records of H×W×C that are kept of each frame at most: as the network came, the targets, those of the second round and what they are of. */
export const probabilityRecords = 4;

/** What the threads may hold together of the frames around the one that each is at. */
const MAX_BYTES = 2 ** 31;
/** Each thread also reads the frames before and after its stretch: shorter ones are not worth it. */
const leastFrames = consensusReach;

/**
 * Forms the consensus of the frames and writes it, as `formConsensus` does.
 * @param said what is said of each frame; default: what the network said as it came.
 * @returns the sums of Q by class.
 */
export async function formTargets(
  clip: ConsensusClip,
  into: ConsensusTarget,
  options: ConsensusOptions & { readonly threads?: number | undefined },
  said?: Said,
): Promise<number[]> {
  const { signal, onFrame, temperature, reach = consensusReach } = options;
  const window = { from: options.window?.from ?? 0, to: Math.min(clip.count, options.window?.to ?? clip.count) };
  const frames = window.to - window.from;
  const threads = Math.min(consensusThreads(clip, options.threads, reach), Math.floor(frames / leastFrames));
  if (threads < 2) return formConsensus(clip, into, said ?? ((t) => clip.files.probabilities.read(t)), options);
  const { height, width, classes, count, pairs, folder } = clip;
  const from = said ? await writeSaid(clip, said, signal) : 'probabilities';
  const pool = new Piscina<ConsensusTask, number[]>({
    filename: new URL('./consensusWorker.js', import.meta.url).href,
    ...{ minThreads: threads, maxThreads: threads },
  });
  const form = async (stretch: FrameRange) => {
    const { port1: done, port2: heard } = new MessageChannel();
    const tell = () => onFrame?.(++formed);
    heard.on('message', tell);
    const task = { clip: parts, into, options: { temperature, reach, window: stretch }, said: from, done };
    try {
      const sums = await pool.run(task, { transferList: [done], ...(signal && { signal }) });
      // What was sent before the result, and not heard of yet.
      while (receiveMessageOnPort(heard)) tell();
      return sums;
    } finally {
      heard.close();
    }
  };
  const parts = { height, width, classes, count, pairs, folder };
  let formed = 0;
  try {
    const start = (k: number) => window.from + Math.floor((k * frames) / threads);
    const sums = await Promise.all(
      Array.from({ length: threads }, (_, k) => form({ from: start(k), to: start(k + 1) })),
    );
    return sums[0].map((_, c) => sums.reduce((sum, of) => sum + of[c], 0));
  } catch (thrown) {
    signal?.throwIfAborted();
    throw new SteadysegError(messageOf(thrown), { cause: thrown });
  } finally {
    await pool.destroy();
  }
}

/** Writes what is said of the frames for the threads to read. @returns the name of the records. */
async function writeSaid(
  { folder, height, width, classes, count }: ConsensusClip,
  said: Said,
  signal: AbortSignal | undefined,
): Promise<string> {
  const records = await openRecords(folder, 'said', height * width * classes);
  try {
    for (let t = 0; t < count; t++) {
      signal?.throwIfAborted();
      await records.write(t, await said(t));
    }
  } finally {
    await records.close();
  }
  return 'said';
}

/** Threads that form a consensus, of those that there are. */
export function consensusThreads(
  { height, width, classes }: Size & { readonly classes: number },
  threads = availableParallelism(),
  reach = consensusReach,
): number {
  // Of the frames around: probabilities, and flow from each to each.
  const bytes = height * width * ((2 * reach + 1) * classes + 8 * reach * (reach + 1));
  return Math.max(1, Math.min(threads, Math.floor(MAX_BYTES / bytes)));
}
