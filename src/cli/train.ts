// `steadyseg train`: trains a network by a configuration file into a run folder.
import { basename, extname, join } from 'node:path';
import { Command } from 'commander';
import { presetClasses } from '../media/classes.js';
import { appendEvents, beginEvents } from '../report/eventLog.js';
import { formatNumber } from '../report/number.js';
import { writeReport } from '../report/report.js';
import { trainingReport } from '../report/training.js';
import { readConfig, type TrainingConfig } from '../train/config.js';
import { readMetrics, runFiles } from '../train/runFolder.js';
import { type RunResult, train } from '../train/trainer.js';
import type { ValidatedFrame, Validation } from '../train/validate.js';
import { withProgress } from './interruptible.js';
import { printResult } from './options.js';

interface Options {
  out?: string;
  resume?: boolean;
  json?: boolean;
}

/** Frames of the last validation that the report shows. */
const shownFrames = 4;

export function command(): Command {
  return new Command('train')
    .description(
      'Train a network by a configuration file: checkpoints, metrics, TensorBoard events, model.onnx and a report.',
    )
    .argument('<config>', 'configuration (.yaml)')
    .argument('[changes...]', 'changes to it, such as optimizer.rate=0.02 losses.motion=0.1')
    .option('-o, --out <folder>', 'the run folder (default: runs/<name of the configuration>)')
    .option('--resume', 'go on from the last checkpoint of the run folder')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  steadyseg train configs/toycity/motion.yaml data.root=toy seed=2 --out runs/motion-2',
    )
    .action(async (path: string, changes: string[], options: Options) => {
      const config = await readConfig(path, changes);
      const out = options.out ?? join('runs', basename(path, extname(path)));
      const files = runFiles(out);
      const samples: ValidatedFrame[] = [];
      let classes = presetClasses('cityscapes');
      const ending = 'finishing the step under way';
      const result = await withProgress({ title: 'train', unit: 'steps', ending }, (progress, signal) =>
        train({
          config,
          out,
          resume: options.resume,
          signal,
          async onStart({ step, steps, samples: count, parameters, dataset }) {
            await beginEvents(files.events, await readMetrics(files.metrics));
            classes = dataset.classes;
            progress.note(
              `${out}: ${count} samples, ${(parameters / 1e6).toFixed(2)} M weights, steps ${step} to ${steps}`,
            );
          },
          onWarning: (message) => progress.note(`steadyseg: ${message}`),
          onStep(record) {
            appendEvents(files.events, record);
            progress.update({ done: record.step, total: config.steps });
          },
          onValidation(record) {
            appendEvents(files.events, record);
            progress.note(
              `step ${record.step}: ${figuresOf(record.validation)} on ${record.validation.frames} held frames`,
            );
          },
          onValidatedFrame(frame, index) {
            if (index < shownFrames) samples.push(frame);
          },
        }),
      );
      const records = await readMetrics(files.metrics);
      const title = basename(out);
      await writeReport(
        files.report,
        await trainingReport({ title, records, classes, samples, details: detailsOf(config) }),
      );
      printResult(options.json, { ...result, report: files.report }, () => summaryOf(result, files.report));
    });
}

function summaryOf({ model, steps, validation, waitedShare }: RunResult, report: string): string {
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
    ['Network', `${network.architecture}, width × ${network.widthMultiplier}`],
    ['Data', `${data.layout}, ${data.root}`],
    ['Crops', `${batch} of ${crop[0]}×${crop[1]}`],
    ['Losses', used.map(([name, weight]) => `${name} ${weight}`).join(', ')],
    ...(teacher ? [['Teacher', teacher.model] as [string, string]] : []),
    ['Seed', String(seed)],
  ];
}
