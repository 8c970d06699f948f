// Inputs that vanish or change while they are read, and outputs that are taken away while they are written.
import {
  closeSync,
  cpSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, type Context, contents, moment, refusal, steadyseg, successOrRefusal } from './harness.js';
import type { Inputs } from './inputs.js';
import { completes, type Job, jobs, litter, torn, wholeRun } from './jobs.js';
import { movedTo } from './unreadable.js';

/** A copy of the inputs that a case may change. */
function copied({ inputs, folder }: Context, name: string): Inputs {
  const to = join(folder, name);
  cpSync(dirname(inputs.video), to, { recursive: true, filter: (source) => source !== inputs.wholeRuns });
  return movedTo(inputs, to);
}

const jobNamed = (name: string): Job => {
  const job = jobs.find((one) => one.name === name);
  if (!job) throw new Error(`no job ${name}`);
  return job;
};

interface Change {
  readonly command: string;
  readonly what: string;
  files(inputs: Inputs): string[];
}

const below = (folder: string) => readdirSync(folder).map((name) => join(folder, name));

/** Which inputs of which command are spoilt while it runs. */
const changes: readonly Change[] = [
  { command: 'predict', what: 'the video', files: ({ video }) => [video] },
  { command: 'predict', what: 'the model', files: ({ network }) => [network] },
  {
    command: 'evaluate',
    what: 'predictions and frames',
    files: ({ labels, frames }) => [...below(labels), ...below(frames)],
  },
  { command: 'flow', what: 'frames', files: ({ frames }) => below(frames) },
  { command: 'train', what: 'frames and labels', files: ({ labels, frames }) => [...below(labels), ...below(frames)] },
  { command: 'convert', what: 'the weights', files: ({ safetensors }) => [safetensors] },
];

const harms: Record<string, (path: string, content: Buffer) => void> = {
  removed: (path) => rmSync(path),
  'cut off': (path, content) => {
    const file = openSync(path, 'r+');
    ftruncateSync(file, Math.floor(content.length / 2));
    closeSync(file);
  },
  overwritten: (path, content) => writeFileSync(path, Buffer.alloc(content.length, 0x5a)),
};

function spoils({ command, what, files }: Change): Case {
  const job = jobNamed(command);
  return {
    name: `changing/${command}-${what.split(' ').at(-1)}`,
    fault: `${what}: ${Object.keys(harms).join(', ')} at random moments of the run`,
    promise:
      'done, or one line that names a file; files whole or absent; with the inputs back it goes on to a whole result',
    async run(context) {
      const { folder, inputs, rounds, random } = context;
      const { milliseconds } = await wholeRun(job, inputs);
      const there = copied(context, 'in');
      const undisturbed = join(folder, 'undisturbed');
      const faults: string[] = [];
      const whole = await (async () => {
        await steadyseg(job.args(there, undisturbed));
        return { files: contents(undisturbed), milliseconds };
      })();
      const originals = files(there).map((path) => [path, readFileSync(path)] as const);
      let [done, refused] = [0, 0];
      for (let round = 0; round < rounds; round++) {
        for (const [harm, spoil] of Object.entries(harms)) {
          const out = join(folder, `${round} ${harm}`);
          const run = await steadyseg(job.args(there, out), {
            meanwhile: async () => {
              await sleep(moment(random, milliseconds));
              for (const [path, content] of originals) spoil(path, content);
            },
          });
          if (run.code === 0) done++;
          else refused++;
          faults.push(...successOrRefusal(run, [dirname(there.video)]).map((fault) => `${harm}: ${fault}`));
          for (const [path, content] of originals) writeFileSync(path, content);
          faults.push(...litter(contents(out)));
          // What was read in between is the changed file's: only a run that was refused has to end as a whole one.
          if (run.code !== 0) {
            faults.push(...torn(contents(out), whole).map((fault) => `${harm}: ${fault}`));
            faults.push(...(await completes(job, there, out, whole)).map((fault) => `${harm}: ${fault}`));
          }
        }
      }
      return { runs: done + 2 * refused, faults, seen: `${done} done before or in spite of it, ${refused} refused` };
    },
  };
}

/** The output folder is removed under a run: it ends, and says why if it fails. */
function withoutOutput(job: Job): Case {
  return {
    name: `vanishing/${job.name}`,
    fault: 'the output folder is removed at random moments of the run',
    promise: 'done, or one line that names a file; running again gives the same bytes',
    async run({ inputs, folder, rounds, random }) {
      const whole = await wholeRun(job, inputs);
      const faults: string[] = [];
      let done = 0;
      for (let round = 0; round < rounds; round++) {
        const out = join(folder, String(round));
        const run = await steadyseg(job.args(inputs, out), {
          meanwhile: async () => {
            await sleep(moment(random, whole.milliseconds));
            // Another file may be written while the folder is removed.
            for (let attempt = 0; existsSync(out) && attempt < 20; attempt++) {
              try {
                rmSync(out, { recursive: true, force: true });
              } catch {
                await sleep(1);
              }
            }
          },
        });
        if (run.code === 0) done++;
        else faults.push(...refusal(run, [out]));
        rmSync(out, { recursive: true, force: true });
        faults.push(...(await completes(job, inputs, out, whole)));
      }
      return { runs: 2 * rounds, faults, seen: `${done} of ${rounds} done all the same` };
    },
  };
}

export const changing: readonly Case[] = [...changes.map(spoils), ...jobs.map(withoutOutput)];
