// What a training run carries from step to step, and how one step changes it.
import { SteadysegError } from '../base/errors.js';
import { initializeParameters } from '../nets/initialize.js';
import type { Session } from '../runtime/session.js';
import { elementCount, type Tensor } from '../tensor/tensor.js';
import { type SgdOptions, sgdUpdate } from './optimizer.js';
import type { TrainingStep } from './step.js';

/** Share of the batch's statistics in the running ones. */
const statisticsMomentum = 0.1;

export interface TrainingState {
  /** Weights and running statistics by state-dict name; updated in place. */
  readonly parameters: Map<string, Tensor<'float32'>>;
  /** Momentum of every trained weight. */
  readonly velocities: Map<string, Float32Array>;
  /** Steps done. */
  step: number;
}

/** Fresh weights from a seed, with those given in their place. @throws SteadysegError when a given tensor does not fit. */
export function createTrainingState(
  step: TrainingStep,
  seed: number,
  given: ReadonlyMap<string, Tensor> = new Map(),
): TrainingState {
  const parameters = initializeParameters(step.graph, seed);
  for (const [name, fresh] of parameters) {
    const content = given.get(name);
    if (!content) continue;
    if (content.dtype !== 'float32' || content.data.length !== fresh.data.length) {
      throw new SteadysegError(
        `${name}: expected ${fresh.data.length} float32 values, found ${elementCount(content.shape)} of ${content.dtype}`,
      );
    }
    fresh.data.set(content.data as Float32Array);
  }
  const velocities = new Map<string, Float32Array>();
  for (const name of step.gradientOutputs.keys())
    velocities.set(name, new Float32Array(parameters.get(name)?.data.length ?? 0));
  return { parameters, velocities, step: 0 };
}

/** Loss terms of one step, and the gradients of every weight (averaged over accumulated batches). */
export interface StepGradients {
  readonly losses: Readonly<Record<string, number>>;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Runs the step's graph on each batch in turn, folds the batch statistics into the running ones, and averages gradients and
 * losses over the batches. `parameters` of the state other than statistics are left alone.
 */
export async function computeGradients(
  step: TrainingStep,
  session: Session,
  state: TrainingState,
  batches: readonly Readonly<Record<string, Tensor>>[],
): Promise<StepGradients> {
  const losses: Record<string, number> = {};
  const gradients = new Map<string, Float32Array>();
  for (const batch of batches) {
    const found = await session.run({ ...Object.fromEntries(state.parameters), ...batch });
    for (const name of step.lossOutputs) {
      losses[name] = (losses[name] ?? 0) + Number(found[name].data[0]) / batches.length;
    }
    updateStatistics(step, state, found);
    for (const [name, output] of step.gradientOutputs) {
      const gradient = found[output].data as Float32Array;
      const sum = gradients.get(name);
      if (batches.length > 1) for (let i = 0; i < gradient.length; i++) gradient[i] /= batches.length;
      if (!sum) gradients.set(name, gradient);
      else for (let i = 0; i < gradient.length; i++) sum[i] += gradient[i];
    }
  }
  return { losses, gradients };
}

/** `running ← 0.9 · running + 0.1 · batch`, with the unbiased variance, as PyTorch keeps it. */
function updateStatistics(step: TrainingStep, state: TrainingState, found: Readonly<Record<string, Tensor>>): void {
  const fold = (name: string, batch: Tensor, factor: number) => {
    const running = state.parameters.get(name)?.data;
    const values = batch.data as Float32Array;
    if (!running) throw new SteadysegError(`the running statistic ${name} is missing`);
    for (let i = 0; i < running.length; i++) {
      running[i] = (1 - statisticsMomentum) * running[i] + statisticsMomentum * factor * values[i];
    }
  };
  for (const { runningMean, runningVariance, batchMean, batchVariance, count } of step.statistics) {
    fold(runningMean, found[batchMean], 1);
    fold(runningVariance, found[batchVariance], count / (count - 1));
  }
}

/** Moves every weight along its gradient; `rateOf` gives the learning rate by state-dict name. */
export function applyGradients(
  state: TrainingState,
  gradients: ReadonlyMap<string, Float32Array>,
  rateOf: (name: string) => number,
  options: SgdOptions,
): void {
  for (const [name, gradient] of gradients) {
    const weight = state.parameters.get(name)?.data;
    const velocity = state.velocities.get(name);
    if (!weight || !velocity) throw new SteadysegError(`the weight ${name} is missing from the training state`);
    sgdUpdate(weight, velocity, gradient, rateOf(name), options);
  }
  state.step++;
}
