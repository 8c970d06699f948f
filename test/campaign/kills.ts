// Kills at random moments: what is there is whole, and going on gives what a run without a kill gives.
import { join } from 'node:path';
import { type Case, contents, moment, steadyseg } from './harness.js';
import { completes, jobs, torn, wholeRun } from './jobs.js';

export const kills: readonly Case[] = jobs.map((job) => ({
  name: `kill/${job.name}`,
  fault: 'kill -9 at random moments, twice',
  promise: 'files whole or absent; going on gives the same bytes, nothing left over',
  async run({ inputs, folder, rounds, random }) {
    const whole = await wholeRun(job, inputs);
    const faults: string[] = [];
    let killed = 0;
    for (let round = 0; round < rounds; round++) {
      const out = join(folder, String(round));
      for (const args of [job.args(inputs, out), job.again(inputs, out)]) {
        const run = await steadyseg(args, { killAfter: moment(random, 1.1 * whole.milliseconds) });
        if (run.signal === 'SIGKILL') killed++;
        faults.push(...torn(contents(out), whole));
      }
      faults.push(...(await completes(job, inputs, out, whole)));
    }
    return { runs: 3 * rounds, faults, seen: `${killed} of ${2 * rounds} runs killed, all completed` };
  },
}));
