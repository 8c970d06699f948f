// `steadyseg predict`: segments a video or pictures into a folder.
import { Command, InvalidArgumentError, Option } from 'commander';
import { InterruptedError, SteadysegError } from '../base/errors.js';
import { resolveShard } from '../data/shard.js';
import { presetClasses, presetNames, readClassesFile } from '../media/classes.js';
import { createProgressLine } from '../report/progress.js';
import { loadModel } from '../segment/model.js';
import { type OutputKind, outputKinds, type PredictSummary, predict } from '../segment/predict.js';
import type { Channels } from '../segment/preprocessing.js';
import type { Size } from '../segment/views.js';
import { heightByWidth, printResult, wholeNumber } from './options.js';

interface PredictCommandOptions {
  model: string;
  out: string;
  preset?: string;
  classes?: string;
  tile?: Size;
  scales?: number[];
  flip?: boolean;
  size?: Size;
  save?: OutputKind[];
  mean?: Channels;
  std?: Channels;
  scale?: number;
  bgr?: boolean;
  resume?: boolean;
  limit?: number;
  keepGoing?: boolean;
  shard?: string;
  shards?: number;
  threads?: number;
  device: string;
  json?: boolean;
}

export function command(): Command {
  return new Command('predict')
    .description(
      'Segment a video, a picture, a folder, a glob or a list file into label maps, colour maps and an overlay.',
    )
    .argument('<input>', 'video (mp4, m4v, mov, mkv, webm), picture, folder, "glob" or list file (.txt)')
    .requiredOption('-m, --model <file>', 'segmentation network (.onnx): one image in, scores per class out')
    .requiredOption('-o, --out <folder>', 'where the results go')
    .addOption(
      new Option('--preset <name>', 'what the classes are (default: what the model says)').choices(presetNames),
    )
    .addOption(new Option('--classes <file>', 'class names and colours, JSON or YAML').conflicts('preset'))
    .option('--size <HxW>', 'input size for a network of free size (default: that of the frame)', heightByWidth)
    .option('--tile <HxW>', 'segment overlapping tiles of this size in pixels and average', heightByWidth)
    .option('--scales <list>', 'segment at these scales and average, such as 0.75,1,1.25 (default: 1)', numbers)
    .option('--flip', 'average with the mirrored frame')
    .option(
      '--save <list>',
      `what to write, of ${outputKinds.join(',')} (default: labels,color; for a video also overlay)`,
      kinds,
    )
    .option(
      '--mean <r,g,b>',
      'subtracted from the input, in units of pixel × scale (default: what the model says, else ImageNet; 0 when --std or --scale is given)',
      channels,
    )
    .option(
      '--std <r,g,b>',
      'the input is divided by this, in the same units (default: likewise; 1 when --mean or --scale is given)',
      channels,
    )
    .option('--scale <number>', 'factor on pixels 0..255 before mean and std (default: 1)', positive)
    .option('--bgr', 'the network expects blue first')
    .option('--resume', 'go on where an earlier run with the same options ended')
    .option('--limit <n>', 'stop after this many frames', wholeNumber(1))
    .option('--keep-going', 'leave out frames that cannot be read; the exit code is still 1')
    .option('--shard <i/n>', 'only clips i, i+n, … of the input, i from 0')
    .option('--shards <n>', 'as --shard, with i from the job scheduler (Kubernetes, Slurm)', wholeNumber(1))
    .option('--threads <n>', 'threads in all (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the network runs: cpu, cuda, webgpu, …', 'cpu')
    .option('--json', 'print the content of predict.json on stdout')
    .addHelpText(
      'after',
      `
Writes labels/STEM.png (train ids), color/STEM.png (palette), overlay.mp4 for a video (overlay/STEM.jpg for pictures
when asked for), confidence/STEM.png (255 is 1), and predict.json (frames, frames per second, time of each stage).

Ctrl-C finishes the frames under way and closes the overlay video with them; --resume goes on from there.

Example:
  steadyseg predict drive.mp4 --model network.onnx --preset cityscapes --out result`,
    )
    .action(run);
}

async function run(input: string, options: PredictCommandOptions): Promise<void> {
  const classes = options.classes
    ? await readClassesFile(options.classes)
    : options.preset
      ? presetClasses(options.preset)
      : undefined;
  const model = await loadModel(options.model, {
    classes,
    size: options.size,
    mean: options.mean,
    std: options.std,
    scale: options.scale,
    channelOrder: options.bgr ? 'bgr' : undefined,
    device: options.device,
    threads: options.threads,
  });
  const progress = createProgressLine({ title: 'predict' });
  const interruption = new AbortController();
  // Once: a second Ctrl-C ends the program at once.
  const interrupt = () => {
    progress.note('finishing the frames under way (Ctrl-C again: stop at once)');
    interruption.abort();
  };
  process.once('SIGINT', interrupt);
  let summary: PredictSummary;
  try {
    summary = await predict(input, model, options.out, {
      tile: options.tile,
      scales: options.scales,
      flip: options.flip,
      save: options.save,
      resume: options.resume,
      limit: options.limit,
      keepGoing: options.keepGoing,
      shard: resolveShard(options),
      signal: interruption.signal,
      onProgress: progress.update,
      onFailure: ({ reason }) => progress.note(`left out: ${reason}`),
    });
  } finally {
    process.off('SIGINT', interrupt);
    progress.done();
    await model.release();
  }
  printResult(options.json, summary, () => describe(summary, options.out));
  if (summary.interrupted) {
    throw new InterruptedError(`interrupted after ${summary.frames} frames; --resume goes on from there`);
  }
  if (summary.failed.length > 0) {
    const count = summary.failed.length;
    throw new SteadysegError(`${count} ${count === 1 ? 'frame was' : 'frames were'} left out, as predict.json lists`);
  }
}

function describe({ frames, resumed, fps, seconds, stages, save }: PredictSummary, out: string): string {
  const earlier = resumed > 0 ? ` (${resumed} from an earlier run)` : '';
  const perStage = Object.entries(stages).map(([stage, milliseconds]) => `${stage} ${milliseconds.toFixed(1)}`);
  return [
    `${frames} ${frames === 1 ? 'frame' : 'frames'}${earlier} in ${seconds.toFixed(1)} s, ${fps.toFixed(2)} frames/s: ${save.join(', ')} in ${out}`,
    `milliseconds a frame: ${perStage.join(', ')}`,
  ].join('\n');
}

function numbers(text: string): number[] {
  const values = text.split(',').map(Number);
  if (text.trim() === '' || values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError(`expected numbers with commas between them, found "${text}".`);
  }
  return values;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError(`expected a number above 0, found "${text}".`);
  }
  return value;
}

function channels(text: string): Channels {
  const values = numbers(text);
  if (values.length !== 3)
    throw new InvalidArgumentError(`expected three numbers such as 124,116,104, found "${text}".`);
  return [values[0], values[1], values[2]];
}

function kinds(text: string): OutputKind[] {
  return text.split(',').map((name) => {
    const kind = outputKinds.find((one) => one === name.trim());
    if (!kind) throw new InvalidArgumentError(`expected some of ${outputKinds.join(',')}, found "${name}".`);
    return kind;
  });
}
