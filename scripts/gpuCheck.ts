// Tells whether this machine's GPU computes what its CPU computes, and how fast.
// Usage: npm run gpu-check [-- --device webgpu] [--rounds 10] [--parity]
// `--parity` leaves out the times. Exit code 1 where the device computes something else, or cannot be used.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { buildModel } from '#src/nets/model.js';
import { writeModel } from '#src/onnx/write.js';
import { median } from '#src/quantize/trial.js';
import { createSession } from '#src/runtime/session.js';
import { type ShippedModel, shippedModels } from '#src/segment/shipped.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { applyGradients, computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep } from '#src/train/step.js';
import { smallLabels } from './device/labels.js';
import { differenceOf, threeSteps } from './device/steps.js';

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'webgpu' },
    rounds: { type: 'string', default: '10' },
    parity: { type: 'boolean', default: false },
  },
});
const { device } = values;

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
  return 'not told by nvidia-smi or vulkaninfo';
}

let right = true;
function report(what: string, equal: boolean, figure: string): void {
  right &&= equal;
  console.log(`${equal ? 'equal    ' : 'DIFFERENT'}  ${what}: ${figure}`);
}

/** Milliseconds of a run: the median of several, after two that do not count. */
async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = -2; round < Number(values.rounds); round++) {
    const started = performance.now();
    await run();
    if (round >= 0) times.push(performance.now() - started);
  }
  return median(times);
}

/** One frame of PSPNet-18. */
async function frameTime(on: string, [height, width]: readonly [number, number]): Promise<number> {
  const model = writeModel(buildModel({ architecture: 'pspnet18', classes: 19, height, width }));
  const session = await createSession(model, { device: on });
  const image = symmetricByName('image', [1, 3, height, width], 2);
  const time = await timeOf(() => session.run({ image }));
  await session.release();
  return time;
}

/** One step of PSPNet-18 on pairs of frames, as `bench/training.ts` takes it, with the update. */
async function stepTime(on: string, [batch, height, width]: readonly [number, number, number]): Promise<number> {
  const step = buildTrainingStep({
    ...{ batch, height, width, dropout: false, portable: on !== 'cpu' },
    student: await architectureStudent({ architecture: 'pspnet18', classes: { count: 19 }, seed: 1 }),
    segmentation: { classWeights: Array(19).fill(1) },
    losses: { motion: 0.1 },
  });
  const session = await createSession(writeModel(step.model), {
    ...{ device: on, optimization: 'disabled', memoryPattern: false },
  });
  const optimizer = createOptimizer(publishedSgd, trainedWeights(step));
  const state = createTrainingState(step, optimizer, 1);
  const feeds = {
    image: labelsByName('image', [batch, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [batch, 3, height, width], 256),
    flow: symmetricByName('flow', [batch, 2, height, width], 4),
    labels: labelsByName('labels', [batch, height, width], 19),
  };
  const time = await timeOf(async () => {
    const { gradients } = await computeGradients(step, session, state, [feeds]);
    applyGradients(state, gradients, optimizer, 0.01);
  });
  await session.release();
  return time;
}

console.log(`adapter    ${adapterNames()}`);
for (const name of Object.keys(shippedModels) as ShippedModel[]) {
  const [found, expected] = [await smallLabels(name, device), await smallLabels(name, 'cpu')];
  const others = found.filter((label, at) => label !== expected[at]).length;
  report(`labels of ${name}`, others <= otherLabels * found.length, `${others} of ${found.length} pixels differ`);
}
const [found, expected] = [
  await threeSteps((model) => createSession(model, { device, optimization: 'disabled', fallback: false })),
  await threeSteps((model) => createSession(model, { device: 'cpu', optimization: 'disabled' })),
];
const { losses, weights } = differenceOf(found, expected);
report(
  'three training steps',
  losses <= largest.losses && weights <= largest.weights,
  `losses differ by ${losses.toExponential(1)}, weights by ${weights.toExponential(1)}`,
);
if (!values.parity) {
  console.log(`\n| PSPNet-18 | ${device} ms | CPU ms |\n| --- | ---: | ---: |`);
  const row = (what: string, times: readonly number[]) =>
    console.log(`| ${what} | ${times.map((time) => time.toFixed(1)).join(' | ')} |`);
  row('inference, 1×512×1024', [await frameTime(device, [512, 1024]), await frameTime('cpu', [512, 1024])]);
  row('training step, 2×256×512', [await stepTime(device, [2, 256, 512]), await stepTime('cpu', [2, 256, 512])]);
}
process.exit(right ? 0 : 1);
