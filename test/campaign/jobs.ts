// The commands that write, each as one small job: what it is called with, how it goes on, and what a whole run of it leaves.
import { join } from 'node:path';
import { contents, type RunOptions, steadyseg, success } from './harness.js';
import type { Inputs } from './inputs.js';

export interface Job {
  readonly name: string;
  /** Arguments that write into the folder `out`. */
  args(inputs: Inputs, out: string): string[];
  /** Arguments that go on after a run that was cut short. */
  again(inputs: Inputs, out: string): string[];
  /** Arguments of the same kind of job with other results. */
  other?(inputs: Inputs, out: string): string[];
  /** Files that a sound run may leave out: a cache. */
  readonly optional?: RegExp;
}

/** What a run that nothing disturbs leaves and takes. */
export interface Whole {
  readonly files: ReadonlyMap<string, string>;
  readonly milliseconds: number;
}

const predict = (network: string, { video }: Inputs, out: string) => [
  ...['predict', video, '--model', network, '--preset', 'cityscapes', '--out', out],
  ...['--save', 'labels,color,overlay,confidence'],
];
const pseudoLabel = (network: string, { video }: Inputs, out: string) => [
  ...['pseudo-label', video, '--model', network, '--preset', 'cityscapes', '--out', out],
  ...['--quantile', '0.5', '--save', 'color,confidence'],
];
const toyCity = ({ toyCityOptions }: Inputs, out: string, seed: number) => {
  return ['toycity', '--out', out, ...toyCityOptions, '--seed', String(seed)];
};
const train = ({ config, toyCity: root }: Inputs, out: string) => {
  return ['train', config, `data.root=${JSON.stringify(root)}`, '--out', out];
};
const flow = ({ frames }: Inputs, out: string) => ['flow', frames, '--out', out, '--backward', '--color'];
const adapt = ({ frames, trainable }: Inputs, out: string, steps: number) => [
  ...['adapt', frames, '--model', trainable, '-o', join(out, 'steadier.onnx')],
  ...['--steps', String(steps), '--threads', '1'],
];
const evaluate = ({ frames, labels }: Inputs, out: string) => [
  ...['evaluate', 'tc', '--frames', frames, '--pred', labels, '--gt', labels, '--preset', 'toycity'],
  ...['--flow-cache', join(out, 'cache'), '--report', join(out, 'report.html'), '--json'],
];
const convert = ({ safetensors }: Inputs, out: string) => ['convert', safetensors, join(out, 'weights.pth')];

export const jobs: readonly Job[] = [
  {
    name: 'predict',
    args: (inputs, out) => predict(inputs.network, inputs, out),
    again: (inputs, out) => [...predict(inputs.network, inputs, out), '--resume'],
    other: (inputs, out) => predict(inputs.otherNetwork, inputs, out),
  },
  {
    name: 'pseudo-label',
    args: (inputs, out) => pseudoLabel(inputs.network, inputs, out),
    again: (inputs, out) => [...pseudoLabel(inputs.network, inputs, out), '--resume'],
    other: (inputs, out) => pseudoLabel(inputs.otherNetwork, inputs, out),
  },
  { name: 'evaluate', args: evaluate, again: evaluate, optional: /^cache\// },
  {
    name: 'toycity',
    args: (inputs, out) => toyCity(inputs, out, 0),
    again: (inputs, out) => toyCity(inputs, out, 0),
    other: (inputs, out) => toyCity(inputs, out, 1),
  },
  {
    name: 'train',
    args: train,
    again: (inputs, out) => [...train(inputs, out), '--resume'],
    other: (inputs, out) => [...train(inputs, out), 'seed=2'],
  },
  { name: 'convert', args: convert, again: convert },
  {
    name: 'flow',
    args: flow,
    again: (inputs, out) => [...flow(inputs, out), '--resume'],
    other: (inputs, out) => [...flow(inputs, out), '--max-radius', '3'],
  },
  {
    name: 'adapt',
    args: (inputs, out) => adapt(inputs, out, 6),
    again: (inputs, out) => [...adapt(inputs, out, 6), '--resume'],
  },
];

const known = new Map<string, Promise<Whole>>();

/** What a whole run of the job leaves; run once for the campaign, into the inputs' folder. */
export function wholeRun(job: Job, inputs: Inputs, other = false): Promise<Whole> {
  const name = other ? `${job.name} other` : job.name;
  let whole = known.get(name);
  if (!whole) {
    whole = (async () => {
      const out = join(inputs.wholeRuns, name);
      const run = await steadyseg((other ? job.other : job.args)?.(inputs, out) ?? []);
      const [fault] = success(run);
      if (fault) throw new Error(`without any fault: ${fault}`);
      return { files: contents(out), milliseconds: run.milliseconds };
    })();
    known.set(name, whole);
  }
  return whole;
}

/** Goes on after a fault and gives what is wrong with the result; files may be missing only where the job says so. */
export async function completes(
  job: Job,
  inputs: Inputs,
  out: string,
  whole: Whole,
  options: RunOptions = {},
): Promise<string[]> {
  const faults = success(await steadyseg(job.again(inputs, out), options));
  return faults.length > 0 ? faults : same(job, contents(out), whole);
}

/** Whether a folder holds what a whole run leaves, and nothing else. */
export function same(job: Job, found: ReadonlyMap<string, string>, { files }: Whole): string[] {
  const faults: string[] = [];
  for (const [name, hash] of files) {
    if (!found.has(name)) {
      if (!job.optional?.test(name)) faults.push(`${job.name}: ${name} is missing`);
    } else if (!timed.test(name) && found.get(name) !== hash) {
      faults.push(`${job.name}: ${name} differs from a whole run's`);
    }
  }
  for (const name of found.keys()) if (!files.has(name)) faults.push(`${job.name}: ${name} is left over`);
  return faults;
}

/** Files that name times, so that two sound runs differ in them. */
const timed = /(^|\/)((predict|flow)(-\d+-of-\d+)?\.json|metrics\.jsonl|events\.out\.\S+|report\.html)$/;

/**
 * What is wrong with the files of a run that was cut short: each should be as a whole run leaves it, as it was `before`,
 * or absent. Temporary files and locks of a killed run are allowed.
 */
export function torn(
  found: ReadonlyMap<string, string>,
  { files }: Whole,
  before: ReadonlyMap<string, string> = new Map(),
): string[] {
  const faults: string[] = [];
  for (const [name, hash] of found) {
    if (aside.test(name) || timed.test(name) || growing.test(name)) continue;
    if (hash !== files.get(name) && hash !== before.get(name)) faults.push(`${name} is torn or foreign`);
  }
  for (const name of before.keys()) if (!found.has(name)) faults.push(`${name}, which was there before, is gone`);
  return faults;
}

const aside = /(\.tmp|(^|\/)\.([\w.-]*\.)?(lock(\.[0-9a-f]+)?|written))$/;
/** Files of a run under way that are whole, but not yet those of its end: resuming from them shows that they are sound. */
const growing =
  /^(pending\/.*|steadier\.onnx\.adapt\/.*|frames\.jsonl|pseudo-label\.json|checkpoints\/(last|best)\.safetensors|(last|best)\.onnx|\.toycity-begun\.json)$/;

/** What a run that ended by itself should have taken away. */
export function litter(found: ReadonlyMap<string, string>): string[] {
  return [...found.keys()].filter((name) => aside.test(name)).map((name) => `${name} is left over`);
}
