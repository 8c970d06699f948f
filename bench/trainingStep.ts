// A training step to be timed: two frames through the student, cross entropy, auxiliary head (where there is one) and motion loss at full
// resolution, given flow, update.
import { writeModel } from '#src/onnx/write.js';
import { isProcessor } from '#src/runtime/openSession.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { applyGradients, computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep, type Precision } from '#src/train/step.js';

export interface TimedStepOptions {
  readonly device?: string;
  readonly threads?: number;
  readonly precision?: Precision;
}

/** Everything of a step but its time: `run` takes one. */
export interface TimedStep {
  run(): Promise<void>;
  release(): Promise<void>;
}

/** Of a network of 19 classes. */
export async function prepareStep(
  architecture: string,
  [batch, height, width]: readonly number[],
  { device, threads, precision }: TimedStepOptions,
): Promise<TimedStep> {
  const step = buildTrainingStep({
    ...{ batch, height, width, precision, dropout: false, portable: !isProcessor(device) },
    student: await architectureStudent({ architecture, classes: { count: 19 }, seed: 1 }),
    segmentation: { classWeights: Array(19).fill(1) },
    losses: { motion: 0.1 },
  });
  const session = await createSession(writeModel(step.model), {
    ...{ device, threads, optimization: 'disabled', memoryPattern: false },
  });
  const optimizer = createOptimizer(publishedSgd, trainedWeights(step));
  const state = createTrainingState(step, optimizer, 1);
  const feeds = {
    image: labelsByName('image', [batch, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [batch, 3, height, width], 256),
    flow: symmetricByName('flow', [batch, 2, height, width], 4),
    labels: labelsByName('labels', [batch, height, width], 19),
  };
  return {
    async run() {
      const { gradients } = await computeGradients(step, session, state, [feeds]);
      applyGradients(state, gradients, optimizer, 0.01);
    },
    release: () => session.release(),
  };
}
