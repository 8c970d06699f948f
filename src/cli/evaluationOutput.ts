// What commands that evaluate give out: the result on stdout, a report, and an error for what was left out.

import { SteadysegError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { Shard } from '../base/shard.js';
import type { EvaluationResult } from '../metrics/result.js';
import { writeReport } from '../report/report.js';
import { resultNotes } from '../report/resultNotes.js';
import { type ResultReportOptions, resultReport } from '../report/resultReport.js';
import { renderResult } from '../report/resultTable.js';
import { calledCommand } from './calledCommand.js';
import { printResult } from './options.js';
import { noteEmptyShard } from './shardOptions.js';

export interface EvaluationOutput {
  json?: boolean;
  report?: string;
}

/** Prints a result and writes its report. @throws SteadysegError when frames, pairs or clips were left out that should not have been */
export async function giveOut(
  result: EvaluationResult,
  { json, report }: EvaluationOutput,
  shard: Shard,
  shown: Omit<ResultReportOptions, 'command'>,
): Promise<void> {
  if (shard.index >= result.clipCount) noteEmptyShard(shard);
  // First of all the result: a report that cannot be written does not lose it.
  printResult(json, result, () => renderResult(result));
  // The table has them; JSON is for programs.
  if (json) for (const note of resultNotes(result)) process.stderr.write(printable(`note: ${note}\n`));
  if (report !== undefined) {
    await writeReport(report, await resultReport(result, { ...shown, command: calledCommand() }));
  }
  const failed = result.skipped.filter((skip) => skip.failed).length;
  if (failed > 0) throw new SteadysegError(`${failed} frames, pairs or clips were left out; the result lists them`);
}
