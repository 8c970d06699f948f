// One step of an adaptation on random frames.
import { method, pairStep } from '#src/adapt/training.js';
import type { Size } from '#src/media/image.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { createOptimizer } from '#src/train/optimizer.js';
import {
  applyGradients,
  computeGradients,
  createTrainingState,
  type StepGradients,
  trainedWeights,
} from '#src/train/state.js';
import type { Student } from '#src/train/student.js';

/** @param weights what it begins with; default: the student's. */
export async function openAdaptationStep(
  student: Student,
  { height, width }: Size,
  threads: number,
  weights: ReadonlyMap<string, Tensor> = student.weights,
): Promise<{ compute(): Promise<StepGradients>; step(): Promise<void>; close(): Promise<void> }> {
  const classes = student.classes.count;
  const ones = Array<number>(classes).fill(1);
  const step = pairStep(student, { height, width, targetSums: ones, targetFactors: ones });
  const session = await createSession(writeModel(step.model), {
    optimization: 'disabled',
    memoryPattern: false,
    threads,
  });
  const optimizer = createOptimizer(
    {
      ...{ method: 'adam', betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 },
      ...{ decayNormsAndBiases: true, groups: {}, averaging: method.averaging },
    },
    trainedWeights(step),
  );
  const state = createTrainingState(step, optimizer, 1, weights);
  const feeds = {
    image: labelsByName('image', [1, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [1, 3, height, width], 256),
    'targets.frame': labelsByName('targets', [1, height, width, classes], 256),
    'targets.neighbour': labelsByName('next targets', [1, height, width, classes], 256),
    'pixelWeights.frame': labelsByName('pixel weights', [1, height, width], 129),
    'pixelWeights.neighbour': labelsByName('next pixel weights', [1, height, width], 129),
    flow: symmetricByName('flow', [1, 2, height, width], 4),
    flowValid: tensor(
      'float32',
      [1, 1, height, width],
      new Float32Array(height * width).map((_, i) => (i % 10 ? 1 : 0)),
    ),
  };
  const compute = () => computeGradients(step, session, state, [feeds]);
  return {
    compute,
    async step() {
      const { gradients } = await compute();
      applyGradients(state, gradients, optimizer, method.rate);
    },
    close: () => session.release(),
  };
}
