// `steadyseg evaluate steadiness`: how much the labels of a video flicker, without labels of people.

import { Command, Option } from 'commander';
import { UsageError } from '../base/errors.js';
import { isFolder } from '../base/files.js';
import { type LabelIds, labelIdKinds } from '../data/labelFiles.js';
import { isListPath } from '../media/listFile.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { createProgressLine } from '../report/progress.js';
import { evaluateSteadiness } from '../segment/evaluateSteadiness.js';
import type { SegmentationModel } from '../segment/model.js';
import { classesOf } from './classOptions.js';
import { type EvaluationOutput, giveOut } from './evaluationOutput.js';
import { addFlowOptions, type FlowOptions, withFlow } from './flowOptions.js';
import { cappedThreads, share, wholeNumber } from './options.js';
import { addNetworkOptions, modelOptionsOf, type NetworkOptions, openNetwork } from './segmentationOptions.js';
import { addShardOptions, type ShardOptions, shardOf } from './shardOptions.js';

interface SteadinessCommandOptions extends NetworkOptions, FlowOptions, ShardOptions, EvaluationOutput {
  pred?: string;
  predIds?: LabelIds;
  against?: string;
  threshold?: number;
  limit?: number;
  keepGoing?: boolean;
}

/** How many of the places that change most a report shows. */
const PLACES = 8;

export function steadinessCommand(): Command {
  const command = new Command('steadiness')
    .description('How much labels flicker, without labels of people: neighbouring frames, compared along optical flow.')
    .argument('<frames>', 'the frames: a video, a folder, a glob or a list')
    .option('--pred <dir>', 'what is measured: a folder or list of label maps, or what predict wrote')
    .option(
      '--against <N>',
      'a reference on the same frames: a network (.onnx), a folder or list of label maps, or what predict wrote (with --save labels,confidence it knows where it is sure)',
    );
  addNetworkOptions(command, 'what is measured, instead of --pred: a segmentation network (.onnx)')
    .option(
      '--threshold <p>',
      'of a network of one map, or of classes that stand each alone: the probability above which a pixel is no background (default: 0.5)',
      share,
    )
    .addOption(
      new Option('--pred-ids <kind>', 'what the values of label maps mean, as for evaluate miou')
        .choices(labelIdKinds)
        .default('auto'),
    );
  addFlowOptions(command, 'dis')
    .option('--limit <n>', 'only the first n frames (default: all)', wholeNumber(1))
    .option('--keep-going', 'leave out what is missing or cannot be read; the exit code is still 1');
  return addShardOptions(command, '; steadyseg merge puts results together')
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where networks run: cpu, cuda, webgpu, …', 'cpu')
    .option('--report <file>', 'also write a self-contained HTML report, with the places that flicker most')
    .option('--json', 'print the result as one JSON object on stdout: figures, counts, what was left out')
    .addHelpText(
      'after',
      `
Compared are visible pixels: those that stay in the frame, and whose flow there and back agrees. Steady pixels keep
their class; temporal kappa is how far that is above chance, so that constant output has 0. Without --preset or
--classes, classes are those of the network or of predict's record. Options of the network hold for both networks.

Examples:
  steadyseg evaluate steadiness drive.mp4 --pred out --report steadiness.html
  steadyseg evaluate steadiness drive.mp4 --model steadier.onnx --against network.onnx`,
    )
    .action(run);
}

async function run(frames: string, options: SteadinessCommandOptions): Promise<void> {
  const { pred, model, against, classes, report, limit, keepGoing, device } = options;
  if (pred !== undefined && model !== undefined) {
    throw new UsageError('expected either --pred or --model, found both');
  }
  const isNetwork = against !== undefined && !(await holdsLabels(against));
  if (model === undefined && !isNetwork) checkNoNetwork(options);
  if (options.predIds !== undefined && options.predIds !== 'auto' && pred === undefined && (isNetwork || !against)) {
    throw new UsageError('--pred-ids: expected label maps, which it is of, found networks alone');
  }
  await checkSingleOutputs([report], [frames, pred, model, against, options.flow, classes]);
  const shard = shardOf(options);
  const threads = cappedThreads(options.threads);
  const given = await classesOf(options);
  const progress = createProgressLine({ title: 'evaluate steadiness' });
  const opened: SegmentationModel[] = [];
  const network = async (path: string) => {
    const found = await openNetwork(
      { ...options, ...(threads !== undefined && { threads }), model: path },
      options.threshold,
    );
    for (const note of found.description.notes) progress.note(`note: ${note}`);
    opened.push(found);
    return found;
  };
  try {
    const measured = model === undefined ? pred : await network(model);
    if (measured === undefined) throw new UsageError('expected either --pred or --model, found neither');
    const reference = against !== undefined && isNetwork ? await network(against) : against;
    const { result, places, classSet } = await withFlow(options, { threads, device }, progress, (flow) =>
      evaluateSteadiness({
        frames,
        pred: measured,
        against: reference,
        classSet: given,
        predIds: options.predIds,
        tile: options.tile,
        scales: options.scales,
        flip: options.flip,
        flow,
        limit,
        keepGoing,
        threads,
        shard,
        keepPlaces: report === undefined ? 0 : PLACES,
        onProgress: progress.update,
        onNote: (note) => progress.note(`note: ${note}`),
      }),
    );
    progress.done();
    await giveOut(result, options, shard, { places, classSet });
  } finally {
    progress.done();
    for (const one of opened) await one.release();
  }
}

/** @throws UsageError for options of networks where none runs: figures would be taken for theirs. */
function checkNoNetwork(options: SteadinessCommandOptions): void {
  const { tile, scales, flip, trial, threshold } = options;
  const found = { ...modelOptionsOf(options), tile, scales, flip, trial, threshold };
  if (Object.values(found).every((value) => value === undefined)) return;
  throw new UsageError('expected options of networks together with --model, or a network in --against, found neither');
}

/** Whether an input holds label maps, as opposed to a network. */
async function holdsLabels(input: string): Promise<boolean> {
  return isListPath(input) || (await isFolder(input));
}
