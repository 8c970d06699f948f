// `steadyseg evaluate miou|tc|vc|steadiness`: what predictions are worth, and how much they flicker.
import { Command, Option } from 'commander';
import { UsageError } from '../base/errors.js';
import type { OnProgress } from '../base/progress.js';
import type { EvaluationOptions } from '../data/evaluation/common.js';
import { evaluateMeanIoU } from '../data/evaluation/meanIoU.js';
import { evaluateTemporalConsistency, type KeptPair } from '../data/evaluation/temporal.js';
import { evaluateVideoConsistency } from '../data/evaluation/video.js';
import { type LabelIds, labelIdKinds } from '../data/labelFiles.js';
import { presetNames } from '../media/classes.js';
import { classesOfResult } from '../media/resultClasses.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { type MeanIoUConvention, meanIoUConventions } from '../metrics/meanIoU.js';
import type { EvaluationResult } from '../metrics/result.js';
import { type VideoConvention, videoConventions } from '../metrics/videoConsistency.js';
import { type TemporalMode, temporalModes } from '../metrics/warp.js';
import { createProgressLine, type ProgressLine } from '../report/progress.js';
import { addClassOptions, type ClassOptions, classesOf } from './classOptions.js';
import { type EvaluationOutput, giveOut } from './evaluationOutput.js';
import { addFlowOptions, type FlowOptions, withFlow } from './flowOptions.js';
import { cappedThreads, wholeNumber } from './options.js';
import { addShardOptions, type ShardOptions, shardOf } from './shardOptions.js';
import { steadinessCommand } from './steadiness.js';

interface CommonOptions extends ClassOptions, ShardOptions, EvaluationOutput {
  pred: string;
  predIds?: LabelIds;
  gtIds?: LabelIds;
  reduceZeroLabel?: boolean;
  palette?: boolean;
  limit?: number;
  keepGoing?: boolean;
  threads?: number;
}

interface MeanIoUCommandOptions extends CommonOptions {
  gt: string;
  convention: MeanIoUConvention;
}

interface TemporalCommandOptions extends CommonOptions, FlowOptions {
  frames: string;
  gt?: string;
  mode: TemporalMode;
  device?: string;
  convention: MeanIoUConvention;
}

interface VideoCommandOptions extends CommonOptions {
  gt: string;
  window: number;
  convention: VideoConvention;
}

/** How many of the least consistent pairs a report shows. */
const WORST_PAIRS = 4;

export function command(): Command {
  return new Command('evaluate')
    .description('Measure predictions: accuracy, temporal consistency, video consistency, steadiness.')
    .addCommand(meanIoUCommand())
    .addCommand(temporalCommand())
    .addCommand(videoCommand())
    .addCommand(steadinessCommand());
}

function meanIoUCommand(): Command {
  return withCommonOptions(
    new Command('miou')
      .description('Mean intersection over union of predictions with labels.')
      .requiredOption('--gt <dir>', 'labels: a folder (CamVid, Cityscapes, VSPW), or a list of "image label" lines')
      .addOption(
        new Option('--convention <name>', 'absent classes count 0 (semseg) or are left out (cityscapes)')
          .choices(meanIoUConventions)
          .default('semseg'),
      ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  steadyseg evaluate miou --pred out/labels --gt camvid/valannot --preset camvid',
    )
    .action(async (options: MeanIoUCommandOptions) => {
      await run('miou', options, async (common) => {
        const { gt, convention } = options;
        return { result: await evaluateMeanIoU({ ...common, gt, convention }) };
      });
    });
}

function temporalCommand(): Command {
  const command = new Command('tc')
    .description('Temporal consistency: predictions of neighbouring frames, compared along optical flow.')
    .requiredOption('--frames <input>', 'the frames: a video, a folder, a glob or a list')
    .option('--gt <dir>', 'labels of some or all frames: adds mIoU, and the labels’ own TC, the ceiling')
    .addOption(
      new Option('--mode <name>', 'nearest with occlusions left out (masked), or as in published code (etc-2020, vspw)')
        .choices(temporalModes)
        .default('masked'),
    );
  addFlowOptions(command, 'farneback')
    .option('--device <name>', 'where a flow network runs: cpu, cuda, webgpu, … (default: cpu)')
    .addOption(
      new Option('--convention <name>', 'mIoU’s convention, with --gt').choices(meanIoUConventions).default('semseg'),
    );
  return withCommonOptions(command)
    .addHelpText(
      'after',
      `
A flow folder holds DIR/<stem of t>.flo (t → t+1) and DIR/backward/<stem of t>.flo (t+1 → t); masked needs both.

Example:
  steadyseg evaluate tc --frames camvid/val --pred out/labels --gt camvid/valannot --preset camvid --report tc.html`,
    )
    .action(async (options: TemporalCommandOptions) => {
      await run('tc', options, async (common, progress) => {
        const { frames, gt, mode, convention, device } = options;
        const keepWorst = options.report === undefined ? 0 : WORST_PAIRS;
        return await withFlow(options, { threads: common.threads, device }, progress, (flow) =>
          evaluateTemporalConsistency({ ...common, frames, gt, flow, mode, convention, keepWorst }),
        );
      });
    });
}

function videoCommand(): Command {
  return withCommonOptions(
    new Command('vc')
      .description('Video consistency: over windows of frames, how much of what keeps its label keeps its prediction.')
      .requiredOption('--gt <dir>', 'labels of every frame: a folder (CamVid, VSPW), or a list of "image label" lines')
      .option('--window <n>', 'frames of a window', wholeNumber(2), 8)
      .addOption(
        new Option(
          '--convention <name>',
          'as in published code (vspw), or with predictions that must be right (strict)',
        )
          .choices(videoConventions)
          .default('vspw'),
      ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  steadyseg evaluate vc --pred out/labels --gt camvid/valannot --preset camvid --window 16',
    )
    .action(async (options: VideoCommandOptions) => {
      await run('vc', options, async (common) => {
        const { gt, window, convention } = options;
        return { result: await evaluateVideoConsistency({ ...common, gt, window, convention }) };
      });
    });
}

function withCommonOptions(command: Command): Command {
  const ids = (flags: string, what: string) =>
    new Option(
      flags,
      `what the values of ${what} mean: trainIds; Cityscapes’ labelIds; reduceZeroLabel (0 is void, class k is k + 1; vspw is the same); binary (masks of 0 and 255); palette (the classes’ colours); or told by the file name`,
    )
      .choices(labelIdKinds)
      .default('auto');
  command.requiredOption('--pred <dir>', 'predictions: a folder or list of label maps, or what predict wrote');
  addClassOptions(command, 'what the classes are')
    .addOption(ids('--pred-ids <kind>', 'predictions'))
    .addOption(ids('--gt-ids <kind>', 'labels'))
    .addOption(
      new Option('--reduce-zero-label', 'the same as --gt-ids reduceZeroLabel').conflicts(['gtIds', 'palette']),
    )
    .addOption(
      new Option('--palette', 'the same as --gt-ids palette: labels are pictures in the classes’ colours').conflicts(
        'gtIds',
      ),
    )
    .option('--limit <n>', 'only the first n frames (default: all)', wholeNumber(1))
    .option('--keep-going', 'leave out what is missing or cannot be read; the exit code is still 1');
  return addShardOptions(command, '; steadyseg merge puts results together')
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--report <file>', 'also write a self-contained HTML report')
    .option('--json', 'print the result as one JSON object on stdout: figures, counts, what was left out');
}

type Evaluate = (
  common: EvaluationOptions,
  progress: ProgressLine,
) => Promise<{ result: EvaluationResult; worst?: readonly KeptPair[] }>;

/** What some of the commands read besides. */
type Inputs = Partial<Pick<TemporalCommandOptions, 'frames' | 'gt' | 'flow'>>;

async function run(name: string, options: CommonOptions & Inputs, evaluate: Evaluate): Promise<void> {
  const { pred, predIds, reduceZeroLabel, palette, limit, keepGoing, report } = options;
  const threads = cappedThreads(options.threads);
  const gtIds = palette ? 'palette' : reduceZeroLabel ? 'reduceZeroLabel' : options.gtIds;
  const classSet = await classesOfResult(pred, await classesOf(options));
  if (!classSet) {
    throw new UsageError(
      `expected --preset (${presetNames.join(', ')}) or --classes FILE, found neither, and no record of predict in ${pred}`,
    );
  }
  await checkSingleOutputs([report], [pred, options.gt, options.frames, options.flow, options.classes]);
  const shard = shardOf(options);
  const progress = createProgressLine({ title: `evaluate ${name}` });
  const onProgress: OnProgress = progress.update;
  const common = {
    pred,
    classSet,
    predIds,
    gtIds,
    limit,
    keepGoing,
    threads,
    shard,
    onProgress,
    onNote: (note: string) => progress.note(`note: ${note}`),
  };
  const { result, worst } = await evaluate(common, progress).finally(() => progress.done());
  await giveOut(result, options, shard, { classSet, worst });
}
