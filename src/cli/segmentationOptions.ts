// The options of commands that run a segmentation network over frames: the network, how it looks at a frame, which frames.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InterruptedError, SteadysegError } from '../base/errors.js';
import { type ClassSet, presetClasses, presetNames } from '../media/classes.js';
import { readClassesFile } from '../media/classesFile.js';
import { createProgressLine, type ProgressLine } from '../report/progress.js';
import { loadModel } from '../segment/loadModel.js';
import type { SegmentationModel } from '../segment/model.js';
import type { Channels } from '../segment/preprocessing.js';
import type { FrameFailure } from '../segment/runFrames.js';
import { defaultModel, shippedModelPath } from '../segment/shipped.js';
import type { Size } from '../segment/views.js';
import { heightByWidth, numbers, positive, wholeNumber } from './options.js';

export interface NetworkOptions {
  model?: string;
  preset?: string;
  classes?: string;
  tile?: Size;
  scales?: number[];
  flip?: boolean;
  size?: Size;
  mean?: Channels;
  std?: Channels;
  scale?: number;
  bgr?: boolean;
  threads?: number;
  device: string;
}

export interface FramesOptions {
  resume?: boolean;
  limit?: number;
  keepGoing?: boolean;
  shard?: string;
  shards?: number;
}

/** Adds the options of `NetworkOptions`, but for `--threads` and `--device`, which come last in the help. */
export function addNetworkOptions(command: Command): Command {
  return command
    .option(
      '-m, --model <file>',
      'segmentation network (.onnx): one image in, scores per class out (default: the one that ships, for real streets)',
    )
    .addOption(
      new Option('--preset <name>', 'what the classes are (default: what the model says)').choices(presetNames),
    )
    .addOption(new Option('--classes <file>', 'class names and colours, JSON or YAML').conflicts('preset'))
    .option('--size <HxW>', 'input size for a network of free size (default: that of the frame)', heightByWidth)
    .option('--tile <HxW>', 'segment overlapping tiles of this size in pixels and average', heightByWidth)
    .option('--scales <list>', 'segment at these scales and average, such as 0.75,1,1.25 (default: 1)', numbers)
    .option('--flip', 'average with the mirrored frame')
    .option(
      '--mean <r,g,b>',
      'subtracted from the input, in units of pixel × scale (default: what the model says, else ImageNet; 0 when --std or --scale is given)',
      channels,
    )
    .option(
      '--std <r,g,b>',
      'the input is divided by this, in the same units (default: likewise; 1 when --mean or --scale is given)',
      deviations,
    )
    .option('--scale <number>', 'factor on pixels 0..255 before mean and std (default: 1)', positive)
    .option('--bgr', 'the network expects blue first');
}

/** Adds the options of `FramesOptions`, `--threads` and `--device`. */
export function addFramesOptions(command: Command): Command {
  return command
    .option('--resume', 'go on where an earlier run with the same options ended')
    .option('--limit <n>', 'stop after this many frames', wholeNumber(1))
    .option('--keep-going', 'leave out frames that cannot be read; the exit code is still 1')
    .option('--shard <i/n>', 'only clips i, i+n, … of the input, i from 0')
    .option('--shards <n>', 'as --shard, with i from the job scheduler (Kubernetes, Slurm)', wholeNumber(1))
    .option('--threads <n>', 'threads in all (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the network runs: cpu, cuda, webgpu, …', 'cpu');
}

/** Loads the network that the options name, or the one that ships. */
export async function openNetwork(options: NetworkOptions): Promise<SegmentationModel> {
  return await loadModel(options.model ?? (await shippedModelPath(defaultModel)), {
    classes: await classesOf(options),
    size: options.size,
    mean: options.mean,
    std: options.std,
    scale: options.scale,
    channelOrder: options.bgr ? 'bgr' : undefined,
    device: options.device,
    threads: options.threads,
  });
}

async function classesOf({ classes, preset }: NetworkOptions): Promise<ClassSet | undefined> {
  if (classes) return await readClassesFile(classes);
  return preset ? presetClasses(preset) : undefined;
}

/** Runs work that Ctrl-C ends early, with its progress on stderr. */
export async function withProgress<Result>(
  title: string,
  work: (progress: ProgressLine, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const progress = createProgressLine({ title });
  const interruption = new AbortController();
  // Once: a second Ctrl-C ends the program at once.
  const interrupt = () => {
    progress.note('finishing the frames under way (Ctrl-C again: stop at once)');
    interruption.abort();
  };
  process.once('SIGINT', interrupt);
  try {
    return await work(progress, interruption.signal);
  } finally {
    process.off('SIGINT', interrupt);
    progress.done();
  }
}

/** @throws InterruptedError or SteadysegError for a run that did not do all it was asked for; `record` names the file that lists what was left out. */
export function checkWhole(
  run: { readonly interrupted: boolean; readonly frames: number; readonly failed: readonly FrameFailure[] },
  record: string,
): void {
  if (run.interrupted) {
    throw new InterruptedError(`interrupted after ${run.frames} frames; --resume goes on from there`);
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
