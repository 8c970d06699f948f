// The consensus of a clip in worker threads, each with a stretch of the frames: in Node.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { isOutOfMemory, messageOf, SteadysegError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import {
  type ConsensusClip,
  type ConsensusOptions,
  type ConsensusTarget,
  consensusReach,
  formConsensus,
  type Said,
} from './clipConsensus.js';
import type { FrameRange } from './clipFiles.js';
import type { ConsensusNews, ConsensusTask } from './consensusWorker.js';
import { openRecords } from './records.js';

/** Records of H×W×C that are kept of each frame at most: as the network came, the targets, those of the second round and what they are of. */
export const probabilityRecords = 4;

/** What the threads may hold together of the frames around the one that each is at. */
const MAX_BYTES = 2 ** 31;

/**
 * Forms the consensus of the frames and writes it, as `formConsensus` does.
 * @param said what is said of each frame; default: what the network said as it came.
 * @returns the sums of Q by class.
 * @throws SteadysegError for records that cannot be read or written; the reason of the signal; what `said` and `onFrame` throw.
 */
export async function formTargets(
  clip: ConsensusClip,
  into: ConsensusTarget,
  options: ConsensusOptions & { readonly threads?: number | undefined },
  said?: Said,
): Promise<number[]> {
  const { signal, onFrame, temperature, reach = consensusReach } = options;
  const { height, width, classes, count, pairs, folder, files } = clip;
  const [first, end] = [options.window?.from ?? 0, Math.min(count, options.window?.to ?? count)];
  const threads = consensusThreads(clip, end - first, options.threads, reach);
  if (threads < 2) return formConsensus(clip, into, said ?? ((t) => files.probabilities.read(t)), options);
  const saidIn = said ? await writeSaid(clip, said, signal) : 'probabilities';
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const stopAll = () => Atomics.store(stop, 0, 1);
  if (signal?.aborted) stopAll();
  signal?.addEventListener('abort', stopAll, { once: true });
  let formed = 0;
  const tell = () => onFrame?.(++formed);
  const parts = { height, width, classes, count, pairs, folder };
  let failure: { readonly thrown: unknown } | undefined;
  const form = async (window: FrameRange): Promise<number[]> => {
    try {
      return await inThread({ clip: parts, into, options: { temperature, reach, window }, saidIn, stop }, tell);
    } catch (thrown) {
      failure ??= { thrown };
      stopAll();
      return [];
    }
  };
  const start = (k: number) => first + Math.floor((k * (end - first)) / threads);
  try {
    // All have ended before anything that they write to is closed or removed.
    const sums = await Promise.all(
      Array.from({ length: threads }, (_, k) => form({ from: start(k), to: start(k + 1) })),
    );
    signal?.throwIfAborted();
    if (failure) throw failure.thrown;
    return sums[0].map((_, c) => sums.reduce((sum, of) => sum + of[c], 0));
  } finally {
    signal?.removeEventListener('abort', stopAll);
  }
}

/** @throws SteadysegError for what ends the thread, once it has ended; what `onFormed` throws, and errors of memory, as they are. */
function inThread(task: ConsensusTask, onFormed: () => void): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./consensusWorker.js', import.meta.url), { workerData: task });
    let sums: number[] | undefined;
    let failure: { readonly thrown: unknown } | undefined;
    worker.on('message', (news: ConsensusNews) => {
      if (news !== 'formed') {
        sums = news;
        return;
      }
      try {
        onFormed();
      } catch (thrown) {
        failure ??= { thrown };
        Atomics.store(task.stop, 0, 1);
      }
    });
    worker.once('error', (thrown) => {
      failure ??= { thrown: isOutOfMemory(thrown) ? thrown : new SteadysegError(messageOf(thrown), { cause: thrown }) };
    });
    worker.once('exit', () => {
      if (failure) reject(failure.thrown);
      else if (sums) resolve(sums);
      else reject(new SteadysegError('a thread that forms the consensus ended early'));
    });
  });
}

/** Writes what is said of all frames for the threads to read. @returns the name of the records. */
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

/** Threads that form the consensus of so many frames, of those that there are. */
export function consensusThreads(
  { height, width, classes }: Size & { readonly classes: number },
  frames: number,
  threads = availableParallelism(),
  reach = consensusReach,
): number {
  // Probabilities of the frames around and the sum of them, flow between them, and what each hides.
  const bytes = height * width * ((2 * reach + 6) * classes + 20 * reach * (reach + 1) + 2 * reach);
  // Each also reads the frames before and after its stretch: shorter ones are not worth it.
  const stretches = Math.floor(frames / Math.max(reach, consensusReach));
  return Math.max(1, Math.min(threads, Math.floor(MAX_BYTES / bytes), stretches));
}
