// What a training run carries from step to step, and how one step changes it.
import { SteadysegError } from '../base/errors.js';
import { initializeParameters } from '../nets/initialize.js';
import { elementCount, type Shape, type Tensor, tensor } from '../tensor/tensor.js';
import { clipGradients } from './gradientClipping.js';
import { adjustLossScale, initialLossScale, type LossScale } from './lossScale.js';
import type { StepRunner } from './openStep.js';
import type { Optimizer } from './optimizer.js';
import { forEachStatistic, updateStatistic } from './runningStatistics.js';
import { lossScaleInput, type TrainingStep } from './step.js';
import { keptShare, updateAverage } from './weightAverage.js';

export interface TrainingState {
  /** Weights and running statistics by state-dict name; updated in place. */
  readonly parameters: Map<string, Tensor<'float32'>>;
  /**
   * What the optimiser remembers, by slot (such as `velocity`; `averaged` for the mean of the weights), then by state-dict name;
   * updated in place.
   */
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
  /** Steps done. */
  step: number;
  /** Of a step of mixed precision. */
  readonly lossScale?: LossScale | undefined;
}

/** The slot of the exponential mean of weights and running statistics. */
export const averagedSlot = 'averaged';

/** Fresh weights from a seed, with those given in their place. @throws SteadysegError when a given tensor does not fit. */
export function createTrainingState(
  step: TrainingStep,
  optimizer: Optimizer,
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
  const empty = (names: readonly string[]) =>
    new Map(names.map((name) => [name, new Float32Array(parameters.get(name)?.data.length ?? 0)]));
  const slots = new Map([...rememberedNames(step, optimizer)].map(([slot, names]) => [slot, empty(names)]));
  return { parameters, slots, step: 0, ...(step.precision === 'mixed' && { lossScale: { ...initialLossScale } }) };
}

/** What each slot remembers something of. */
export function rememberedNames(
  { gradientOutputs, statistics }: Pick<TrainingStep, 'gradientOutputs' | 'statistics'>,
  { rule, averaging }: Optimizer,
): Map<string, readonly string[]> {
  const trained = [...gradientOutputs.keys()];
  const names = new Map<string, readonly string[]>(rule.slots.map((slot) => [slot, trained]));
  if (averaging === undefined) return names;
  // A layer that normalises two frames stands there twice.
  const running = statistics.flatMap(({ runningMean, runningVariance }) => [runningMean, runningVariance]);
  return names.set(averagedSlot, [...trained, ...new Set(running)]);
}

/** How often the weights were changed: once a step, but for those that were skipped. */
export function updatesDone({
  step,
  lossScale,
}: {
  step: number;
  lossScale?: Readonly<LossScale> | undefined;
}): number {
  return step - (lossScale?.skipped ?? 0);
}

/** The weights a step trains: name and shape. */
export function trainedWeights({ graph, gradientOutputs }: TrainingStep): Map<string, Shape> {
  return new Map(
    [...graph.parameters].flatMap(([name, { value }]) => (gradientOutputs.has(name) ? [[name, value.shape]] : [])),
  );
}

/** What a run results in so far: the mean of the weights where one is kept (and they were changed), else the weights themselves. */
export function resultingParameters(state: TrainingState): Map<string, Tensor<'float32'>> {
  const { parameters, slots } = state;
  const averaged = updatesDone(state) > 0 ? slots.get(averagedSlot) : undefined;
  return new Map(
    [...parameters].map(([name, { shape, data }]) => [name, tensor('float32', shape, averaged?.get(name) ?? data)]),
  );
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
  runner: Pick<StepRunner, 'run'>,
  state: TrainingState,
  batches: readonly Readonly<Record<string, Tensor>>[],
): Promise<StepGradients> {
  const losses: Record<string, number> = {};
  const gradients = new Map<string, Float32Array>();
  const { lossScale } = state;
  const scale = lossScale && { [lossScaleInput]: tensor('float32', [], Float32Array.of(lossScale.factor)) };
  for (const batch of batches) {
    const found = await runner.run({ ...Object.fromEntries(state.parameters), ...scale, ...batch });
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

/** Folds the statistics of a batch into the running ones. */
function updateStatistics(step: TrainingStep, state: TrainingState, outputs: Readonly<Record<string, Tensor>>): void {
  forEachStatistic(step.statistics, (running, batch, factor) => {
    updateStatistic(found(state.parameters, running).data, outputs[batch].data as Float32Array, factor);
  });
}

/**
 * One update: gradients (clipped in place) change the weights, and the mean follows. In mixed precision, gradients that are not
 * finite change the loss scale instead.
 * @param rate learning rate; that of a weight is this times the factor of its group.
 */
export function applyGradients(
  state: TrainingState,
  gradients: ReadonlyMap<string, Float32Array>,
  { rule, groups, clipNorm, averaging }: Optimizer,
  rate: number,
): void {
  const { parameters, slots } = state;
  const step = updatesDone(state);
  const applies = state.lossScale === undefined || adjustLossScale(state.lossScale, gradients);
  state.step++;
  if (!applies) return;
  if (clipNorm !== undefined) clipGradients(gradients, clipNorm);
  const factors = rule.factors(step);
  for (const [name, gradient] of gradients) {
    const group = found(groups, name);
    const memory = rule.slots.map((slot) => found(found(slots, slot), name));
    const update = { rate: rate * group.rateFactor, weightDecay: group.weightDecay, factors };
    rule.update(found(parameters, name).data, gradient, memory, update);
  }
  if (averaging !== undefined) {
    const kept = keptShare(averaging, step);
    for (const [name, mean] of found(slots, averagedSlot)) updateAverage(mean, found(parameters, name).data, kept);
  }
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new SteadysegError(`the training state lacks ${name}`);
  return value;
}
