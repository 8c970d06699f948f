// Power cuts: what lies on the disk at a moment is what a copy of the block device holds, and a run goes on from that.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, contents, moment, steadyseg, untilExists } from './harness.js';
import { completes, jobs, litter, torn, wholeRun } from './jobs.js';

const DISK_BYTES = 96 << 20;
/** Seconds between the file system's own commits: only what was brought to disk on purpose is there. */
const COMMIT_SECONDS = 300;
/** From its first file on, a run takes at most this share of its time. */
const WRITING = 0.7;

const journaled = jobs.filter(({ name }) => ['predict', 'pseudo-label', 'train', 'flow'].includes(name));

export const powerCuts: Case = {
  name: 'trust/power-cuts',
  fault:
    'the power goes at random moments: the disk as a copy of its block device has it (ext4, no commits of its own)',
  promise: 'files whole or absent; the log holds every step of the checkpoint; going on gives the same bytes',
  impossible: () => (canMount() ? undefined : 'loop devices need root and mkfs.ext4'),
  async run({ inputs, folder, rounds, random }) {
    const faults: string[] = [];
    let begun = 0;
    for (const job of journaled) {
      const whole = await wholeRun(job, inputs);
      for (let round = 0; round < rounds; round++) {
        const [disk, cut] = ['disk.img', 'cut.img'].map((name) => join(folder, name));
        const [place, after] = ['disk', 'cut'].map((name) => join(folder, name));
        writeFileSync(disk, '');
        truncateSync(disk, DISK_BYTES);
        must('mkfs.ext4', ['-q', '-F', disk]);
        mount(disk, place);
        try {
          const out = join(place, 'out');
          await steadyseg(job.args(inputs, out), {
            async meanwhile(child) {
              await untilExists(out, child);
              await sleep(moment(random, WRITING * whole.milliseconds));
              const group = -(child.pid ?? 0);
              // All of it at one moment; it may have ended by then.
              if (child.exitCode === null) process.kill(group, 'SIGSTOP');
              must('cp', ['--sparse=always', disk, cut]);
              if (child.exitCode === null) process.kill(group, 'SIGKILL');
            },
          });
        } finally {
          must('umount', [place]);
        }
        mount(cut, after);
        try {
          const out = join(after, 'out');
          const found = contents(out);
          if (found.size > 0) begun++;
          faults.push(...torn(found, whole), ...lost(out));
          faults.push(...(await completes(job, inputs, out, whole)), ...litter(contents(out)));
        } finally {
          must('umount', [after]);
        }
        for (const path of [disk, cut]) rmSync(path);
      }
    }
    return {
      runs: 2 * rounds * journaled.length,
      faults,
      seen: `${rounds * journaled.length} cuts, ${begun} of them with files on the disk, all completed`,
    };
  },
};

/** Steps that a checkpoint has done and the log of its run does not hold. */
function lost(out: string): string[] {
  const checkpoint = join(out, 'checkpoints', 'last.safetensors');
  if (!existsSync(checkpoint)) return [];
  const step = Number(/\\"step\\":(\d+)/.exec(readFileSync(checkpoint, 'latin1'))?.[1]);
  const log = join(out, 'metrics.jsonl');
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
  const known = lines.filter((line) => line.includes('"losses"')).length;
  const faults = known >= step ? [] : [`the checkpoint is of step ${step}, the log knows ${known} steps`];
  const events = join(out, 'events.out.tfevents.steadyseg');
  if (!existsSync(events) || readFileSync(events).length === 0) faults.push('the event file is empty');
  return faults;
}

let mounts: boolean | undefined;

/** Whether a file can be mounted as a disk here; tried once. */
function canMount(): boolean {
  if (mounts !== undefined) return mounts;
  const [image, place] = ['steadyseg-campaign.img', 'steadyseg-campaign-mount'].map((name) => join('/tmp', name));
  writeFileSync(image, '');
  truncateSync(image, 8 << 20);
  mkdirSync(place, { recursive: true });
  const done = (command: string, args: string[]) => spawnSync(command, args).status === 0;
  mounts = done('mkfs.ext4', ['-q', '-F', image]) && done('mount', ['-o', 'loop', image, place]);
  if (mounts) done('umount', [place]);
  rmSync(image);
  rmSync(place, { recursive: true });
  return mounts;
}

function mount(image: string, place: string): void {
  mkdirSync(place, { recursive: true });
  must('mount', ['-o', `loop,commit=${COMMIT_SECONDS}`, image, place]);
}

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
