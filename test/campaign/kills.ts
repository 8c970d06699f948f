// Kills at random moments: what is there is whole, and going on gives what a run without a kill gives.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '#src/tensor/random.js';
import { type Case, contents, steadyseg, success } from './harness.js';
import type { Inputs } from './inputs.js';
import { type Job, jobs, litter, same, torn, type Whole, wholeRun } from './jobs.js';

/** What became of runs that were killed and gone on with. */
export interface KillTally {
  /** Processes that SIGKILL ended. */
  readonly kills: number;
  /** Results compared with a whole run's. */
  readonly completed: number;
  readonly faults: readonly string[];
}

/** Kills of one result before it is let be. */
const KILLS_EACH = 6;
/** Before this share of a run's time, nothing is written yet. */
const EARLIEST = 0.25;
/** Beyond the end, so that the last moments are hit too. */
const LATEST = 1.05;

/**
 * Kills a job and goes on with it, several times, and compares what it ends with. The moments follow from how long
 * `usual` is, in milliseconds.
 * @returns what happened, and how long the run took that completed it, for the next moments.
 */
export async function killedAndCompleted(
  job: Job,
  inputs: Inputs,
  { out, whole, random, usual }: { out: string; whole: Whole; random: Random; usual: number },
): Promise<KillTally & { readonly milliseconds: number }> {
  const faults: string[] = [];
  for (let kills = 0; ; ) {
    const last = kills === KILLS_EACH;
    const killAfter = last ? undefined : (EARLIEST + random.uniform() * (LATEST - EARLIEST)) * usual;
    const args = kills === 0 ? job.args(inputs, out) : job.again(inputs, out);
    const run = await steadyseg(args, { killAfter });
    const found = contents(out);
    if (run.signal === 'SIGKILL' && !run.hung) {
      kills++;
      faults.push(...torn(found, whole));
      continue;
    }
    faults.push(...success(run), ...same(job, found, whole), ...litter(found));
    return { kills, completed: 1, faults, milliseconds: run.milliseconds };
  }
}

export const kills: readonly Case[] = jobs.map((job) => ({
  name: `kill/${job.name}`,
  fault: `kill -9 at random moments, up to ${KILLS_EACH} times before the run is let be`,
  promise: 'files whole or absent; going on gives the same bytes, nothing left over',
  async run({ inputs, folder, rounds, random }) {
    const whole = await wholeRun(job, inputs);
    const faults: string[] = [];
    let killed = 0;
    for (let round = 0; round < rounds; round++) {
      const out = join(folder, String(round));
      const found = await killedAndCompleted(job, inputs, { out, whole, random, usual: whole.milliseconds });
      killed += found.kills;
      faults.push(...found.faults);
      rmSync(out, { recursive: true, force: true });
    }
    return { runs: killed + rounds, faults, seen: `${killed} runs killed, ${rounds} results completed` };
  },
}));
