// What one step does to the state: means over accumulated batches, running statistics; and ways of batch normalisation that must agree.
import { describe, expect, it } from 'vitest';
import { createGraph } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession, type Session } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { computeGradients, createTrainingState, type TrainingState } from '#src/train/state.js';
import { buildTrainingStep, type StepOptions, type TrainingStep } from '#src/train/step.js';

describe('of the outputs of a step', () => {
  const statistic = { runningMean: 'n.mean', runningVariance: 'n.var', batchMean: 'm', batchVariance: 'v', count: 5 };
  const step: TrainingStep = {
    ...{ model: { graph: {} }, graph: createGraph('none'), frames: ['frame'], withNeighbours: 1, teacherInputs: [] },
    ...{ gradientOutputs: new Map([['w', 'gradient.w']]), lossOutputs: ['loss'], dropoutMasks: new Map() },
    statistics: [statistic],
  } as unknown as TrainingStep;
  /** Gives for the k-th batch what the k-th set of outputs says. */
  const session = {
    run: async ({ batch }: Record<string, Tensor>) => {
      const k = Number(batch.data[0]);
      const outputs = { loss: [3 + k], 'gradient.w': [1 + 4 * k, -2], m: [10 * (k + 1)], v: [4] };
      return Object.fromEntries(Object.entries(outputs).map(([name, of]) => [name, float32([of.length], of)]));
    },
  } as unknown as Session;
  const state = (): TrainingState => ({
    parameters: new Map([
      ['w', float32([2], [0, 0])],
      ['n.mean', float32([1], [1])],
      ['n.var', float32([1], [2])],
    ]),
    slots: new Map(),
    step: 0,
  });
  const batches = (count: number) => Array.from({ length: count }, (_, k) => ({ batch: float32([1], [k]) }));

  it('losses and gradients are averaged over the batches', async () => {
    for (const [count, loss, gradient] of [
      [1, 3, 1],
      [2, 3.5, 3],
      [4, 4.5, 7],
    ] as const) {
      const { losses, gradients } = await computeGradients(step, session, state(), batches(count));
      expect(losses.loss).toBe(loss);
      expect([...(gradients.get('w') ?? [])]).toEqual([gradient, -2]);
    }
  });

  it('a tenth of the mean and of the unbiased variance goes into the running ones, batch by batch', async () => {
    const after = state();
    await computeGradients(step, session, after, batches(2));
    const [mean, variance] = ['n.mean', 'n.var'].map((name) => after.parameters.get(name)?.data[0]);
    expect(mean).toBeCloseTo(0.9 * (0.9 * 1 + 0.1 * 10) + 0.1 * 20, 5);
    expect(variance).toBeCloseTo(0.9 * (0.9 * 2 + 0.1 * 5) + 0.1 * 5, 5);
    expect([...(after.parameters.get('w')?.data ?? [])]).toEqual([0, 0]);
  });
});

describe('batch normalisation of a step', () => {
  const [batch, height, width] = [3, 48, 64];
  const options: Omit<StepOptions, 'student'> = {
    ...{ pixels: 'float32', batch, height, width },
    ...{ dropout: false, segmentation: {}, losses: { motion: 0.1 } },
  };
  const feeds = {
    image: symmetricByName('image', [batch, 3, height, width], 255),
    neighbour: symmetricByName('neighbour', [batch, 3, height, width], 255),
    flow: symmetricByName('flow', [batch, 2, height, width], 4),
    labels: labelsByName('labels', [batch, height, width], 4),
  };
  async function stepped(changes: Partial<StepOptions>) {
    const student = await architectureStudent({
      ...{ architecture: 'pspnet18', widthMultiplier: 1 / 16, classes: { count: 4 }, seed: 5 },
    });
    const step = buildTrainingStep({ student, ...options, ...changes });
    const session = await createSession(writeModel(step.model), { optimization: 'disabled', threads: 1 });
    const state = createTrainingState(step, createOptimizer(publishedSgd, new Map()), 5);
    const found = await computeGradients(step, session, state, [feeds]);
    await session.release();
    return { ...found, step, state };
  }
  const norm = (values: Float32Array) => Math.hypot(...values);

  it('is the same in operators of CPUs and in portable ones', async () => {
    const [fused, plain] = [await stepped({}), await stepped({ portable: true })];
    expect(plain.step.graph.nodes.some(({ attributes }) => 'training_mode' in attributes)).toBe(false);
    expect(plain.losses.loss / fused.losses.loss).toBeCloseTo(1, 5);
    expect([...plain.gradients.keys()]).toEqual([...fused.gradients.keys()]);
    for (const [name, gradient] of fused.gradients) {
      const difference = gradient.map((value, i) => value - (plain.gradients.get(name)?.[i] ?? Number.NaN));
      expect(norm(difference), name).toBeLessThan(2e-2 * norm(gradient) + 1e-5);
    }
    for (const [name, { data }] of fused.state.parameters) {
      const other = plain.state.parameters.get(name)?.data ?? [];
      data.forEach((value, i) => {
        expect(Math.abs(value - other[i]), name).toBeLessThan(1e-4 * (1 + Math.abs(value)));
      });
    }
  });

  it('rests on fixed statistics when asked to, and leaves them as they are', async () => {
    const { step, state, gradients } = await stepped({ statistics: 'fixed' });
    expect(step.statistics).toEqual([]);
    expect(state.parameters.get('cls.1.running_mean')?.data.every((value) => value === 0)).toBe(true);
    expect(state.parameters.get('cls.1.running_var')?.data.every((value) => value === 1)).toBe(true);
    for (const part of ['weight', 'bias'])
      expect(norm(gradients.get(`cls.1.${part}`) ?? new Float32Array())).toBeGreaterThan(1e-6);
  });
});
