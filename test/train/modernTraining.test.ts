// Gradients and six training steps of PIDNet-S, DDRNet-23-slim and SegFormer-B0 against PyTorch, within the noise of float32.
import { expect, it } from 'vitest';
import { cityscapesClassWeights } from '#src/losses/crossEntropy.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { fnv1a, labelsByName, symmetricByName, uniformAt } from '#src/tensor/random.js';
import { elementCount, type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { createOptimizer, type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { learningRate, type ScheduleOptions } from '#src/train/schedule.js';
import { applyGradients, computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep, type StepOptions, type TrainingStep } from '#src/train/step.js';
import { readGolden, readSharedJson, weightsByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

type Gradients = ReadonlyMap<string, Float32Array>;
type Numbers = ArrayLike<number>;

function norm(values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}
const relative = (found: number, expected: number) => Math.abs(found - expected) / Math.abs(expected);
const minus = (a: Numbers, b: Numbers) => Float64Array.from(a, (value, i) => value - b[i]);

/** 1 with the probability `share`, from a name. */
function bitsByName(name: string, shape: Shape, share: number): Tensor<'uint8'> {
  const seed = fnv1a(name);
  return tensor(
    'uint8',
    shape,
    Uint8Array.from({ length: elementCount(shape) }, (_, k) => Number(uniformAt(seed, k) < share)),
  );
}

/** A step on inputs that are normalised already, scores enlarged with aligned corners as in all goldens. */
async function stepOf(architecture: string, shape: Shape, options: Partial<StepOptions>): Promise<TrainingStep> {
  const student = await architectureStudent({ architecture, classes: { count: 19 }, seed: 0 });
  const [batch, , height, width] = shape;
  return buildTrainingStep({
    student: {
      ...student,
      preprocessing: { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' },
      enlargement: 'align_corners',
    },
    ...{ pixels: 'float32', batch, height, width, dropout: false },
    ...options,
  });
}

/** Inputs named in a golden, such as `NAME scale 2 shape 3,3,56,72`. */
function feedsOf(prefix: string, shape: Shape, withBoundaries: boolean, image = 'x'): Record<string, Tensor> {
  const [batch, , height, width] = shape;
  return {
    image: symmetricByName(`${prefix}.${image}`, shape, 2),
    labels: labelsByName(`${prefix}.target`, [batch, height, width], 19),
    ...(withBoundaries && { boundaries: bitsByName(`${prefix}.edge`, [batch, height, width], 0.2) }),
  };
}

const classWeights = cityscapesClassWeights;
const mining = { threshold: 0.9, minKept: 131072, heads: 'main', divisor: 'pixels' } as const;

const gradientCases: readonly (readonly [
  architecture: string,
  golden: string,
  options: Partial<StepOptions>,
  outputs: readonly (readonly [string, number])[],
])[] = [
  ['ddrnet23-slim', 'ddrnet23_slim_train_grads', { segmentation: { classWeights, auxiliaryWeight: 1 } }, []],
  ['segformer-b0', 'segformer_b0_train_grads', { segmentation: { classWeights } }, []],
  ['pidnet-s', 'pidnet_s_train_grads', { segmentation: { classWeights, auxiliaryWeight: 1 } }, []],
  [
    'pidnet-s',
    'pidnet_s_official_grads',
    { segmentation: { classWeights, auxiliaryWeight: 0.4, mining }, losses: { boundary: 20, boundaryAware: 1 } },
    [
      ['boundary', 20],
      ['boundaryAware', 1],
    ],
  ],
];

describeWithShared('one step', ['goldens/nets/pidnet_s_train_grads.safetensors'], () => {
  it.each(gradientCases)(
    '%s has the gradients of %s',
    async (architecture, golden, options, outputs) => {
      const { tensors, metadata } = readGolden(sharedPath('goldens', 'nets', `${golden}.safetensors`));
      const [inputName, , , , sizes] = metadata.input.split(' ');
      const shape = sizes.split(',').map(Number);
      const step = await stepOf(architecture, shape, options);
      const session = await createSession(writeModel(step.model), { optimization: 'disabled', threads: 2 });
      const optimizer = createOptimizer(publishedSgd, trainedWeights(step));
      const state = createTrainingState(step, optimizer, 0, weightsByName(step.graph, metadata.prefix));
      const feeds = feedsOf(inputName.replace(/\.x$/, ''), shape, outputs.length > 0);
      const { losses, gradients } = await computeGradients(step, session, state, [feeds]);
      await session.release();

      const parts = Object.keys(tensors).filter((name) => name.startsWith('out.'));
      const total = parts.reduce((sum, name) => sum + tensors[name].data[0], 0);
      const bound = Math.max(1e-6, 5 * Number(metadata.loss_noise));
      expect(relative(losses.loss, total)).toBeLessThan(bound);
      outputs.forEach(([name, factor], i) => {
        const expected = tensors[`out.${parts.length - outputs.length + i}`].data[0];
        expect(relative(losses[name] * factor, expected), name).toBeLessThan(bound);
      });
      checkGradients(gradients, tensors, metadata);
      for (const [name, { data }] of Object.entries(tensors)) {
        if (!name.startsWith('stat.')) continue;
        const statistic = state.parameters.get(name.slice('stat.'.length));
        expect(relative(norm(statistic?.data ?? []), data[0]), name).toBeLessThan(1e-5);
      }
    },
    300_000,
  );
});

function checkGradients(
  gradients: Gradients,
  tensors: Record<string, Tensor<'float32'>>,
  metadata: Record<string, string>,
): void {
  const zero = new Set(metadata.null.split(' '));
  const absent = new Set(metadata.absent?.split(' '));
  let compared = 0;
  for (const [name, gradient] of gradients) {
    if (zero.has(name)) {
      // What rounding leaves: 1e-6, or in PIDNet's stem, whose weights have gradients of 29 and 73, its share of those.
      const beside = norm(gradients.get(name.replace(/bias$/, 'weight')) ?? []);
      expect(norm(gradient), name).toBeLessThan(Math.max(1e-6, 1e-7 * beside));
    } else if (absent.has(name)) {
      expect(norm(gradient), name).toBe(0);
    } else {
      const bound = Math.max(1e-4, 5 * tensors[`noise.${name}`].data[0]);
      expect(relative(norm(gradient), tensors[`norm.${name}`].data[0]), name).toBeLessThan(bound);
      const whole = tensors[`grad.${name}`];
      if (whole) expect(norm(minus(gradient, whole.data)) / norm(whole.data), name).toBeLessThan(bound);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(100);
}

interface Trajectory {
  readonly shape: number[];
  readonly prefix: string;
  readonly max_iter: number;
  readonly steps: Record<string, number>[];
  readonly null: string[];
  readonly first_step_grad_norms: Record<string, number>;
  readonly running_norms_after_step_0: Record<string, number>;
  readonly update_norms_after_2_steps: Record<string, number>;
  readonly final_norms: Record<string, number>;
  readonly update_norms: Record<string, number>;
  readonly update_dot_initial: Record<string, number>;
  readonly final_running_norms: Record<string, number>;
  readonly noise: Record<string, Record<string, number>>;
}

type Norms = 'first_step_grad_norms' | 'update_norms_after_2_steps' | 'update_norms' | 'final_norms';

const sgd = { ...publishedSgd, weightDecay: 5e-4 };
const adamW: OptimizerOptions = {
  ...{ method: 'adamw', betas: [0.9, 0.999], epsilon: 1e-8 },
  ...{ weightDecay: 0.01, decayNormsAndBiases: false, groups: {} },
};
const fifth: ScheduleOptions = { rate: 0.002, schedule: 'polynomial', power: 0.9, warmup: 0 };
const warm: ScheduleOptions = { rate: 6e-5, schedule: 'polynomial', power: 1, warmup: 3, warmupFrom: 1e-6 };

const runs: readonly (readonly [
  architecture: string,
  golden: string,
  options: Partial<StepOptions>,
  optimizer: OptimizerOptions,
  schedule: ScheduleOptions,
  headFactor: number,
])[] = [
  ['pidnet-s', 'pidnet_s', { segmentation: { classWeights, mining }, losses: { boundary: 20 } }, sgd, fifth, 1],
  ['ddrnet23-slim', 'ddrnet23_slim', { segmentation: { classWeights } }, sgd, fifth, 1],
  ['segformer-b0', 'segformer_b0', { segmentation: { classWeights } }, adamW, warm, 10],
];

describeWithShared('six steps', ['goldens/nets/pidnet_s_trajectory.json'], () => {
  it.each(runs)(
    '%s follows the reference',
    async (architecture, golden, options, chosen, schedule, headFactor) => {
      const trajectory = readSharedJson<Trajectory>('goldens', 'nets', `${golden}_trajectory.json`);
      const { shape, prefix, noise } = trajectory;
      const step = await stepOf(architecture, shape, options);
      const session = await createSession(writeModel(step.model), { optimization: 'disabled', threads: 2 });
      const heads = { includes: (name: string) => name.startsWith('decode_head.'), factor: headFactor };
      const optimizer = createOptimizer(chosen, trainedWeights(step), heads);
      const initial = weightsByName(step.graph, prefix);
      const state = createTrainingState(step, optimizer, 0, initial);
      const weightOf = (name: string) => state.parameters.get(name)?.data as Float32Array;
      const moved = (name: string) => minus(weightOf(name), initial.get(name)?.data ?? []);
      const zero = new Set(trajectory.null);
      const boundOf = (what: string, name: string) => Math.max(1e-4, 5 * (noise[what]?.[name] ?? 0));
      const compare = (what: Norms, of: (name: string) => Numbers) => {
        for (const [name, expected] of Object.entries(trajectory[what])) {
          if (zero.has(name) && what !== 'final_norms') continue;
          expect(relative(norm(of(name)), expected), `${what} of ${name}`).toBeLessThan(boundOf(what, name));
        }
      };
      for (const [k, expected] of trajectory.steps.entries()) {
        const feeds = feedsOf(`${prefix}traj.${k % 3}`, shape, options.losses !== undefined, 'image');
        const { losses, gradients } = await computeGradients(step, session, state, [feeds]);
        const bound = Math.max(1e-6, 5 * expected.noise);
        expect(relative(losses.loss, expected.loss), `loss of step ${k}`).toBeLessThan(bound);
        if (k === 0) {
          compare('first_step_grad_norms', (name) => gradients.get(name) ?? []);
          for (const [name, running] of Object.entries(trajectory.running_norms_after_step_0)) {
            expect(relative(norm(weightOf(name)), running), name).toBeLessThan(1e-5);
          }
        }
        const rate = learningRate(schedule, k, trajectory.max_iter);
        expect(relative(rate, expected.lr), `rate of step ${k}`).toBeLessThan(1e-7);
        applyGradients(state, gradients, optimizer, rate);
        if (k === 1) compare('update_norms_after_2_steps', moved);
      }
      await session.release();
      compare('update_norms', moved);
      compare('final_norms', weightOf);
      for (const [name, expected] of Object.entries(trajectory.update_dot_initial)) {
        if (zero.has(name)) continue;
        const [update, first] = [moved(name), initial.get(name)?.data ?? new Float32Array(0)];
        const dot = update.reduce((sum, value, i) => sum + value * first[i], 0);
        const error = Math.abs(dot - expected) / (norm(update) * norm(first));
        expect(error, `direction of ${name}`).toBeLessThan(boundOf('update_dot_initial', name));
      }
      for (const [name, expected] of Object.entries(trajectory.final_running_norms)) {
        // No noise is given for statistics: that of the update of the scale beside them.
        const bound = boundOf('update_norms', name.replace(/running_\w+$/, 'weight'));
        expect(relative(norm(weightOf(name)), expected), name).toBeLessThan(bound);
      }
    },
    600_000,
  );
});
