// `steadyseg merge`: one result of the results of all shards.
import { Command } from 'commander';
import { presetClasses, presetNames } from '../media/classes.js';
import { mergeResults, type NamedResult } from '../metrics/merge.js';
import { readResult } from '../metrics/result.js';
import { evaluationReport } from '../report/evaluation.js';
import { writeReport } from '../report/report.js';
import { resultReport } from '../report/resultReport.js';
import { renderResult } from '../report/resultTable.js';
import { printResult } from './options.js';

export function command(): Command {
  return new Command('merge')
    .description('Merge the results of all shards of one evaluation: equal to the result of an unsharded run.')
    .argument('<results...>', 'what evaluate --shard … --json printed, one file a shard, in any order')
    .option('--report <file>', 'also write a self-contained HTML report')
    .option('--json', 'print the merged result as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Example:
  steadyseg evaluate miou --pred out --gt labels --preset cityscapes --shard 0/2 --json > 0.json
  steadyseg evaluate miou --pred out --gt labels --preset cityscapes --shard 1/2 --json > 1.json
  steadyseg merge 0.json 1.json`,
    )
    .action(run);
}

async function run(paths: readonly string[], { report, json }: { report?: string; json?: boolean }): Promise<void> {
  const results: NamedResult[] = [];
  for (const path of paths) results.push({ name: path, result: await readResult(path) });
  const merged = mergeResults(results);
  if (report !== undefined) {
    const classSet = presetNames.includes(merged.classSet) ? presetClasses(merged.classSet) : undefined;
    await writeReport(report, evaluationReport(await resultReport(merged, { classSet })));
  }
  printResult(json, merged, () => renderResult(merged));
}
