// `steadyseg adapt`: a network made steadier on the user's own video, without labels.
import { basename, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type AdaptPlan, type AdaptResult, adapt, planAdaptation } from '../adapt/adapt.js';
import { lostShareOf } from '../adapt/lostRegions.js';
import type { AdaptOptions } from '../adapt/openAdaptation.js';
import { usualSteps } from '../adapt/rounds.js';
import { type PreparedShard, prepareAdaptation } from '../adapt/shards.js';
import { UsageError } from '../base/errors.js';
import { exists } from '../base/files.js';
import { printable } from '../base/printable.js';
import { type LabelIds, labelIdKinds } from '../data/labelFiles.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import type { QuantizeResult } from '../quantize/quantize.js';
import { adaptationReport, collectFrames } from '../report/adaptation.js';
import { formatNumber } from '../report/number.js';
import { formatDuration, type ProgressLine } from '../report/progress.js';
import { writeReport } from '../report/report.js';
import { renderTable } from '../report/table.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import { findNetwork } from '../segment/findNetwork.js';
import { optionsOf } from '../segment/understanding.js';
import { classesOf } from './classOptions.js';
import { withProgress } from './interruptible.js';
import { cappedThreads, positive, printResult, wholeNumber } from './options.js';
import { defaultTuning, describeQuantization, runQuantization } from './quantization.js';
import { addModelOptions, type ModelOptions, modelOptionsOf } from './segmentationOptions.js';
import { addShardOptions, type ShardOptions, shardOf } from './shardOptions.js';

interface Options extends ModelOptions, ShardOptions {
  model: string;
  out?: string;
  flow?: string;
  steps?: number;
  minutes?: number;
  dryRun?: boolean;
  views?: number;
  limit?: number;
  seed?: number;
  freeze?: string[];
  general?: boolean;
  keep?: string[];
  labels?: string;
  labelIds: LabelIds;
  report?: string;
  int8?: string;
  resume?: boolean;
  json?: boolean;
  threads?: number;
  device: string;
}

/** What is counted in each stage. */
const units: Record<string, string> = {
  frames: 'frames',
  consensus: 'consensus frames',
  steps: 'steps',
  renewal: 'frames of the second round',
  refinement: 'steps of the second round',
  choice: 'candidates',
  judgement: 'judged frames',
};

export function command(): Command {
  const made = new Command('adapt')
    .description(
      'Make a network steadier on your own video, without labels: the same file with other numbers in its weights.',
    )
    .argument('<input...>', 'videos, folders, "globs" or list files (.txt) of the place to adapt to')
    .requiredOption('-m, --model <file>', 'segmentation network (.onnx)')
    .option(
      '-o, --out <file>',
      'the adapted network (.onnx) (default: the name of the network with -steady, in this folder)',
    );
  return addShardOptions(
    addModelOptions(made),
    '; when all have formed theirs, the same command without shards takes them up',
    'the consensus of the i-th of n stretches of the frames',
  )
    .option('--flow <source>', 'dis, farneback, a folder of .flo files or a flow network (.onnx)', 'dis')
    .option('--steps <n>', 'updates of the weights (default: 5 a frame, from 150 to 500)', wholeNumber(1))
    .option('--minutes <n>', 'time it may take: as many steps as fit, fewer where the machine gets slower', positive)
    .option('--dry-run', 'say what would train, how long it takes and how much disk and memory, and write nothing')
    .option(
      '--views <n>',
      'views of each frame in the consensus: 1, 2 (with its mirror image, the default), 4 or 6 (at other sizes, too)',
      wholeNumber(1),
    )
    .option('--limit <n>', 'frames at most', wholeNumber(2))
    .option('--seed <n>', 'the order of pairs follows from it (default: 1)', wholeNumber(0))
    .option(
      '--general',
      'for use elsewhere too: kernels alone, 34 % of the way at most, 47 % with --keep (default: the most for this camera and place)',
    )
    .option('--keep <input...>', 'video or pictures of elsewhere, without labels, on which it is held to what it said')
    .option('--freeze <patterns>', 'weights that stay as they are, such as "encoder.*,*.bias"', (text) =>
      text.split(','),
    )
    .option(
      '--labels <dir>',
      'labels of some frames (folder or list), named like them: they judge how far the weights go; nothing is trained on them',
    )
    .addOption(
      new Option('--label-ids <kind>', 'what the values of those labels mean').choices(labelIdKinds).default('auto'),
    )
    .option('--report <file>', 'a report (.html): figures, flicker by class, the places that flickered most')
    .option(
      '--int8 <file>',
      'also write the adapted network in 8-bit integers (.onnx), as quantize --tune does on the (first) input',
    )
    .option('--resume', 'go on with an interrupted adaptation to the same file')
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the network runs: cpu, cuda, webgpu, …', 'cpu')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
The network segments every frame on its own before and after, at the same cost. Where nothing makes it steadier without
changing what it says, its own weights are written and "adapted" is false.

Example:
  steadyseg adapt drive.mp4 --model network.onnx
  steadyseg predict drive.mp4 --model network-steady.onnx --out after`,
    )
    .action(run);
}

async function run(inputs: string[], options: Options): Promise<void> {
  const { model, flow, steps, minutes, views, limit, seed, freeze, keep, resume, threads, device } = options;
  if (options.labelIds !== 'auto' && options.labels === undefined) {
    throw new UsageError('--label-ids: expected --labels, which it is of, found none');
  }
  const out = options.out ?? (await freeName(model));
  const base: AdaptOptions = {
    ...modelOptionsOf(options),
    ...{ inputs, model, out, flow, steps, minutes, views, limit, seed, freeze, keep, resume, device },
    threads: cappedThreads(threads),
    aim: options.general ? 'general' : 'video',
    classes: await classesOf(options),
    labels: options.labels === undefined ? undefined : { path: options.labels, ids: options.labelIds },
  };
  if (options.dryRun) {
    const plan = await planAdaptation(base);
    for (const note of plan.notes) process.stderr.write(printable(`note: ${note}\n`));
    printResult(options.json, plan, () => describePlan(plan, minutes === undefined));
    return;
  }
  const read = [model, ...inputs, ...(keep ?? []), flow, options.labels, options.classes];
  await checkSingleOutputs([out, options.report, options.int8], read);
  const shard = shardOf(options);
  if (shard.count > 1) {
    const prepared = await withProgress({ title: 'adapt', ending: 'stopping' }, (progress, signal) =>
      prepareAdaptation(
        { ...base, signal, onNote: (note) => progress.note(`note: ${note}`), onProgress: stagesOn(progress) },
        shard,
      ),
    );
    const { folder, stems } = prepared;
    printResult(options.json, { shard, frames: stems.length, folder }, () => describeShard(prepared));
    return;
  }
  const collected = collectFrames();
  const result = await withProgress({ title: 'adapt', ending: 'finishing the step under way' }, (progress, signal) =>
    adapt({
      ...base,
      signal,
      onEstimate: (estimate) => progress.note(`note: ${estimateText(estimate, minutes === undefined)}`),
      onJudged: options.report === undefined ? undefined : collected.onJudged,
      onNote: (note) => progress.note(`note: ${note}`),
      onProgress: stagesOn(progress),
    }),
  );
  if (options.report !== undefined) {
    const frames = await collected.frames(result.classes);
    const details = [
      ['Model', options.model],
      ['Clips', inputs.join(', ')],
    ] as const;
    await writeReport(options.report, adaptationReport({ result, frames, details }));
  }
  if (options.int8 === undefined) {
    printResult(options.json, result, () => describe(result, inputs[0]));
    return;
  }
  const integers = await integersOf(out, options.int8, inputs[0], base).catch((thrown: unknown) => {
    // The adaptation is done and written: its figures are not lost with the integers.
    printResult(options.json, result, () => describe(result, inputs[0]));
    throw thrown;
  });
  printResult(options.json, { ...result, int8: integers }, () =>
    [describe(result, inputs[0]), describeQuantization(integers)].join('\n\n'),
  );
}

/** The adapted network in integers, understood as the original is: what lies beside that need not lie beside the adapted one. */
async function integersOf(
  adapted: string,
  out: string,
  calibrate: string,
  { model, threads, seed, device, ...options }: AdaptOptions,
): Promise<QuantizeResult> {
  const found = await findNetwork(model);
  const description = describeNetwork(found, options);
  return await runQuantization({
    ...optionsOf(description),
    classes: options.classes ?? (found.labels && description.classes),
    ...{ model: adapted, out, calibrate, tune: defaultTuning, threads, seed, device },
  });
}

/** Shows progress by stage. */
function stagesOn(progress: ProgressLine): NonNullable<AdaptOptions['onProgress']> {
  let stage = '';
  return ({ stage: now, done, total }) => {
    if (now !== stage) progress.restart(units[now]);
    stage = now;
    progress.update({ done, total });
  };
}

function describeShard({ folder, stems, shard: { index, count } }: PreparedShard): string {
  return `${folder}: the consensus of ${stems.length} frames, shard ${index}/${count}; when all shards are there, the same command without shards adapts the network`;
}

/** The network's name with `-steady`. @throws UsageError where there is one. */
async function freeName(model: string): Promise<string> {
  const name = `${basename(resolve(model)).replace(/\.onnx$/i, '')}-steady.onnx`;
  if (!(await exists(name))) return name;
  throw new UsageError(`${name}: expected no such file, found one: say with --out where the adapted network goes`);
}

/** Time, disk and memory in one line. */
function estimateText(
  { frames, steps, seconds, stages, disk, memory, costs }: AdaptPlan['estimate'],
  trainsAgain: boolean,
): string {
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const step = (stages.steps + stages.refinement) / steps;
  const twice = ` (${formatDuration(seconds + stages.steps + stages.renewal + stages.refinement + stages.choice)} where it has to train twice)`;
  return `about ${formatDuration(seconds)}${trainsAgain ? twice : ''}: ${frames} frames of ${costs.frame.toFixed(2)} s, ${steps} steps of ${step.toFixed(2)} s; up to ${gigabytes(disk)} on disk, ${gigabytes(memory)} of memory`;
}

function describePlan({ estimate, size, weights }: AdaptPlan, trainsAgain: boolean): string {
  return `${weights.tensors} weights (${(weights.count / 1e6).toFixed(2)} M values) would train at ${size.height}×${size.width}\n${estimateText(estimate, trainsAgain)}`;
}

/** The figures before and after, and what to do with the result. */
function describe(result: AdaptResult, input: string): string {
  const { before, after, alpha, adapted, model, classes, classWeights, steps, keeps, reach } = result;
  const percent = (value: number) => formatNumber(value, 'percent');
  const figures = renderTable(
    [{ name: '' }, { name: 'before' }, { name: 'after' }],
    [
      ['steady pixels', percent(before.steady), percent(after.steady)],
      ['flicker', percent(1 - before.steady), percent(1 - after.steady)],
      ['temporal kappa', before.kappa.toFixed(4), after.kappa.toFixed(4)],
      ['agreement where the original is sure', percent(before.agreement), percent(after.agreement)],
      ['agreement with the consensus', percent(before.consensus), percent(after.consensus)],
      ['regions of the consensus lost', percent(lostShareOf(before.regions)), percent(lostShareOf(after.regions))],
      ['TC along the flow', percent(before.tc), percent(after.tc)],
      ...(before.mIoU === undefined || after.mIoU === undefined
        ? []
        : [['mIoU on the labelled frames', percent(before.mIoU), percent(after.mIoU)]]),
      ...(keeps === undefined ? [] : [['same class on what is kept, held back', percent(1), percent(keeps)]]),
    ],
  );
  const byClass = renderTable(
    [{ name: 'class' }, { name: 'share before' }, { name: 'after' }, { name: 'flicker before' }, { name: 'after' }],
    classes.classes.flatMap((name, c) =>
      before.shares[c] > 0 || after.shares[c] > 0
        ? [[name, ...[before.shares[c], after.shares[c], before.flicker[c], after.flicker[c]].map(percent)]]
        : [],
    ),
  );
  const weighting = classWeights === 'even' ? ' (all classes weighted alike)' : '';
  const usual = usualSteps(result.frames);
  const hurried =
    steps < usual && result.pairs > 0
      ? `\n${steps} of the usual ${usual} steps were taken: more (--minutes, --steps) may find something`
      : '';
  const end = adapted
    ? `${model}: ${percent(alpha * reach)} of the way from the original to the trained weights${weighting}. Use it in the original's place:\n  steadyseg predict ${input} --model ${model} --out after`
    : `${model}: nothing safe made the network steadier; it holds the original's weights${hurried}`;
  const measured = `of the pixels that the next frame shows, too, at the network's input size (evaluate steadiness: at the frames')`;
  return `${figures}\n\n${byClass}\n${measured}\n\n${end}`;
}
