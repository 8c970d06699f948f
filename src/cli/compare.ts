// `steadyseg compare A B`: a video of two predictions, and a flicker map.
import { Command, Option } from 'commander';
import { UsageError } from '../base/errors.js';
import { type Comparison, compare } from '../media/compare.js';
import type { Layout } from '../media/compose.js';
import type { LegendPlace } from '../media/legend.js';
import type { FrameRate } from '../media/video.js';
import { compareNetworks } from '../segment/compareNetworks.js';
import type { SegmentationModel } from '../segment/model.js';
import { classesOf } from './classOptions.js';
import { addDrawingOptions } from './drawingOptions.js';
import { withProgress } from './interruptible.js';
import { frameRate, printResult, wholeNumber } from './options.js';
import { addModelOptions, type ModelOptions, modelOptionsOf, openNetwork } from './segmentationOptions.js';

interface CompareCommandOptions extends ModelOptions {
  models?: string[];
  limit?: number;
  device: string;
  threads?: number;
  out?: string;
  flicker?: string;
  layout: Layout;
  opacity?: number;
  legend?: LegendPlace;
  frames?: string;
  nameA?: string;
  nameB?: string;
  fps?: FrameRate;
  json?: boolean;
}

export function command(): Command {
  const compareCommand = new Command('compare')
    .description('Show two predictions of the same frames in one video, and how often each changes, as a map.')
    .argument('<A>', 'folder of label maps, result of predict, folder of pictures, or video')
    .argument('[B]', 'the same, with the same frames; not with --models')
    .option('--models <files...>', 'two networks (.onnx) to compare: A is then the video or pictures they segment')
    .option('-o, --out <file>', 'the video (.mp4)')
    .option('--flicker <file>', 'a map of how often each pixel changes its label, for A and B (.png, .jpg)')
    .addOption(
      new Option('--layout <name>', 'diagonal: A in the upper left triangle, B in the lower right one')
        .choices(['diagonal', 'side-by-side'])
        .default('diagonal'),
    );
  addDrawingOptions(compareCommand);
  return addModelOptions(compareCommand)
    .option('--frames <input>', 'video, folder, "glob" or list file to draw label maps over (default: colours alone)')
    .option('--name-a <text>', 'name of A in the picture (default: the end of its path)')
    .option('--name-b <text>', 'name of B in the picture (default: the end of its path)')
    .option('--fps <number>', 'frames per second (default: those of a video given, else 25)', frameRate)
    .option('--limit <n>', 'compare the first n frames (default: all)', wholeNumber(1))
    .option('--threads <n>', 'threads of networks (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where networks run: cpu, cuda, webgpu, …', 'cpu')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
Folders pair by file name, videos by frame number. Both must have the same frames in one size; frames of --frames for
which there are no label maps are left out. The flicker map counts all changes of label between consecutive frames,
those that come from motion too: compare A with B, not with zero.

Examples:
  steadyseg compare drive.mp4 --models before.onnx after.onnx -o compare.mp4
  steadyseg compare before after --preset cityscapes --frames drive.mp4 -o compare.mp4 --flicker flicker.png`,
    )
    .action(run);
}

async function run(a: string, b: string | undefined, options: CompareCommandOptions): Promise<void> {
  const { models, out, flicker, layout, nameA, nameB, limit, opacity, legend } = options;
  if (models && (b !== undefined || models.length !== 2)) {
    const found = b === undefined ? `${models.length}` : `${models.length} and a second input`;
    throw new UsageError(`expected one video or folder of pictures and two --models, found ${found}`);
  }
  if (!models && b === undefined) throw new UsageError('expected two results to compare, or --models, found one');
  if (models && options.frames !== undefined) {
    throw new UsageError('expected no --frames with --models: labels are drawn over the frames they are of');
  }
  const ofNetworks = Object.values({ ...modelOptionsOf(options), threads: options.threads });
  if (!models && (ofNetworks.some((value) => value !== undefined) || options.device !== 'cpu')) {
    throw new UsageError('expected options of networks together with --models, found them without');
  }
  const classes = await classesOf(options);
  const ending = 'stopping after the frame under way';
  const opened: SegmentationModel[] = [];
  const result = await withProgress({ title: 'compare', ending }, async (progress, signal) => {
    const common = { out, flicker, layout, opacity, legend, nameA, nameB, limit, frameRate: options.fps, signal };
    const onProgress = progress.update;
    if (!models) return await compare(a, b ?? '', { ...common, onProgress, classes, frames: options.frames });
    for (const model of models) opened.push(await openNetwork({ ...options, model }, undefined));
    for (const note of opened.flatMap(({ description }) => description.notes)) progress.note(`note: ${note}`);
    const onNote = (note: string) => progress.note(`note: ${note}`);
    const onPart = (part: string) => {
      progress.restart('frames');
      progress.note(part);
    };
    return await compareNetworks(a, [opened[0], opened[1]], { ...common, onProgress, onNote, onPart });
  }).finally(() => Promise.all(opened.map((network) => network.release())));
  printResult(options.json, result, () => describe(result));
}

function describe({ frames, video, flicker }: Comparison): string {
  const lines = [`${frames} frames compared`];
  if (video) lines.push(`${video.file}: ${video.layout}, ${video.width}×${video.height}`);
  if (flicker) {
    const [a, b] = [flicker.a, flicker.b].map((rate) => `${(100 * rate).toFixed(2)} %`);
    lines.push(`${flicker.file}: labels that change from a frame to the next: A ${a}, B ${b}`);
  }
  return lines.join('\n');
}
