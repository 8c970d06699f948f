// Three training steps of a small network, as any device can be asked to compute them: here, in Node, in a browser.
import { oneRank } from '#src/collective/collective.js';
import { batchNorm } from '#src/nets/batchNorm.js';
import { convolution } from '#src/nets/convolution.js';
import { add, averagePool, maxPool, relu } from '#src/onnx/ops.js';
import { bilinear } from '#src/onnx/resample.js';
import type { SessionOptions } from '#src/runtime/openSession.js';
import { defaultPreprocessing } from '#src/segment/preprocessing.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { openDeviceStepper } from '#src/train/deviceStepper.js';
import { openStepper } from '#src/train/openStepper.js';
import { createOptimizer, type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep, type Precision, type StepOptions, type TrainingStep } from '#src/train/step.js';
import type { Student } from '#src/train/student.js';

const [samples, size, classes] = [2, 64, 5];

/** Layers of each kind that the larger networks have: strided, pooled, normalised, enlarged. */
const student: Student = {
  name: 'small',
  classes: { count: classes, names: undefined },
  preprocessing: defaultPreprocessing,
  weights: new Map(),
  build(image, mode) {
    const first = relu(batchNorm(convolution(image, 'conv1', { channels: 8, kernel: 3, stride: 2 }), 'norm1', mode));
    const pooled = maxPool(first, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    const second = relu(batchNorm(convolution(pooled, 'conv2', { channels: 8, kernel: 3 }), 'norm2', mode));
    const context = convolution(averagePool(second, { kernel: [8, 8], strides: [8, 8] }), 'context', { channels: 8 });
    const features = add(second, bilinear(context, size / 4, size / 4));
    return {
      logits: convolution(features, 'head', { channels: classes, bias: true }),
      auxiliaries: [convolution(second, 'auxiliary', { channels: classes, bias: true })],
      boundary: convolution(second, 'boundary', { channels: 1, bias: true }),
      features: new Map(),
    };
  },
  toModel() {
    throw new Error('a small student is not written');
  },
};

const common: StepOptions = {
  ...{ student, batch: samples, height: size, width: size, dropout: false, portable: true, flowValidity: true },
  segmentation: {
    ...{ classWeights: [1, 2, 1, 1, 2], auxiliaryWeight: 0.4 },
    mining: { threshold: 0.3, minKept: 500, heads: 'both' },
  },
  motion: { compare: 'probabilities', visibility: 'occlusion', mean: 'visible' },
};

/** Cross entropy with hard examples, and the motion loss on two frames. */
const usualLosses: StepOptions = { ...common, losses: { motion: 1 } };

/** The step of three frames with every loss there is; it is not run. */
export function everyLossStep(): TrainingStep {
  return buildTrainingStep({
    ...common,
    ...{ frames: 3, sampleWeights: true },
    losses: {
      ...{ motion: 1, consensus: 1, pixel: 1, pairFrames: 1, selfSimilarity: 1, multiFrame: 1 },
      ...{ boundary: 1, boundaryAware: 1 },
    },
    distillation: { multiFrame: 'trained' },
    teacher: { shapes: { logits: { channels: classes, height: 16, width: 16 } }, on: 'logits' },
  });
}

/** @param batch another number gives other pictures. */
function feeds(batch: number): Record<string, Tensor> {
  const picture = (name: string) => labelsByName(batch === 0 ? name : `${name}${batch}`, [samples, 3, size, size], 256);
  return {
    ...{ image: picture('frame'), neighbour: picture('neighbour') },
    labels: labelsByName('labels', [samples, size, size], classes),
    flow: symmetricByName('flow', [samples, 2, size, size], 3),
    flowValid: tensor('float32', [samples, 1, size, size], new Float32Array(samples * size * size).fill(1)),
  };
}

/** What three steps came to. */
export interface StepsResult {
  /** The total loss of each step. */
  readonly losses: readonly number[];
  /** Weights, running statistics and what the optimiser remembers after the last one, by name. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
  /** Milliseconds of each step. */
  readonly milliseconds: readonly number[];
  /** Steps whose gradients float16 could not hold, and which changed no weights. */
  readonly skipped: number;
}

/** How they are taken; by default as a run takes them on the CPU. */
export interface StepsOptions extends Pick<SessionOptions, 'device' | 'threads' | 'fallback'> {
  readonly precision?: Precision | undefined;
  readonly optimizer?: OptimizerOptions | undefined;
  /** Batches of a step. */
  readonly batches?: number | undefined;
  /** Keeps the weights in the engine, whatever the device. */
  readonly kept?: boolean | undefined;
  /** What the loss is scaled by at the first step; of mixed precision. */
  readonly lossScale?: number | undefined;
}

/** Adam with all that an update may have besides. */
export const fullOptimizer: OptimizerOptions = {
  ...{ method: 'adamw', betas: [0.9, 0.99], epsilon: 1e-3, weightDecay: 0.1, decayNormsAndBiases: false },
  ...{ groups: { 'head.*': { rate: 3, weightDecay: 2 } }, clipNorm: 2, averaging: 0.5 },
};

/** Weights, running statistics and what the optimiser remembers come back at the end alone, where they stay on the device. */
export async function threeSteps({
  precision = 'float32',
  optimizer: rule = publishedSgd,
  batches = 1,
  kept = false,
  lossScale,
  ...options
}: StepsOptions = {}): Promise<StepsResult> {
  const step = buildTrainingStep({ ...usualLosses, precision });
  const optimizer = createOptimizer(rule, trainedWeights(step));
  const state = createTrainingState(step, optimizer, 1);
  if (state.lossScale && lossScale !== undefined) state.lossScale.factor = lossScale;
  const stepper = await (kept
    ? openDeviceStepper(step, optimizer, state, options)
    : openStepper(step, optimizer, state, oneRank, options));
  const [losses, milliseconds]: number[][] = [[], []];
  for (let k = 0; k < 3; k++) {
    const fed = Array.from({ length: batches }, (_, batch) => feeds(k === 0 ? batch : 0));
    const started = performance.now();
    const found = await stepper.compute(fed);
    await stepper.apply(found.gradients, 0.01);
    losses.push(found.losses.loss);
    milliseconds.push(performance.now() - started);
  }
  await stepper.settle();
  await stepper.release();
  const weights = Object.fromEntries([...state.parameters].map(([name, { data }]) => [name, [...data]]));
  for (const [slot, values] of state.slots) {
    for (const [name, data] of values) weights[`${slot} of ${name}`] = [...data];
  }
  return { losses, weights, milliseconds, skipped: state.lossScale?.skipped ?? 0 };
}

/** How far one result is from another: the largest relative difference of a loss, and of a weight as a vector. */
export function differenceOf(found: StepsResult, expected: StepsResult): { losses: number; weights: number } {
  const losses = found.losses.map((loss, k) => Math.abs(loss / expected.losses[k] - 1));
  const weights = Object.entries(expected.weights).map(([name, values]) => {
    const difference = Math.hypot(...values.map((value, i) => value - found.weights[name][i]));
    return difference / Math.max(Math.hypot(...values), 1e-3);
  });
  return { losses: Math.max(...losses), weights: Math.max(...weights) };
}
