// Sessions of one network in worker threads: with a core each they get more done than one session on all cores.
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { SteadysegError, UsageError } from '../base/errors.js';
import type { RgbImage } from '../media/image.js';
import type { SegmentationModel } from './model.js';
import { UnusableFrameError } from './networkResult.js';
import type { DrawingStyle } from './render.js';
import type { SegmentOptions } from './segment.js';
import type { FrameResult, FrameTask, TaskFailure, WorkerSetup } from './worker.js';

/** Each session has memory of its own, some GB for a large network; beyond this many, sessions get more threads instead. */
const MAX_SESSIONS = 4;

export interface Pool {
  /** Sessions that work side by side. */
  readonly sessions: number;
  /** Threads of each session. */
  readonly threads: number;
  /** Runs one task. The pixels of its picture (see `movable`) are moved to the worker, and come back with the result. */
  run(task: FrameTask): Promise<FrameResult>;
  release(): Promise<void>;
}

/**
 * Starts sessions of a network for frames that come one after another.
 *
 * @param frames how many there will be, if known: a single one gets one session on all threads.
 * @param style how what is rendered is drawn.
 * @throws SteadysegError when the network cannot be run.
 */
export async function createPool(
  model: SegmentationModel,
  options: SegmentOptions,
  frames?: number,
  style: DrawingStyle = {},
): Promise<Pool> {
  const { device = 'cpu', threads: total = availableParallelism() } = model.sessionOptions;
  const sessions = device === 'cpu' ? Math.max(1, Math.min(total, MAX_SESSIONS, frames ?? MAX_SESSIONS)) : 1;
  const threads = Math.max(1, Math.floor(total / sessions));
  const setup: WorkerSetup = {
    content: model.sessionContent,
    description: model.description,
    cut: model.sessionCut,
    sessionOptions: { device, threads },
    segmentOptions: options,
    classes: model.classes,
    style,
  };
  const pool = new Piscina<FrameTask | undefined, FrameResult | TaskFailure>({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: sessions,
    maxThreads: sessions,
    workerData: setup,
  });
  const run = async (task: FrameTask | undefined): Promise<FrameResult> => {
    const result = await pool.run(task, { transferList: task ? [task.image.data.buffer as ArrayBuffer] : [] });
    if ('error' in result) throw errorOf(result);
    return result;
  };
  // An empty task: a model that cannot be run is reported before anything is written.
  try {
    await run(undefined);
  } catch (thrown) {
    await pool.destroy();
    throw thrown;
  }
  return { sessions, threads, run, release: () => pool.destroy() };
}

function errorOf({ error, kind }: TaskFailure): SteadysegError {
  const kinds = { usage: UsageError, frame: UnusableFrameError, other: SteadysegError };
  return new kinds[kind](error);
}

/** A copy of a picture whose memory can be moved to another thread: that of a decoder cannot. */
export function movable(image: RgbImage): RgbImage {
  return { ...image, data: image.data.slice() };
}
