// Too little memory, of the JavaScript heap or of the whole process: it ends, and nothing is torn.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Case, contents, type RunOptions, refusal, steadyseg, tail } from './harness.js';
import { completes, type Job, jobs, torn, wholeRun } from './jobs.js';

const heaps = [16, 32];
const spaces = [900, 1600];
/** How the engine of Node says that memory ran out: it ends at once, and no program can put it in other words. */
const engineEnds =
  /out of memory|process OOM|Allocation failed|allocation failed|allocate mem|bad_alloc|Cannot allocate memory|mmap|pthread_create|uv_thread_create|ENOMEM/i;

function squeezed(
  job: Job,
  name: string,
  fault: string,
  limits: readonly [string, RunOptions][],
  possible?: () => string | undefined,
): Case {
  return {
    name: `${name}/${job.name}`,
    fault,
    promise: 'it ends by itself; files whole or absent; with memory it goes on to the same bytes',
    ...(possible && { impossible: possible }),
    async run({ inputs, folder }) {
      const whole = await wholeRun(job, inputs);
      const faults: string[] = [];
      let [done, refused, ended] = [0, 0, 0];
      for (const [label, options] of limits) {
        const out = join(folder, label);
        const run = await steadyseg(job.args(inputs, out), options);
        if (run.hung) faults.push(`${run.command}: it hung with ${label}`);
        else if (run.code === 0) done++;
        else if (refusal(run, []).length === 0) refused++;
        else if (engineEnds.test(run.stderr)) ended++;
        else faults.push(`${run.command}: with ${label}: ${run.signal ?? run.code}: ${tail(run)}`);
        faults.push(...torn(contents(out), whole));
        faults.push(...(await completes(job, inputs, out, whole)));
      }
      return {
        runs: 2 * limits.length,
        faults,
        seen: `${done} fitted, ${refused} refused in a line, ${ended} ended by Node itself`,
      };
    },
  };
}

export const memory: readonly Case[] = jobs.flatMap((job) => [
  squeezed(
    job,
    'heap',
    `--max-old-space-size of ${heaps.join(', ')} MiB`,
    heaps.map((megabytes) => [`heap ${megabytes}`, { nodeOptions: [`--max-old-space-size=${megabytes}`] }]),
  ),
  squeezed(
    job,
    'space',
    `prlimit --as of ${spaces.join(', ')} MiB`,
    spaces.map((megabytes) => [`space ${megabytes}`, { before: ['prlimit', `--as=${megabytes * 2 ** 20}`] }]),
    () => (spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'needs prlimit (Linux)'),
  ),
]);
