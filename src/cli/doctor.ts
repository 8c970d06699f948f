// `steadyseg doctor`: what this machine has for the work.
import { Command } from 'commander';
import { SteadysegError } from '../base/errors.js';
import { renderTable } from '../report/table.js';
import { diagnose } from '../segment/diagnose.js';
import { printResult } from './options.js';

export function command(): Command {
  return new Command('doctor')
    .description('Try what commands rest on: engine, devices, FFmpeg, pictures, optical flow, cores, memory, room.')
    .option('--json', 'print one JSON object on stdout: ok, and what was found of each')
    .addHelpText(
      'after',
      `
Runs the network that ships on a small picture. Nothing is written and nothing is fetched. Exits with 1 where something is amiss.

Example:
  steadyseg doctor`,
    )
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      const rows = diagnosis.findings.map(({ name, ok, found }) => [ok ? 'ok' : 'amiss', name, found]);
      printResult(options.json, diagnosis, () =>
        renderTable([{ name: '' }, { name: 'what' }, { name: 'found' }], rows),
      );
      const amiss = diagnosis.findings.filter(({ ok }) => !ok).map(({ name }) => name);
      if (amiss.length > 0) throw new SteadysegError(`amiss: ${amiss.join(', ')}`);
    });
}
