// `steadyseg train`: trains a network by a configuration file into a run folder.
import { basename, extname, join } from 'node:path';
import { Command, Option } from 'commander';
import type { Collective } from '../collective/collective.js';
import type { Ranks } from '../collective/join.js';
import { appendEvents, beginEvents } from '../report/eventLog.js';
import { formatNumber } from '../report/number.js';
import type { ProgressLine } from '../report/progress.js';
import { createRunReport, type RunReport } from '../report/runReport.js';
import { readConfig, type TrainingConfig } from '../train/config.js';
import { readMetrics, runFiles } from '../train/runFolder.js';
import { type RunResult, train } from '../train/trainer.js';
import type { Validation } from '../train/validate.js';
import { amongRanks } from './amongRanks.js';
import { calledCommand } from './calledCommand.js';
import { withProgress } from './interruptible.js';
import { printResult } from './options.js';

interface Options {
  out?: string;
  resume?: boolean;
  reduceZeroLabel?: boolean;
  palette?: boolean;
  json?: boolean;
}

export function command(): Command {
  return new Command('train')
    .description(
      'Train a network by a configuration file: checkpoints, metrics, TensorBoard events, model.onnx and a report.',
    )
    .argument('<config>', 'configuration (.yaml)')
    .argument('[changes...]', 'changes to it, such as optimizer.rate=0.02 losses.motion=0.1')
    .option('-o, --out <folder>', 'the run folder (default: runs/<name of the configuration>)')
    .option('--resume', 'go on from the last checkpoint of the run folder')
    .addOption(
      new Option('--reduce-zero-label', 'the same as data.ids=reduceZeroLabel: 0 is void, class k is k + 1').conflicts(
        'palette',
      ),
    )
    .option('--palette', 'the same as data.ids=palette: labels are pictures in the classes’ colours')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  steadyseg train configs/toycity/motion.yaml data.root=toy seed=2 --out runs/motion-2',
    )
    .action(async (path: string, changes: string[], options: Options) => {
      // From the beginning: a scheduler may end what still meets the other ranks, reads or compiles.
      const ending = 'ending before the next step';
      const done = await withProgress({ title: 'train', unit: 'steps', ending }, (progress, signal) =>
        amongRanks((ranks) => trainAmong(ranks, { path, changes, options, progress, signal })),
      );
      if (done) printResult(options.json, done, () => summaryOf(done));
    });
}

interface Call {
  readonly path: string;
  readonly changes: readonly string[];
  readonly options: Options;
  readonly progress: ProgressLine;
  readonly signal: AbortSignal;
}

/** What a run ended with, and its report. */
type Outcome = RunResult & { readonly report: string };

/** @returns what there is to tell, on the first rank. */
async function trainAmong(
  { collective, threads }: Ranks,
  { path, changes, options, progress, signal }: Call,
): Promise<Outcome | undefined> {
  const ids = options.palette ? 'palette' : options.reduceZeroLabel ? 'reduceZeroLabel' : undefined;
  const given = await readConfig(path, ids === undefined ? changes : [...changes, `data.ids=${ids}`]);
  const config = { ...given, threads: given.threads ?? threads };
  const out = options.out ?? join('runs', basename(path, extname(path)));
  const files = runFiles(out);
  let report: RunReport | undefined;
  const result = await train({
    config,
    collective,
    out,
    resume: options.resume,
    signal,
    async onStart({ step, steps, samples, parameters, dataset: { classes } }) {
      const records = await readMetrics(files.metrics);
      await beginEvents(files.events, records);
      report = createRunReport(files.report, {
        title: basename(out),
        records,
        classes,
        details: detailsOf(config),
      });
      progress.note(
        `${out}: ${samples} samples, ${(parameters / 1e6).toFixed(2)} M weights, steps ${step} to ${steps}`,
      );
      if (collective.size > 1) progress.note(ranksOf(config, collective));
    },
    onWarning: (message) => progress.note(`steadyseg: ${message}`),
    onStep(record) {
      appendEvents(files.events, record);
      report?.add(record);
      progress.update({ done: record.step, total: config.steps });
    },
    async onValidation(record) {
      appendEvents(files.events, record);
      report?.add(record);
      await report?.write();
      progress.note(`step ${record.step}: ${figuresOf(record.validation)} on ${record.validation.frames} held frames`);
    },
    onValidatedFrame: (frame, index, count) => report?.show(frame, index, count),
    // While the folder is locked: also of a run that failed or was interrupted.
    onEnd: () => report?.write(),
  });
  return collective.rank === 0 ? { ...result, report: files.report } : undefined;
}

/** Who trains together, on how much. */
function ranksOf({ batch, threads }: TrainingConfig, { size }: Collective): string {
  return `${size} ranks, batches of ${size} × ${batch}, ${threads} ${threads === 1 ? 'thread' : 'threads'} each`;
}

function summaryOf({ model, steps, validation, waitedShare, report }: Outcome): string {
  const measured = validation ? `${figuresOf(validation.validation)}; ` : '';
  return `${model}: ${steps} steps; ${measured}waited ${(100 * waitedShare).toFixed(1)} % of the time for data; report: ${report}`;
}

function figuresOf({ mIoU, tc }: Validation): string {
  const figure = (value: number) => formatNumber(value, 'percent');
  return `mIoU ${figure(mIoU)}${tc === undefined ? '' : `, TC ${figure(tc)}`}`;
}

function detailsOf({ network, data, crop, batch, losses, teacher, seed }: TrainingConfig): [string, string][] {
  const used = Object.entries(losses).filter(([, weight]) => weight > 0);
  return [
    ['Network', network.model ?? `${network.architecture ?? 'pspnet18'}, width × ${network.widthMultiplier}`],
    ['Data', `${data.layout}, ${data.root}`],
    ['Crops', `${batch} of ${crop[0]}×${crop[1]}`],
    ['Losses', used.map(([name, weight]) => `${name} ${weight}`).join(', ')],
    ...(teacher ? [['Teacher', teacher.model] as [string, string]] : []),
    ['Seed', String(seed)],
    ['Command', calledCommand()],
  ];
}
