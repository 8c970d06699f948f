// Paths with spaces, other scripts, quotes, signs that tools take for patterns, and names as long as a file system allows.
import { cpSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Case, contents, steadyseg, success } from './harness.js';
import { jobs, litter, wholeRun } from './jobs.js';
import { movedTo } from './unreadable.js';

const names = [
  'a space',
  'Zürich – 東京 🚗',
  'e\u0301 and \u00e9',
  `quote's "double"`,
  '50% [x] {y} #1 ?*',
  'new\nline',
  'back\\slash',
];

export const paths: readonly Case[] = [
  ...jobs.map(
    (job): Case => ({
      name: `paths/${job.name}`,
      fault: 'inputs and outputs below names with spaces, Unicode, quotes, %, [ ], *, a line break',
      promise: 'the same results as below a plain name',
      async run({ inputs, folder }) {
        const whole = await wholeRun(job, inputs);
        const from = dirname(inputs.video);
        const faults: string[] = [];
        for (const name of names) {
          const to = join(folder, name, 'in');
          mkdirSync(to, { recursive: true });
          cpSync(from, to, { recursive: true, filter: (source) => source !== inputs.wholeRuns });
          const there = movedTo(inputs, to);
          const run = await steadyseg(job.args(there, join(folder, name, 'out')));
          faults.push(...success(run));
          const found = contents(join(folder, name, 'out'));
          faults.push(...litter(found));
          const missing = [...whole.files.keys()].filter((file) => !found.has(file) && !job.optional?.test(file));
          if (missing.length > 0) faults.push(`below ${JSON.stringify(name)}: ${missing[0]} is missing`);
        }
        return { runs: names.length, faults, seen: `${names.length} names` };
      },
    }),
  ),
  {
    name: 'paths/long',
    fault: 'frames whose names are as long as a file system allows (255 bytes)',
    promise: 'label maps of these names',
    async run({ inputs, folder }) {
      const frames = join(folder, 'frames');
      cpSync(inputs.frames, frames, { recursive: true });
      const faults: string[] = [];
      const stems = ['x'.repeat(251), '車'.repeat(83)];
      for (const [k, name] of [...contents(frames).keys()].sort().slice(0, stems.length).entries()) {
        renameSync(join(frames, name), join(frames, `${stems[k]}.png`));
      }
      const out = join(folder, 'out');
      faults.push(...success(await steadyseg(['predict', frames, '--model', inputs.network, '--out', out])));
      const found = contents(out);
      for (const stem of stems) if (!found.has(`labels/${stem}.png`)) faults.push(`no labels of ${stem.slice(0, 9)}…`);
      faults.push(...litter(found));
      return { runs: 1, faults, seen: `${stems.length} names` };
    },
  },
];
