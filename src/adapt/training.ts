// The steps of an adaptation: pairs of the clip against the consensus and each other; frames that must not be forgotten against the original.
import { createSession } from '#session';
import { InterruptedError, SteadysegError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import { writeModel } from '../onnx/write.js';
import { isProcessor, type SessionOptions } from '../runtime/openSession.js';
import { createRandom, deriveSeed } from '../tensor/random.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { createOptimizer } from '../train/optimizer.js';
import { learningRate } from '../train/schedule.js';
import {
  applyGradients,
  computeGradients,
  createTrainingState,
  resultingParameters,
  type StepGradients,
  type TrainingState,
  trainedWeights,
} from '../train/state.js';
import { buildTrainingStep, type StepOptions, type TrainingStep } from '../train/step.js';
import type { Student } from '../train/student.js';
import type { PreparedClip } from './clipFiles.js';
import { targetWeights } from './consensus.js';
import { pairFeeds } from './pairFeeds.js';
import { openPredictor } from './predictor.js';
import { settle, settledAfter } from './settledWeights.js';

/** SPEC §9: what a first sketch found to work. */
export const method = {
  temperature: 0.5,
  motion: 10,
  rate: 2e-4,
  averaging: 0.98,
  /** Weight of agreement with the original on frames that must not be forgotten. */
  anchor: 3,
} as const;

export interface TrainingOnClip extends Pick<SessionOptions, 'device' | 'threads'> {
  /** The weights to begin with. */
  readonly from: ReadonlyMap<string, Tensor>;
  readonly steps: number;
  readonly seed: number;
  /** Where the state is kept, to go on from; nowhere by default. */
  readonly checkpoint?: ClipCheckpoint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Ends the steps early: what was trained until then is the result. */
  readonly finish?: AbortSignal | undefined;
  /** Frames of elsewhere, on which it is held to what the original says. */
  readonly kept?: KeptFrames | undefined;
  readonly onStep: (done: number) => void;
}

/** Frames that must not be forgotten. */
export interface KeptFrames {
  readonly count: number;
  /** RGB planes at the clip's size. */
  read(index: number): Promise<Uint8Array>;
}

/** Keeps the state of the training. */
export interface ClipCheckpoint {
  /** Takes the state over where there is one. */
  read(state: TrainingState): Promise<void>;
  write(state: TrainingState): Promise<void>;
}

const checkpointEvery = 25;

type Compute = (feeds: Readonly<Record<string, Tensor>>) => Promise<StepGradients>;

type StepSize = Size & Pick<PreparedClip, 'targetSums' | 'targetFactors'>;

const commonOptions = (student: Student, { height, width }: Size, device?: string): Omit<StepOptions, 'losses'> => ({
  ...{ student, statistics: 'fixed', batch: 1, height, width, dropout: false, portable: !isProcessor(device) },
});

/** Two neighbouring frames against the consensus, and each other. */
export function pairStep(student: Student, clip: StepSize, device?: string): TrainingStep {
  return buildTrainingStep({
    ...commonOptions(student, clip, device),
    ...{ frames: 2, flowValidity: true, losses: { consensus: 1, motion: method.motion }, pixelWeights: true },
    motion: { compare: 'probabilities', visibility: 'occlusion', mean: 'visible' },
    targetClasses: { weights: targetWeights(clip.targetSums), factors: clip.targetFactors },
  });
}

/** A frame that must not be forgotten against what the original says of it. */
export function anchorStep(student: Student, size: Size, device?: string): TrainingStep {
  return buildTrainingStep({ ...commonOptions(student, size, device), frames: 1, losses: { consensus: 1 } });
}

function openStep({ model }: TrainingStep, options: Pick<SessionOptions, 'device' | 'threads'>, source: string) {
  return createSession(writeModel(model), { ...options, optimization: 'disabled', memoryPattern: false, source });
}

/** The step alone, for measuring: it runs on black frames and changes nothing. */
export async function openEmptyStep(
  step: TrainingStep,
  options: Pick<SessionOptions, 'device' | 'threads'>,
): Promise<{ runEmpty(weights: ReadonlyMap<string, Tensor>): Promise<void>; close(): Promise<void> }> {
  const session = await openStep(step, options, 'the adaptation step');
  return {
    async runEmpty(weights) {
      const feeds: Record<string, Tensor> = Object.fromEntries(weights);
      for (const { name, type } of step.model.graph.inputs) {
        if (feeds[name] || !type?.shape) continue;
        feeds[name] = zeros(type.dtype, type.shape.map(Number));
      }
      await session.run(feeds);
    },
    close: () => session.release(),
  };
}

/** Takes the steps. @returns the weights after them (the exponential mean), and how many they are in all. */
export async function trainOnClip(
  clip: PreparedClip,
  student: Student,
  pairs: readonly number[],
  options: TrainingOnClip,
): Promise<{ readonly weights: ReadonlyMap<string, Tensor>; readonly steps: number }> {
  const { from, steps, seed, threads, device, signal, finish, checkpoint, kept, onStep } = options;
  const { height, width, classes } = clip;
  if (pairs.length === 0) return { weights: from, steps: 0 };
  const step = pairStep(student, clip, device);
  const optimizer = createOptimizer(
    {
      ...{ method: 'adam', betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 },
      ...{ decayNormsAndBiases: true, groups: {}, averaging: method.averaging },
    },
    trainedWeights(step),
  );
  const state = createTrainingState(step, optimizer, seed, from);
  await checkpoint?.read(state);
  const closers: (() => Promise<void>)[] = [];
  const compiled = async (of: TrainingStep, source: string): Promise<Compute> => {
    const session = await openStep(of, { device, threads }, source);
    closers.push(() => session.release());
    return (feeds) => computeGradients(of, session, state, [feeds]);
  };
  try {
    const onPair = await compiled(step, 'the adaptation step');
    const onKept = kept && (await compiled(anchorStep(student, clip, device), 'the anchor step'));
    const original =
      kept && (await openPredictor(student, student.weights, clip, { gives: 'probabilities', threads, device }));
    if (original) closers.push(() => original.close());
    while (state.step < steps && !finish?.aborted) {
      const { t, mirrored } = drawPair(pairs, seed, state.step);
      const { losses, gradients } = await onPair(await pairFeeds(clip, t, mirrored));
      if (!Number.isFinite(losses.loss)) {
        throw new SteadysegError(`step ${state.step + 1}: the loss became ${losses.loss}`);
      }
      if (kept && onKept && original) {
        const picture = await kept.read(createRandom(deriveSeed(seed, 'kept', state.step)).integer(kept.count));
        const targets = tensor('uint8', [1, height, width, classes], await original.run(picture));
        const anchor = await onKept({
          image: tensor('uint8', [1, 3, height, width], picture),
          'targets.frame': targets,
        });
        addScaled(gradients, anchor.gradients, method.anchor);
      }
      const rate = learningRate(
        { schedule: 'polynomial', power: 0.9, rate: method.rate, warmup: 0 },
        state.step,
        steps,
      );
      applyGradients(state, gradients, optimizer, rate);
      if (state.step === settledAfter) settle(state, student, clip);
      onStep(state.step);
      if (signal?.aborted || state.step % checkpointEvery === 0) await checkpoint?.write(state);
      if (signal?.aborted && state.step < steps) {
        throw new InterruptedError(`ended at step ${state.step} of ${steps}; go on with --resume`);
      }
    }
  } finally {
    for (const close of closers) await close();
  }
  return { weights: resultingParameters(state), steps: state.step };
}

/** The pair of a step, every second one mirrored. */
export function drawPair(pairs: readonly number[], seed: number, step: number): { t: number; mirrored: boolean } {
  const random = createRandom(deriveSeed(seed, 'pair', step));
  return { t: pairs[random.integer(pairs.length)], mirrored: random.uniform() < 0.5 };
}

/** `sums + factor · values`, in place. */
function addScaled(
  sums: ReadonlyMap<string, Float32Array>,
  values: ReadonlyMap<string, Float32Array>,
  factor: number,
): void {
  for (const [name, sum] of sums) {
    const value = values.get(name);
    if (value) for (let i = 0; i < sum.length; i++) sum[i] += factor * value[i];
  }
}
