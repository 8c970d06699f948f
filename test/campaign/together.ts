// Two runs in one folder at once: the folder ends with the results of one of them, never with a mixture.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, contents, moment, steadyseg, successOrRefusal } from './harness.js';
import { type Job, jobs, litter, same, wholeRun } from './jobs.js';

function twice(job: Job, other: boolean): Case {
  const [first, second] = [job.args, (other ? job.other : undefined) ?? job.args];
  return {
    name: `together/${job.name}${other ? '-other' : ''}`,
    fault: other
      ? 'two runs with different settings in one folder at once'
      : 'the same run twice in one folder at once',
    promise: 'the results are those of one run, whole; the other is the same or refused in a line',
    async run({ inputs, folder, rounds, random }) {
      const wholes = [await wholeRun(job, inputs), other ? await wholeRun(job, inputs, true) : undefined];
      const faults: string[] = [];
      let refused = 0;
      for (let round = 0; round < rounds; round++) {
        const out = join(folder, String(round));
        // Every other time at the same moment, where locks are taken.
        const delay = round % 2 === 0 ? 0 : moment(random, 0.8 * (wholes[0]?.milliseconds ?? 0));
        const runs = await Promise.all([
          steadyseg(first(inputs, out)),
          sleep(delay).then(() => steadyseg(second(inputs, out))),
        ]);
        for (const run of runs) faults.push(...successOrRefusal(run, [out]));
        const succeeded = runs.map((run) => run.code === 0);
        refused += succeeded.filter((done) => !done).length;
        if (!succeeded.includes(true)) faults.push(`${job.name}: neither run succeeded`);
        const found = contents(out);
        faults.push(...litter(found));
        const accepted = wholes.filter((whole, k) => whole && (other ? succeeded[k] : true));
        const complaints = accepted.map((whole) => (whole ? same(job, found, whole) : []));
        if (!complaints.some((list) => list.length === 0)) faults.push(...(complaints[0] ?? []).slice(0, 3));
      }
      return { runs: 2 * rounds, faults, seen: `${refused} of ${2 * rounds} runs refused` };
    },
  };
}

export const together: readonly Case[] = jobs.flatMap((job) => [
  twice(job, false),
  ...(job.other ? [twice(job, true)] : []),
]);
