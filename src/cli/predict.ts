// `steadyseg predict`: segments a video or pictures into a folder.
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { predictSmoothed } from '../adapt/smooth.js';
import { UsageError } from '../base/errors.js';
import { locateShard } from '../base/shard.js';
import type { ClassSet } from '../media/classes.js';
import { isGlob } from '../media/glob.js';
import type { LegendPlace } from '../media/legend.js';
import type { FrameRate } from '../media/video.js';
import { isStream } from '../media/videoInput.js';
import type { SteadinessResult } from '../metrics/result.js';
import { createProgressLine } from '../report/progress.js';
import { renderResult } from '../report/resultTable.js';
import { evaluateSteadiness } from '../segment/evaluateSteadiness.js';
import { type OutputKind, outputKinds, type PredictSummary, predict } from '../segment/predict.js';
import { addDrawingOptions } from './drawingOptions.js';
import { withFlow } from './flowOptions.js';
import { cappedThreads, frameRate, printResult, share, wholeNumber } from './options.js';
import {
  addFramesOptions,
  addNetworkOptions,
  checkWhole,
  type FramesOptions,
  type NetworkOptions,
  namesOf,
  runNetwork,
} from './segmentationOptions.js';

interface PredictCommandOptions extends NetworkOptions, FramesOptions {
  out?: string;
  save?: OutputKind[];
  opacity?: number;
  legend?: LegendPlace;
  classesOnly?: string[];
  rate?: FrameRate;
  threshold?: number;
  steadiness?: boolean;
  smooth?: number;
  flow?: string;
  json?: boolean;
}

export function command(): Command {
  const predictCommand = new Command('predict')
    .description(
      'Segment a video, a picture, a folder, a glob or a list file into label maps, colour maps and an overlay.',
    )
    .argument(
      '<input>',
      'video, picture, folder, "glob", list file (.txt), address (http, https, rtsp), camera (/dev/video0), or - for standard input',
    )
    .option(
      '-o, --out <folder>',
      'where the results go (default: the name of the input with -predicted, in this folder)',
    )
    .option(
      '--save <list>',
      `what to write, of ${outputKinds.join(',')} (default: labels,color,overlay)`,
      namesOf(outputKinds),
    )
    .option('--rate <fps>', 'of pictures: the overlay is a video, with so many of them a second', frameRate)
    .option(
      '--classes-only <names>',
      'classes that colour maps, overlays, masks and cut-outs show, such as road,car (default: all)',
      (text) => text.split(',').map((name) => name.trim()),
    )
    .option(
      '--threshold <p>',
      'of a network of one map, or of classes that stand each alone: the probability above which a pixel is no background (default: 0.5)',
      share,
    );
  addDrawingOptions(predictCommand);
  addFramesOptions(addNetworkOptions(predictCommand));
  return predictCommand
    .option('--steadiness', 'then measure how much the labels flicker, as evaluate steadiness does, and print it too')
    .option(
      '--smooth <k>',
      'of a whole video, not per frame: the consensus with k frames on either side along the flow (needs frames to come)',
      wholeNumber(1),
    )
    .option(
      '--flow <source>',
      'with --smooth: dis (the default), farneback, a folder of .flo files or a flow network (.onnx)',
    )
    .option('--json', 'print the content of predict.json on stdout')
    .addHelpText(
      'after',
      `
Writes labels/STEM.png (train ids), color/STEM.png (palette), overlay.mp4 for a video or with --rate (else
overlay/STEM.jpg), and predict.json (frames, frames per second, time of each stage); when asked for, confidence/STEM.png
(255 is 1), masks/CLASS/STEM.png (255 where the class is) and cutout/CLASS/STEM.png (the frame there, else transparent).

Ctrl-C finishes the frames under way and closes the overlay video with them; --resume goes on from there (with --smooth
the same command begins anew).

Examples:
  steadyseg predict drive.mp4
  steadyseg predict drive.mp4 --model network.onnx --preset cityscapes --out result
  steadyseg predict frames --rate 25 --save overlay,cutout --classes-only person,car`,
    )
    .action(run);
}

async function run(input: string, options: PredictCommandOptions): Promise<void> {
  if (options.steadiness) checkMeasurable(input, options);
  const { out = defaultFolder(input), save, opacity, legend, classesOnly, rate, smooth, flow } = options;
  if (flow !== undefined && smooth === undefined) throw new UsageError('--flow: expected --smooth, which it is for');
  let classSet: ClassSet | undefined;
  const { summary, terminated } = await runNetwork(
    'predict',
    options,
    (model, common, progress) => {
      classSet = model.classes;
      const drawn = { ...common, save, opacity, legend, classesOnly, rate };
      if (smooth === undefined) return predict(input, model, out, drawn);
      const onStage = (stage: string) => progress.restart(stage === 'consensus' ? 'consensus frames' : 'frames');
      return predictSmoothed(input, model, out, { ...drawn, reach: smooth, flow, onStage });
    },
    options.threshold,
  );
  const steadiness =
    options.steadiness && !summary.interrupted ? await measure(input, { ...options, out }, classSet) : undefined;
  printResult(options.json, steadiness ? { ...summary, steadiness } : summary, () =>
    [describe(summary, out), ...(steadiness ? ['', renderResult(steadiness)] : [])].join('\n'),
  );
  checkWhole(summary, 'predict.json', terminated);
}

/** @throws UsageError for an input without a name of its own. */
function defaultFolder(input: string): string {
  const named = !isStream(input) && !isGlob(input);
  if (!named) throw new UsageError(`${input}: expected --out, a folder for the results, as this input names none`);
  return `${basename(resolve(input)).replace(/\.[a-z]\w{1,4}$/i, '')}-predicted`;
}

/** @throws UsageError for a run whose labels cannot be compared along the frames of the input afterwards. */
function checkMeasurable(
  input: string,
  { save, every, from, to, shard, shards, limit, raw }: PredictCommandOptions,
): void {
  const refuse = (found: string) => {
    throw new UsageError(`--steadiness: expected ${found}; evaluate steadiness measures what is there`);
  };
  if (isStream(input)) refuse(`an input that can be read twice, found the stream ${input}`);
  if (raw !== undefined) refuse('a video that says what it is, found --raw');
  if (save && !save.includes('labels')) refuse(`labels among what is saved, found ${save.join(',')}`);
  if ((every ?? 1) > 1 || from !== undefined || to !== undefined) refuse('all frames, found --every, --from or --to');
  if (limit !== undefined && (shard ?? shards) !== undefined) refuse('either a shard or --limit, found both');
}

async function measure(
  input: string,
  { out, limit, keepGoing, ...options }: PredictCommandOptions & { readonly out: string },
  classSet: ClassSet | undefined,
): Promise<SteadinessResult> {
  const threads = cappedThreads(options.threads);
  const progress = createProgressLine({ title: 'steadiness' });
  try {
    return await withFlow({ flow: 'dis', cache: true }, { threads, device: options.device }, progress, async (flow) => {
      const { shard } = locateShard(options);
      const onProgress = progress.update;
      const common = { frames: input, pred: out, classSet, flow, limit, keepGoing, threads, shard, onProgress };
      return (await evaluateSteadiness(common)).result;
    });
  } finally {
    progress.done();
  }
}

function describe(summary: PredictSummary, out: string): string {
  const { frames, resumed, fps, seconds, stages, save, notPerFrame } = summary;
  const earlier = resumed > 0 ? ` (${resumed} from an earlier run)` : '';
  const perStage = Object.entries(stages).map(([stage, milliseconds]) => `${stage} ${milliseconds.toFixed(1)}`);
  return [
    `${frames} ${frames === 1 ? 'frame' : 'frames'}${earlier} in ${seconds.toFixed(1)} s, ${fps.toFixed(2)} frames/s: ${save.join(', ')} in ${out}`,
    `milliseconds a frame: ${perStage.join(', ')}`,
    ...(notPerFrame ? [`not per frame: ${notPerFrame}, made beforehand; a camera cannot give it`] : []),
  ].join('\n');
}
