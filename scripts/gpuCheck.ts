// Tells whether this machine's GPU computes what its CPU computes, and how fast.
// Usage: npm run gpu-check [-- --device webgpu] [--size 512x1024] [--rounds 10] [--parity] [--python python3]
//        npm run gpu-check -- --pack FILE.tar.xz
// `--parity` leaves out the times, which are beside PyTorch's where Python has it. Exit code 1 where the device computes something
// else, or cannot be used. `--pack` writes all that it needs on a Linux machine of this kind with a GPU and nothing else: there,
// `tar -xJf FILE` and `steadyseg-gpu-check/run`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '#src/base/errors.js';
import { buildModel } from '#src/nets/model.js';
import { writeModel } from '#src/onnx/write.js';
import { median } from '#src/quantize/trial.js';
import { isProcessor } from '#src/runtime/openSession.js';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import { symmetricByName } from '#src/tensor/random.js';
import { publishedSgd } from '#src/train/optimizer.js';
import type { Precision } from '#src/train/step.js';
import { type Runner, start } from '../bench/peer.js';
import { prepareStep } from '../bench/trainingStep.js';
import { smallLabels } from './device/labels.js';
import { packCheck } from './device/pack.js';
import { shippedNames, smallNetwork } from './device/smallNetwork.js';
import { differenceOf, fullOptimizer, threeSteps } from './device/steps.js';

const checkBegan = performance.now();
// Whatever goes wrong ends in a line.
process.on('uncaughtException', (thrown) => {
  console.error(messageOf(thrown));
  process.exit(1);
});

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'webgpu' },
    rounds: { type: 'string', default: '10' },
    size: { type: 'string', default: '512x1024' },
    python: { type: 'string' },
    parity: { type: 'boolean', default: false },
    pack: { type: 'string' },
  },
});
const { device } = values;
if (!/^[1-9]\d*x[1-9]\d*$/.test(values.size))
  throw new Error(`--size: expected height and width in pixels, such as 512x1024, found "${values.size}"`);
if (!/^[1-9]\d*$/.test(values.rounds))
  throw new Error(`--rounds: expected a whole number from 1, found "${values.rounds}"`);
/** The checkout, or the folder that a pack unpacks to. */
const root = resolve(import.meta.dirname, '..', '..');

if (values.pack !== undefined) {
  const size = await packCheck(root, values.pack);
  console.log(`${values.pack}: ${(size / 1e6).toFixed(1)} MB`);
  process.exit(0);
}

/** Beyond these, it is not rounding. */
const largest = { losses: 1e-4, weights: 1e-3 };
/** Share of pixels that may fall to another class, where two have all but the same score. */
const otherLabels = 1e-3;

/** What the system's own tools call the card; the engine does not tell. */
function adapterNames(): string {
  for (const [command, args, name] of [
    ['nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], /^(.+)$/gm],
    ['vulkaninfo', ['--summary'], /deviceName\s*=\s*(.+)$/gm],
  ] as const) {
    const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
    const found = status === 0 ? [...stdout.matchAll(name)].map(([, one]) => one.trim()) : [];
    if (found.length > 0) return `${found.join(', ')} (${command})`;
  }
  const chosen = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  return chosen
    ? `that of ${chosen}`
    : `not told by nvidia-smi or vulkaninfo; cards: ${pciCards().join(', ') || 'none'}`;
}

/** Driver, vendor and device of the cards that Linux knows. */
function pciCards(): string[] {
  const folder = '/sys/class/drm';
  const cards = existsSync(folder) ? readdirSync(folder).filter((name) => /^card\d+$/.test(name)) : [];
  return cards.flatMap((card) => {
    const path = join(folder, card, 'device', 'uevent');
    const told = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const [driver, id] = ['DRIVER', 'PCI_ID'].map((key) => new RegExp(`^${key}=(.*)$`, 'm').exec(told)?.[1]);
    return driver && id ? [`${driver} ${id}`] : [];
  });
}

let right = true;
function report(what: string, equal: boolean, figure: string): void {
  right &&= equal;
  console.log(`${equal ? 'equal    ' : 'DIFFERENT'}  ${what}: ${figure}`);
}

/** No figure takes longer than this, in milliseconds, so that all of them take less than five minutes. */
const MAX_FIGURE_TIME = 15_000;

/** Milliseconds of a run: the median of several, after two that do not count; of fewer where they take long. */
async function timeOf(run: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  const started = performance.now();
  for (let round = -2; round < Number(values.rounds); round++) {
    const time = await run();
    const late = performance.now() - started > MAX_FIGURE_TIME;
    if (round >= 0 || late) times.push(time);
    if (late) break;
  }
  return median(times);
}

async function clocked(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** One frame of PSPNet-18. */
async function frameTime(on: string, [height, width]: readonly number[]): Promise<number> {
  const model = writeModel(buildModel({ architecture: 'pspnet18', classes: 19, height, width }));
  const session = await createSession(model, { device: on });
  const image = symmetricByName('image', [1, 3, height, width], 2);
  const time = await timeOf(() => clocked(() => session.run({ image })));
  await session.release();
  return time;
}

/** One step of PSPNet-18. */
async function stepTime(on: string, size: readonly number[], precision: Precision = 'float32'): Promise<number> {
  const step = await prepareStep('pspnet18', size, { device: on, precision });
  try {
    return await timeOf(() => clocked(() => step.run()));
  } finally {
    await step.release();
  }
}

/** What to ask for PyTorch's times on a card, else on the CPU; undefined where no Python has it. */
function startPyTorch(script: string): Runner | undefined {
  const pythons = values.python === undefined ? ['python3', '/usr/bin/python3'] : [values.python];
  const python = pythons.find((one) => spawnSync(one, ['-c', 'import torch']).status === 0);
  return python === undefined
    ? undefined
    : start(python, [join(root, 'bench', 'peer', script), String(availableParallelism()), 'gpu']);
}

async function peerTime(peer: Runner | undefined, line: string): Promise<number | undefined> {
  return peer && timeOf(async () => Number(await peer.ask(line)));
}

/** A table of times: on the device, on the CPU, and PyTorch's. */
async function printTimes(): Promise<void> {
  const size = values.size.split('x').map(Number);
  const [rows, columns] = size.map((side) => Math.round(side / 2));
  const peers = [startPyTorch('inference.py'), startPyTorch('training_step.py')];
  const [said] = await Promise.all(peers.map((peer) => peer?.ask('threads')));
  console.log(`\n| PSPNet-18 | ${device} ms | CPU ms | ${said ?? 'PyTorch (not found)'} ms |`);
  console.log('| --- | ---: | ---: | ---: |');
  // What was not measured is no figure.
  const cell = (time: number | undefined) => (time !== undefined && Number.isFinite(time) ? time.toFixed(1) : '–');
  const row = (what: string, times: readonly [number | undefined, number | undefined, number | undefined]) =>
    console.log(`| ${what} | ${times.map(cell).join(' | ')} |`);
  row(`inference, 1×${size.join('×')}`, [
    await frameTime(device, size),
    await frameTime('cpu', size),
    await peerTime(peers[0], `pspnet18 ${size.join(' ')} eager`),
  ]);
  const pair = [2, rows, columns];
  row(`training step, ${pair.join('×')}`, [
    await stepTime(device, pair),
    await stepTime('cpu', pair),
    await peerTime(peers[1], `pspnet18 ${pair.join(' ')}`),
  ]);
  let unable = '';
  const mixed = await stepTime(device, pair, 'mixed').catch((thrown: unknown) => {
    unable = messageOf(thrown);
    return undefined;
  });
  row(`training step, mixed precision`, [mixed, undefined, undefined]);
  if (unable) console.log(`\nno mixed precision: ${unable}`);
  for (const peer of peers) peer?.stop();
}

console.log(`adapter    ${adapterNames()}`);
for (const name of shippedNames) {
  const network = await smallNetwork(name);
  const [found, expected] = [
    await smallLabels(await loadModel(network, { device })),
    await smallLabels(await loadModel(network)),
  ];
  const others = found.filter((label, at) => label !== expected[at]).length;
  report(`labels of ${name}`, others <= otherLabels * found.length, `${others} of ${found.length} pixels differ`);
}
for (const [name, optimizer] of [
  ['momentum', publishedSgd],
  ['AdamW', fullOptimizer],
] as const) {
  const [found, expected] = [
    await threeSteps({ optimizer, device, fallback: isProcessor(device) }),
    await threeSteps({ optimizer }),
  ];
  const { losses, weights } = differenceOf(found, expected);
  report(
    `three training steps with ${name}`,
    losses <= largest.losses && weights <= largest.weights,
    `losses differ by ${losses.toExponential(1)}, weights by ${weights.toExponential(1)}`,
  );
}
if (!values.parity) await printTimes();
console.log(`\ntook ${((performance.now() - checkBegan) / 1000).toFixed(0)} s in all`);
process.exit(right ? 0 : 1);
