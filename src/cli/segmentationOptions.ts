// The options of commands that run a segmentation network over frames: the network, how it looks at a frame, which frames.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InterruptedError, SteadysegError, TerminatedError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import type { RawVideo } from '../media/rawVideo.js';
import type { ProgressLine } from '../report/progress.js';
import { loadModel } from '../segment/loadModel.js';
import type { SegmentationModel } from '../segment/model.js';
import type { Channels } from '../segment/preprocessing.js';
import type { FrameFailure, FrameRunOptions } from '../segment/runFrames.js';
import { defaultModel, shippedModelPath } from '../segment/shipped.js';
import { type ScoreKind, scoreKinds } from '../segment/trace.js';
import type { ViewOptions } from '../segment/views.js';
import { addClassOptions, type ClassOptions, classesOf } from './classOptions.js';
import { withProgress } from './interruptible.js';
import { cappedThreads, heightByWidth, numbers, positive, time, wholeNumber } from './options.js';
import { addShardOptions, noteEmptyShard, type ShardOptions, shardOf } from './shardOptions.js';

/** What is said of a model that does not say it itself. */
export interface ModelOptions extends ClassOptions {
  size?: Size;
  mean?: Channels;
  std?: Channels;
  scale?: number;
  bgr?: boolean;
  output?: string;
  scores?: ScoreKind;
}

export interface NetworkOptions extends ModelOptions {
  model?: string;
  tile?: Size;
  scales?: number[];
  flip?: boolean;
  trial?: boolean;
  threads?: number;
  device: string;
}

export interface FramesOptions extends ShardOptions {
  resume?: boolean;
  overwrite?: boolean;
  limit?: number;
  every?: number;
  from?: number;
  to?: number;
  keepGoing?: boolean;
  raw?: RawVideo;
}

/** Adds the options of `NetworkOptions`, but for `--threads` and `--device`, which come last in the help. @param what the help of `--model`. */
export function addNetworkOptions(
  command: Command,
  what = 'segmentation network (.onnx): one image in, scores per class out (default: the one that ships, for real streets)',
): Command {
  command
    .option('-m, --model <file>', what)
    .option('--tile <HxW>', 'segment overlapping tiles of this size in pixels and average', heightByWidth)
    .option('--scales <list>', 'segment at these scales and average, such as 0.75,1,1.25 (default: 1)', numbers)
    .option('--flip', 'average with the mirrored frame')
    .option('--trial', 'first run the network once in a process of its own, which a hostile file may end');
  return addModelOptions(command);
}

/** Adds the options of `ModelOptions`. */
export function addModelOptions(command: Command): Command {
  return addClassOptions(command, 'what the classes are (default: what the model says)')
    .option('--size <HxW>', 'input size for a network of free size (default: that of the frame)', heightByWidth)
    .option(
      '--mean <r,g,b>',
      'subtracted from red, green and blue, in units of pixel × scale (default: what the model says, else ImageNet; 0 when --std or --scale is given)',
      channels,
    )
    .option(
      '--std <r,g,b>',
      'the input is divided by this, in the same units (default: likewise; 1 when --mean or --scale is given)',
      deviations,
    )
    .option(
      '--scale <number>',
      'factor on pixels 0..255 before mean and std (default: 1/255 when these are at most 1, else 1)',
      positive,
    )
    .option('--bgr', 'the network expects blue first')
    .option('--output <name>', 'the output with the scores, of a network with several (default: the one that fits)')
    .addOption(
      new Option(
        '--scores <kind>',
        'what the output is: scores before a softmax, probabilities of classes that exclude each other (softmax) or stand each alone (sigmoid), or labels (default: what the graph and the values tell)',
      ).choices(scoreKinds),
    );
}

/** Adds the options of `FramesOptions`, `--threads` and `--device`. */
export function addFramesOptions(command: Command): Command {
  command
    .option('--resume', 'go on where an earlier run with the same options and pictures ended')
    .option('--overwrite', 'replace files in the folder that no earlier run wrote')
    .option('--limit <n>', 'stop after this many frames', wholeNumber(1))
    .option('--every <n>', 'only every n-th frame of each clip (default: 1)', wholeNumber(1))
    .option('--from <time>', 'of a video: start at this time, seconds or [h:]m:s (default: 0)', time)
    .option('--to <time>', 'of a video: end at this time (default: its end)', time)
    .option('--keep-going', 'leave out frames that cannot be read; the exit code is still 1')
    .option(
      '--raw <HxW,format[,rate]>',
      "the input is raw video without a header: height and width, FFmpeg's name of its pixel format, frames a second (default: 25), such as 480x640,yuv420p,30",
      rawVideo,
    );
  return addShardOptions(command)
    .option('--threads <n>', 'threads in all (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the network runs: cpu, cuda, webgpu, …', 'cpu');
}

/** Parses `480x640,yuv420p` or `480x640,yuv420p,30`. */
function rawVideo(text: string): RawVideo {
  const [size, pixelFormat = '', rate, ...rest] = text.split(',');
  if (!/^\w+$/.test(pixelFormat) || rest.length > 0) {
    throw new InvalidArgumentError(`expected HEIGHTxWIDTH,FORMAT or HEIGHTxWIDTH,FORMAT,RATE, found "${text}".`);
  }
  return { ...heightByWidth(size), pixelFormat, rate: rate === undefined ? undefined : positive(rate) };
}

/** The options as the library takes them, classes aside. */
export function modelOptionsOf({ size, mean, std, scale, bgr, output, scores }: ModelOptions) {
  return { size, mean, std, scale, channelOrder: bgr ? ('bgr' as const) : undefined, output, scores };
}

/** Loads the network that the options name, or the one that ships. */
export async function openNetwork(options: NetworkOptions, threshold: number | undefined): Promise<SegmentationModel> {
  return await loadModel(options.model ?? (await shippedModelPath(defaultModel)), {
    ...modelOptionsOf(options),
    classes: await classesOf(options),
    threshold,
    trial: options.trial,
    device: options.device,
    threads: cappedThreads(options.threads),
  });
}

/** What the library's calls over frames have in common. */
export type CommonRunOptions = ViewOptions & FrameRunOptions;

/** What became of a run over frames. */
interface Run {
  readonly interrupted: boolean;
  readonly frames: number;
  readonly failed: readonly FrameFailure[];
}

/**
 * Opens the network, says what was guessed of it, hands it to work with what the options say of views and frames, reports,
 * and lets it go. `terminated`: a scheduler ended it.
 */
export async function runNetwork<Result extends Run>(
  title: string,
  options: NetworkOptions & FramesOptions,
  work: (model: SegmentationModel, common: CommonRunOptions, progress: ProgressLine) => Promise<Result>,
  foregroundThreshold?: number,
): Promise<{ readonly summary: Result; readonly terminated: boolean }> {
  const shard = shardOf(options);
  const model = await openNetwork(options, foregroundThreshold);
  try {
    const ending = 'finishing the frames under way';
    const run = await withProgress({ title, ending }, async (progress, signal) => {
      for (const note of model.description.notes) progress.note(`note: ${note}`);
      const common: CommonRunOptions = {
        tile: options.tile,
        scales: options.scales,
        flip: options.flip,
        resume: options.resume,
        overwrite: options.overwrite,
        limit: options.limit,
        every: options.every,
        from: options.from,
        to: options.to,
        keepGoing: options.keepGoing,
        raw: options.raw,
        shard,
        signal,
        onProgress: progress.update,
        onNote: (note) => progress.note(`note: ${note}`),
        onFailure: ({ reason }) => progress.note(`left out: ${reason}`),
      };
      const summary = await work(model, common, progress);
      return { summary, terminated: signal.reason instanceof TerminatedError };
    });
    const { frames, failed, interrupted } = run.summary;
    if (frames === 0 && failed.length === 0 && !interrupted) noteEmptyShard(shard);
    return run;
  } finally {
    await model.release();
  }
}

/** @throws InterruptedError (TerminatedError after a scheduler's signal) or SteadysegError for a run that did not do all it was asked for; `record` names the file that lists what was left out. */
export function checkWhole(run: Run, record: string, terminated = false): void {
  if (run.interrupted) {
    const Reason = terminated ? TerminatedError : InterruptedError;
    throw new Reason(`interrupted after ${run.frames} frames; --resume goes on from there`);
  }
  if (run.failed.length > 0) {
    const count = run.failed.length;
    throw new SteadysegError(`${count} ${count === 1 ? 'frame was' : 'frames were'} left out, as ${record} lists`);
  }
}

function channels(text: string): Channels {
  const values = numbers(text);
  if (values.length !== 3)
    throw new InvalidArgumentError(`expected three numbers such as 124,116,104, found "${text}".`);
  return [values[0], values[1], values[2]];
}

function deviations(text: string): Channels {
  const values = channels(text);
  if (values.some((value) => value <= 0)) {
    throw new InvalidArgumentError(`expected three numbers above 0 such as 58,57,57, found "${text}".`);
  }
  return values;
}

/** Parses names of `known` with commas between them. */
export function namesOf<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) =>
    text.split(',').map((name) => {
      const found = known.find((one) => one === name.trim());
      if (!found) throw new InvalidArgumentError(`expected some of ${known.join(',')}, found "${name}".`);
      return found;
    });
}
