// A training step to be timed: two frames through the student, cross entropy, auxiliary head (where there is one) and motion loss at full
// resolution, given flow, update.
import { oneRank } from '#src/collective/collective.js';
import { isProcessor } from '#src/runtime/openSession.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { elementCount } from '#src/tensor/tensor.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { openDeviceStepper } from '#src/train/deviceStepper.js';
import { openStepper } from '#src/train/openStepper.js';
import { createOptimizer, type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep, type Precision } from '#src/train/step.js';

export interface TimedStepOptions {
  readonly device?: string;
  readonly threads?: number;
  readonly precision?: Precision;
  readonly widthMultiplier?: number;
  readonly method?: keyof typeof optimizers;
  /** Keeps the weights in the engine, whatever the device. */
  readonly kept?: boolean;
}

const optimizers = {
  sgd: publishedSgd,
  adamw: {
    ...{ method: 'adamw', betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01, decayNormsAndBiases: true },
    ...{ groups: {}, averaging: 0.98 },
  },
} as const satisfies Record<string, OptimizerOptions>;

/** Everything of a step but its time: `run` takes one. */
export interface TimedStep {
  /** How many weights it trains. */
  readonly weights: number;
  run(): Promise<void>;
  release(): Promise<void>;
}

/** Of a network of 19 classes. */
export async function prepareStep(
  architecture: string,
  [batch, height, width]: readonly number[],
  { device, threads, precision, widthMultiplier, method = 'sgd', kept = false }: TimedStepOptions,
): Promise<TimedStep> {
  const step = buildTrainingStep({
    ...{ batch, height, width, precision, dropout: false, portable: !isProcessor(device) },
    student: await architectureStudent({ architecture, widthMultiplier, classes: { count: 19 }, seed: 1 }),
    segmentation: { classWeights: Array(19).fill(1) },
    losses: { motion: 0.1 },
  });
  const weights = trainedWeights(step);
  const optimizer = createOptimizer(optimizers[method], weights);
  const state = createTrainingState(step, optimizer, 1);
  const stepper = await (kept
    ? openDeviceStepper(step, optimizer, state, { device, threads })
    : openStepper(step, optimizer, state, oneRank, { device, threads }));
  const feeds = {
    image: labelsByName('image', [batch, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [batch, 3, height, width], 256),
    flow: symmetricByName('flow', [batch, 2, height, width], 4),
    labels: labelsByName('labels', [batch, height, width], 19),
  };
  return {
    weights: [...weights.values()].reduce((sum, shape) => sum + elementCount(shape), 0),
    async run() {
      const { gradients } = await stepper.compute([feeds]);
      await stepper.apply(gradients, 0.01);
    },
    release: () => stepper.release(),
  };
}
