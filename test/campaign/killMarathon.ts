// Kills the commands that go on with what they began until each was killed so often; counts are kept from run to run.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, deriveSeed } from '#src/tensor/random.js';
import type { Inputs } from './inputs.js';
import { jobs, wholeRun } from './jobs.js';
import { type KillTally, killedAndCompleted } from './kills.js';
import { keep, kept } from './state.js';

/** The commands with `--resume`. */
export const resumableNames = ['predict', 'train', 'adapt', 'flow', 'pseudo-label'] as const;

export interface KillState {
  readonly seed: number;
  readonly commands: Readonly<Record<string, KillTally>>;
}

const none: KillTally = { kills: 0, completed: 0, faults: [] };

/**
 * @param wanted kills of each command, those of earlier runs and of other seeds included.
 * @param elsewhere kills of a command by runs with other seeds.
 */
export async function runKillMarathon(options: {
  readonly wanted: number;
  readonly elsewhere: (command: string) => number;
  readonly seed: number;
  readonly only: readonly string[];
  readonly statePath: string;
  readonly inputs: Inputs;
  /** Results go into folders in it. */
  readonly work: string;
  readonly signal: AbortSignal;
  readonly onResult: (name: string, tally: KillTally, faults: readonly string[]) => void;
}): Promise<void> {
  const { wanted, elsewhere, seed, only, statePath, inputs, work, signal, onResult } = options;
  let state = kept<KillState>(statePath) ?? { seed, commands: {} };
  const usual = new Map<string, number>();
  const tallyOf = (name: string) => state.commands[name] ?? none;
  for (;;) {
    const left = jobs.filter(({ name }) => only.includes(name) && tallyOf(name).kills + elsewhere(name) < wanted);
    if (left.length === 0) return;
    for (const job of left) {
      if (signal.aborted) return;
      const whole = await wholeRun(job, inputs);
      const before = tallyOf(job.name);
      const out = join(work, job.name);
      const found = await killedAndCompleted(job, inputs, {
        ...{ out, whole, usual: usual.get(job.name) ?? whole.milliseconds },
        random: createRandom(deriveSeed(seed, job.name, before.completed)),
      });
      // A busy machine is slower than it was: the mean of what runs take lately.
      usual.set(job.name, ((usual.get(job.name) ?? whole.milliseconds) + found.milliseconds) / 2);
      rmSync(out, { recursive: true, force: true });
      const tally = {
        kills: before.kills + found.kills,
        completed: before.completed + found.completed,
        faults: [...before.faults, ...found.faults],
      };
      state = { seed, commands: { ...state.commands, [job.name]: tally } };
      keep(statePath, state);
      onResult(job.name, tally, found.faults);
    }
  }
}
