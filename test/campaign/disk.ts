// A disk that is full: a small file system in memory, mounted by root.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, contents, refusal, steadyseg, tail } from './harness.js';
import { completes, type Job, jobs, litter, torn, wholeRun } from './jobs.js';

const mounted = new Set<string>();
process.once('exit', () => {
  for (const folder of mounted) unmount(folder);
});

/** Mounts a file system of so many bytes. @returns whether that worked */
export function mountSmall(folder: string, bytes: number): boolean {
  mkdirSync(folder, { recursive: true });
  const options = `size=${Math.ceil(bytes / 4096) * 4096}`;
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0;
  if (done) mounted.add(folder);
  return done;
}

/** Changes options of a mounted file system: `size=…`, `ro`, `rw`. */
export function remount(folder: string, options: string): void {
  spawnSync('mount', ['-o', `remount,${options}`, folder]);
}

export function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
  mounted.delete(folder);
}

/** Why no file system can be mounted here. */
export function cannotMount(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  return process.getuid?.() === 0 ? undefined : 'needs root, to mount a small disk';
}

/** How many bytes the job's files fill on a disk with pages of 4 KiB; the report alone where nothing is cached on so small a disk. */
const roomOf: Record<string, number> = {
  predict: 400_000,
  'pseudo-label': 400_000,
  evaluate: 12_000,
  toycity: 400_000,
  train: 2_000_000,
  convert: 8_000_000,
  flow: 1_000_000,
};

const keepsake = 'kept before.txt';

function fillDisk(job: Job): Case {
  return {
    name: `disk/${job.name}`,
    fault: 'the disk fills up',
    promise:
      'one line that says so; files whole or absent, earlier ones unchanged; with room it goes on to the same bytes',
    impossible: cannotMount,
    async run({ inputs, folder, rounds, random }) {
      const whole = await wholeRun(job, inputs);
      const faults: string[] = [];
      let [full, done] = [0, 0];
      for (let round = 0; round < rounds; round++) {
        const disk = join(folder, `disk ${round}`);
        const bytes = Math.round(roomOf[job.name] * random.uniform());
        if (!mountSmall(disk, 8192 + bytes)) return { runs: 0, faults: ['mount failed'], seen: '' };
        try {
          const out = join(disk, 'out');
          writeFileSync(join(disk, keepsake), 'kept');
          const run = await steadyseg(job.args(inputs, out));
          if (run.code === 0) done++;
          else {
            full++;
            faults.push(...refusal(run, [disk]));
            if (!/no space left/i.test(run.stderr)) faults.push(`${run.command}: the reason is missing: ${tail(run)}`);
          }
          const found = contents(out);
          faults.push(...torn(found, whole), ...litter(found));
          if (!contents(disk).has(keepsake)) faults.push(`${keepsake} is gone`);
          remount(disk, 'size=64m');
          faults.push(...(await completes(job, inputs, out, whole)));
        } finally {
          unmount(disk);
        }
      }
      return { runs: 2 * rounds, faults, seen: `${full} stopped, ${done} fitted, all completed with room` };
    },
  };
}

export const diskFull: readonly Case[] = jobs.map(fillDisk);
