// Three training steps of a small network, as any device can be asked to compute them: here, in Node, in a browser.
import { batchNorm } from '#src/nets/batchNorm.js';
import { convolution } from '#src/nets/convolution.js';
import { add, averagePool, maxPool, relu } from '#src/onnx/ops.js';
import { bilinear } from '#src/onnx/resample.js';
import { writeModel } from '#src/onnx/write.js';
import type { Session } from '#src/runtime/openSession.js';
import { defaultPreprocessing } from '#src/segment/preprocessing.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { applyGradients, computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
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

function feeds(): Record<string, Tensor> {
  const picture = (name: string) => labelsByName(name, [samples, 3, size, size], 256);
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
  /** Weights and running statistics after the last one, by name. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
  /** Milliseconds of each step. */
  readonly milliseconds: readonly number[];
}

/** @param open compiles the step's model on the device in question. */
export async function threeSteps(
  open: (model: Uint8Array) => Promise<Session>,
  precision: Precision = 'float32',
): Promise<StepsResult> {
  const step = buildTrainingStep({ ...usualLosses, precision });
  const session = await open(writeModel(step.model));
  const optimizer = createOptimizer(publishedSgd, trainedWeights(step));
  const state = createTrainingState(step, optimizer, 1);
  const fed = feeds();
  const [losses, milliseconds]: number[][] = [[], []];
  for (let k = 0; k < 3; k++) {
    const started = performance.now();
    const found = await computeGradients(step, session, state, [fed]);
    applyGradients(state, found.gradients, optimizer, 0.01);
    losses.push(found.losses.loss);
    milliseconds.push(performance.now() - started);
  }
  await session.release();
  const weights = Object.fromEntries([...state.parameters].map(([name, { data }]) => [name, [...data]]));
  return { losses, weights, milliseconds };
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
