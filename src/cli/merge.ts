// `steadyseg merge`: one result of the results of all shards, of an evaluation or of pseudo labels.
import { Command } from 'commander';
import { UsageError } from '../base/errors.js';
import { presetClasses, presetNames } from '../media/classes.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { mergeResults, type NamedResult } from '../metrics/merge.js';
import { readResult } from '../metrics/result.js';
import { createProgressLine } from '../report/progress.js';
import { renderPseudoLabels } from '../report/pseudoLabelTable.js';
import { writeReport } from '../report/report.js';
import { resultReport } from '../report/resultReport.js';
import { renderResult } from '../report/resultTable.js';
import { mergePseudoLabels } from '../segment/pseudoLabels/merge.js';
import { isPseudoLabelReport } from '../segment/pseudoLabels/report.js';
import { printResult } from './options.js';
import { checkWhole } from './segmentationOptions.js';

interface MergeCommandOptions {
  report?: string;
  overwrite?: boolean;
  json?: boolean;
}

export function command(): Command {
  return new Command('merge')
    .description(
      'Merge the results of all shards of one evaluation, or of pseudo labels: equal to the result of an unsharded run.',
    )
    .argument(
      '<results...>',
      'what evaluate --shard … --json printed, or the pseudo-label-I-of-N.json of one folder; one file a shard, in any order',
    )
    .option('--overwrite', 'replace files in the folder of pseudo labels that no earlier run wrote')
    .option('--report <file>', 'also write a self-contained HTML report')
    .option('--json', 'print the merged result as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Example:
  steadyseg evaluate miou --pred out --gt labels --preset cityscapes --shard 0/2 --json > 0.json
  steadyseg evaluate miou --pred out --gt labels --preset cityscapes --shard 1/2 --json > 1.json
  steadyseg merge 0.json 1.json

  steadyseg merge pseudo/pseudo-label-*-of-2.json`,
    )
    .action(run);
}

async function run(paths: readonly string[], options: MergeCommandOptions): Promise<void> {
  await checkSingleOutputs([options.report], paths);
  if (await isPseudoLabelReport(paths[0])) await mergeShardsOfLabels(paths, options);
  else await mergeEvaluations(paths, options);
}

async function mergeShardsOfLabels(
  paths: readonly string[],
  { report, json, overwrite }: MergeCommandOptions,
): Promise<void> {
  if (report !== undefined)
    throw new UsageError('--report: expected the results of an evaluation, found pseudo labels');
  const progress = createProgressLine({ title: 'merge', unit: 'reads' });
  const merged = await mergePseudoLabels(paths, { onProgress: progress.update, overwrite }).finally(progress.done);
  printResult(json, merged, () => renderPseudoLabels(merged));
  checkWhole(merged, 'pseudo-label.json');
}

async function mergeEvaluations(paths: readonly string[], { report, json }: MergeCommandOptions): Promise<void> {
  const results: NamedResult[] = [];
  for (const path of paths) results.push({ name: path, result: await readResult(path) });
  const merged = mergeResults(results);
  // First the result: a report that cannot be written does not lose it.
  printResult(json, merged, () => renderResult(merged));
  if (report !== undefined) {
    const classSet = presetNames.includes(merged.classSet) ? presetClasses(merged.classSet) : undefined;
    await writeReport(report, await resultReport(merged, { classSet }));
  }
}
