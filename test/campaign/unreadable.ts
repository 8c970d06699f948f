// Inputs that cannot be read: no permission, or something else in a file's place. Opening a pipe would wait for ever.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Case, contents, refusal, steadyseg } from './harness.js';
import type { Inputs } from './inputs.js';
import { nobody } from './readOnly.js';

/** What stands where a file should be. */
const obstacles: Record<string, (path: string) => void> = {
  'no permission': (path) => {
    writeFileSync(path, 'secret', { mode: 0 });
    chmodSync(path, 0);
  },
  'a directory': (path) => mkdirSync(path),
  'a pipe': (path) => {
    spawnSync('mkfifo', ['-m', '666', path]);
  },
  'a link to itself': (path) => symlinkSync(basename(path), path),
  'a link to nothing': (path) => symlinkSync('nothing here', path),
  'an endless device': (path) => symlinkSync('/dev/zero', path),
  'an empty file': (path) => writeFileSync(path, ''),
};

interface Target {
  /** The file to be spoilt, of a copy of the inputs. */
  spoilt(inputs: Inputs): string;
  args(inputs: Inputs, out: string): string[];
  /** Obstacles that are no obstacle here. */
  readonly fine?: readonly string[];
}

const firstOf = (folder: string, ending = '') =>
  join(
    folder,
    readdirSync(folder)
      .sort()
      .find((name) => name.endsWith(ending)) ?? '',
  );
const evaluation = ({ frames, labels }: Inputs, pred: string) => [
  ...['evaluate', 'tc', '--frames', frames, '--pred', pred, '--gt', labels, '--no-cache', '--preset', 'toycity'],
];
const training = ({ config, toyCity }: Inputs, out: string) => {
  return ['train', config, `data.root=${JSON.stringify(toyCity)}`, '--out', out];
};
const predicting = ({ network }: Inputs, input: string, out: string) => {
  return ['predict', input, '--model', network, '--out', out];
};

const targets: Record<string, Target> = {
  'predict/model': {
    spoilt: ({ network }) => network,
    args: (inputs, out) => predicting(inputs, inputs.video, out),
  },
  'predict/video': {
    spoilt: ({ video }) => video,
    args: (inputs, out) => predicting(inputs, inputs.video, out),
  },
  'predict/frame': {
    spoilt: ({ frames }) => firstOf(frames),
    args: (inputs, out) => predicting(inputs, inputs.frames, out),
    // A directory among the pictures is no picture.
    fine: ['a directory'],
  },
  'predict/classes': {
    spoilt: ({ classes }) => classes,
    args: (inputs, out) => [...predicting(inputs, inputs.video, out), '--classes', inputs.classes],
  },
  'evaluate/prediction': {
    spoilt: ({ predictions }) => firstOf(predictions),
    args: (inputs) => evaluation(inputs, inputs.predictions),
  },
  'evaluate/flow': {
    spoilt: ({ flow }) => firstOf(flow, '.flo'),
    args: (inputs) => [...evaluation(inputs, inputs.labels), '--flow', inputs.flow],
  },
  'evaluate/frame': {
    spoilt: ({ frames }) => firstOf(frames),
    args: (inputs) => evaluation(inputs, inputs.labels),
    fine: ['a directory'],
  },
  'train/config': { spoilt: ({ config }) => config, args: training },
  'train/frame': { spoilt: ({ frames }) => firstOf(frames), args: training },
  'train/label': { spoilt: ({ labels }) => firstOf(labels), args: training },
  'train/flow': { spoilt: ({ flow }) => firstOf(flow, '.flo'), args: training },
  'convert/safetensors': {
    spoilt: ({ safetensors }) => safetensors,
    args: ({ safetensors }, out) => ['convert', safetensors, join(out, 'weights.pth')],
  },
  'convert/pth': {
    spoilt: ({ pth }) => pth,
    args: ({ pth }, out) => ['convert', pth, join(out, 'weights.safetensors')],
  },
  'info/model': { spoilt: ({ network }) => network, args: ({ network }) => ['info', network] },
  'flow/frame': {
    spoilt: ({ frames }) => firstOf(frames),
    args: ({ frames }, out) => ['flow', frames, '--out', out],
    fine: ['a directory'],
  },
  'merge/result': { spoilt: ({ config }) => config, args: ({ config }) => ['merge', config] },
};

export const unreadable: readonly Case[] = Object.entries(targets).map(([name, { spoilt, args, fine = [] }]) => ({
  name: `unreadable/${name}`,
  fault: `in the file's place: ${Object.keys(obstacles).join(', ')}`,
  promise: 'one line that names the file; no wait; inputs unchanged',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    let runs = 0;
    chmodSync(folder, 0o777);
    const copy = join(folder, 'in');
    const there = movedTo(inputs, copy);
    cpSync(dirname(inputs.video), copy, { recursive: true, filter: (source) => source !== inputs.wholeRuns });
    const path = spoilt(there);
    const out = join(folder, 'out');
    for (const [obstacle, place] of Object.entries(obstacles)) {
      if (fine.includes(obstacle)) continue;
      rmSync(path, { recursive: true, force: true });
      place(path);
      const before = obstacle === 'no permission' || obstacle === 'an endless device' ? undefined : contents(copy);
      const run = await steadyseg(args(there, out), obstacle === 'no permission' ? nobody : {});
      runs++;
      faults.push(...refusal(run, [basename(path)]).map((fault) => `${obstacle}: ${fault}`));
      if (before && JSON.stringify([...before]) !== JSON.stringify([...contents(copy)])) {
        faults.push(`${run.command}: the inputs have changed`);
      }
      rmSync(out, { recursive: true, force: true });
    }
    return { runs, faults, seen: `${runs} refused` };
  },
}));

/** The paths of a copy of the inputs' folder. */
export function movedTo(inputs: Inputs, to: string): Inputs {
  const from = dirname(inputs.video);
  const entries = Object.entries(inputs).map(([key, value]) => [
    key,
    typeof value === 'string' && value.startsWith(from) ? to + value.slice(from.length) : value,
  ]);
  return Object.fromEntries(entries);
}
