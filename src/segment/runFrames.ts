// Takes the frames of an input through work, several at a time: order, failures, progress, and where the time goes.
import { messageOf } from '../base/errors.js';
import { mapOrdered } from '../base/ordered.js';
import type { OnProgress } from '../base/progress.js';
import type { Shard } from '../base/shard.js';
import type { Frame, FrameSource } from '../media/frames.js';
import type { RawVideo } from '../media/rawVideo.js';
import { ofFrame, UnusableFrameError } from './networkResult.js';
import type { Selection, WantedFrames } from './selection.js';

/** Where the time goes: waiting for frames, resizing and normalising, the network, scores to labels, drawing and encoding, writing files and video. */
export type Stage = 'decode' | 'prepare' | 'inference' | 'labels' | 'render' | 'write';

/** Which frames of an input are run over, and how. */
export interface FrameRunOptions extends WantedFrames {
  /** Leave out frames that an earlier run of the same model, options and pictures finished, as can be proven by its record in the folder. Default: every frame is done. */
  readonly resume?: boolean | undefined;
  /** Replace files in the folder that no run is known to have written. Default: they are refused. */
  readonly overwrite?: boolean | undefined;
  /** Go on after frames that cannot be read or segmented; they are listed in the summary. */
  readonly keepGoing?: boolean | undefined;
  /** Set for an input of frames without a header. */
  readonly raw?: RawVideo | undefined;
  /** Only every `count`-th clip, from the `index`-th on. */
  readonly shard?: Shard | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Told what a user should know of the input: high dynamic range, interlacing, dropped frames, … */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Called for each frame that cannot be read and is left out. */
  readonly onFailure?: ((failure: FrameFailure) => void) | undefined;
  /** Ends early: frames under way are finished. */
  readonly signal?: AbortSignal | undefined;
}

/** A frame that was left out, and why. */
export interface FrameFailure {
  readonly stem: string;
  readonly reason: string;
}

/** What a run has done so far. */
export interface FrameTally {
  /** Frames in the folder, those of earlier runs included. */
  frames: number;
  /** Frames an earlier run had finished. */
  resumed: number;
  readonly failed: FrameFailure[];
  /** Milliseconds of all frames. */
  readonly times: Record<Stage, number>;
  /** When the first frame was asked for, in milliseconds. */
  started: number;
}

/** How fast a run was. */
export interface RunSpeed {
  readonly sessions: number;
  readonly threads: number;
  readonly seconds: number;
  /** Frames of this run per second, from the first frame on. */
  readonly fps: number;
  /** Mean milliseconds a frame of this run spent in each stage. Stages of several frames overlap, so they do not add up to the time a frame took. */
  readonly stages: Readonly<Record<Stage, number>>;
}

export function createTally(): FrameTally {
  return {
    frames: 0,
    resumed: 0,
    failed: [],
    times: { decode: 0, prepare: 0, inference: 0, labels: 0, render: 0, write: 0 },
    started: performance.now(),
  };
}

export function speedOf(tally: FrameTally, { sessions, threads }: { sessions: number; threads: number }): RunSpeed {
  const seconds = (performance.now() - tally.started) / 1000;
  const fresh = tally.frames - tally.resumed;
  const { times } = tally;
  const mean = (stage: Stage) => rounded(times[stage] / Math.max(1, fresh));
  return {
    sessions,
    threads,
    seconds: rounded(seconds),
    fps: rounded(fresh / seconds),
    stages: {
      decode: mean('decode'),
      prepare: mean('prepare'),
      inference: mean('inference'),
      labels: mean('labels'),
      render: mean('render'),
      write: mean('write'),
    },
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

export interface FrameSteps<Result> {
  /** Whether an earlier run left nothing to do for a frame: it is counted, and not read. */
  isDone(stem: string): boolean;
  /** Works on one frame, while others are worked on. */
  finish(frame: Frame): Promise<Result>;
  /** What is done with the results, one after another in the order of frames. */
  take(result: Result): Promise<void>;
}

/**
 * Takes the selected frames of a source through `steps`; at most `concurrency` are under way at a time.
 *
 * @throws the error of a frame that cannot be read or segmented, unless `keepGoing`.
 */
export async function runFrames<Result>(
  source: FrameSource,
  selection: Selection,
  concurrency: number,
  { keepGoing = false, onProgress, onFailure, signal }: FrameRunOptions,
  tally: FrameTally,
  steps: FrameSteps<Result>,
): Promise<void> {
  const report = () => {
    tally.frames++;
    onProgress?.({ done: tally.frames, total: selection.count });
  };
  tally.started = performance.now();
  const decoded = source.frames({
    digests: true,
    wanted(index, stem) {
      if (!selection.has(index)) return false;
      if (!steps.isDone(stem)) return true;
      tally.resumed++;
      report();
      return false;
    },
    onBad(stem, error) {
      if (!keepGoing) return 'throw';
      leaveOut({ stem, reason: messageOf(error) });
      return 'skip';
    },
  });
  const leaveOut = (failure: FrameFailure) => {
    tally.failed.push(failure);
    onFailure?.(failure);
  };
  const finish = async (frame: Frame): Promise<{ result: Result } | { failure: FrameFailure }> => {
    try {
      return { result: await steps.finish(frame) };
    } catch (thrown) {
      if (!(thrown instanceof UnusableFrameError)) throw thrown;
      const named = ofFrame(frame.stem, thrown);
      if (!keepGoing) throw named;
      return { failure: { stem: frame.stem, reason: messageOf(named) } };
    }
  };
  const inOrder = timedUntil(decoded, selection.last, (milliseconds) => {
    tally.times.decode += milliseconds;
  });
  for await (const done of mapOrdered(inOrder, concurrency, finish, signal)) {
    if ('failure' in done) {
      leaveOut(done.failure);
      continue;
    }
    await steps.take(done.result);
    report();
  }
}

/** The frames up to index `last`; what comes after is not read. Reports how long each took to come. */
async function* timedUntil(
  frames: AsyncGenerator<Frame, void, void>,
  last: number,
  onTime: (milliseconds: number) => void,
): AsyncGenerator<Frame, void, void> {
  if (last < 0) return;
  try {
    for (;;) {
      const start = performance.now();
      const next = await frames.next();
      onTime(performance.now() - start);
      if (next.done) return;
      yield next.value;
      if (next.value.index >= last) return;
    }
  } finally {
    await frames.return();
  }
}
