// The update of a step as a graph: for devices that weights stay on. Its formulas stand beside those in numbers (`applyGradients`).
import { SteadysegError } from '../base/errors.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input, type Value } from '../onnx/graph.js';
import type { Model } from '../onnx/model.js';
import { abs, add, mul } from '../onnx/ops.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { clippedGradients, sumOf } from './gradientClipping.js';
import type { Optimizer } from './optimizer.js';
import { forEachStatistic, updatedStatistic } from './runningStatistics.js';
import { averagedSlot, rememberedNames } from './state.js';
import type { TrainingStep } from './step.js';
import { keptShare, updatedAverage } from './weightAverage.js';

/** A graph whose inputs are what a run holds, what its steps gave for each batch, and the scalars of the step. */
export interface UpdateGraph {
  readonly model: Model;
  /** The outputs that take the place of what is held, by the name of that: weights and slots, which a skipped step leaves alone. */
  readonly next: ReadonlyMap<string, string>;
  /** Those of running statistics, which no step skips. */
  readonly nextStatistics: ReadonlyMap<string, string>;
  /** Of mixed precision: the output that is not finite where a gradient is not. */
  readonly gradientSize: string | undefined;
}

/** The name of what a slot remembers of a weight or statistic. */
export function slotName(slot: string, of: string): string {
  return `${slot} ${of}`;
}

/** The name of an output of the training step on batch `k`. */
export function batchName(k: number, output: string): string {
  return `batch ${k} ${output}`;
}

const rateInput = 'step rate';
const keptInput = 'step kept';
const factorInput = (k: number) => `step factor ${k}`;

/** The scalars of a step. @param updates how many were done before. */
export function updateScalars({ rule, averaging }: Optimizer, updates: number, rate: number): Record<string, Tensor> {
  const scalars = {
    [rateInput]: rate,
    ...Object.fromEntries(rule.factors(updates).map((factor, k) => [factorInput(k), factor])),
    ...(averaging !== undefined && { [keptInput]: keptShare(averaging, updates) }),
  };
  return Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [name, tensor('float32', [], Float32Array.of(value))]),
  );
}

/** What the update has to know of a step. */
export type UpdatedStep = Pick<TrainingStep, 'graph' | 'gradientOutputs' | 'statistics' | 'precision'>;

/** @param batches that the gradients of a step are the mean of. */
export function buildUpdate(step: UpdatedStep, optimizer: Optimizer, batches: number): UpdateGraph {
  const { rule, groups, clipNorm } = optimizer;
  const graph = createGraph('update');
  const scalar = (name: string) => input(graph, name, 'float32', []);
  const shapeOf = (name: string) => lookedUp(step.graph.parameters, name).value.shape;
  const held = (name: string, of = name) => input(graph, name, 'float32', shapeOf(of));
  const given = (output: string, of: string) =>
    Array.from({ length: batches }, (_, k) => input(graph, batchName(k, output), 'float32', shapeOf(of)));

  const trained = [...step.gradientOutputs.keys()];
  const means = trained.map((name) => meanOf(given(lookedUp(step.gradientOutputs, name), name)));
  const outputs: Record<string, Value> = {};
  const gradientSize = step.precision === 'mixed' ? means.map((one) => sumOf(abs(one))).reduce(add) : undefined;
  if (gradientSize) outputs[gradientSize.name] = gradientSize;
  const gradients = clipNorm === undefined ? means : clippedGradients(means, clipNorm);

  const rate = scalar(rateInput);
  const rates = new Map<number, Value>();
  const rateOf = (factor: number) => {
    const own = rates.get(factor) ?? (factor === 1 ? rate : mul(rate, factor));
    rates.set(factor, own);
    return own;
  };
  const factors = rule.factors(0).map((_, k) => scalar(factorInput(k)));
  const next = new Map<string, Value>();
  trained.forEach((name, i) => {
    const { rateFactor, weightDecay } = lookedUp(groups, name);
    const memory = rule.slots.map((slot) => held(slotName(slot, name), name));
    const updated = rule.updated(held(name), gradients[i], memory, { rate: rateOf(rateFactor), weightDecay, factors });
    next.set(name, updated.weight);
    rule.slots.forEach((slot, k) => void next.set(slotName(slot, name), updated.memory[k]));
  });
  const statistics = updatedStatistics(step, held, given);
  const averaged = rememberedNames(step, optimizer).get(averagedSlot);
  if (averaged) {
    const kept = scalar(keptInput);
    for (const name of averaged) {
      const slot = slotName(averagedSlot, name);
      next.set(slot, updatedAverage(held(slot, name), next.get(name) ?? lookedUp(statistics, name), kept));
    }
  }
  for (const value of [...next.values(), ...statistics.values()]) outputs[value.name] = value;
  const names = (values: ReadonlyMap<string, Value>) => new Map([...values].map(([name, value]) => [name, value.name]));
  return {
    model: exportModel(graph, outputs),
    next: names(next),
    nextStatistics: names(statistics),
    gradientSize: gradientSize?.name,
  };
}

/** Running statistics with those of each batch in turn folded into them. */
function updatedStatistics(
  { statistics }: UpdatedStep,
  held: (name: string) => Value,
  given: (output: string, of: string) => Value[],
): Map<string, Value> {
  const folds: { readonly running: string; readonly batches: readonly Value[]; readonly factor: number }[] = [];
  forEachStatistic(statistics, (running, batch, factor) => {
    folds.push({ running, batches: given(batch, running), factor });
  });
  const next = new Map<string, Value>();
  const batches = folds[0]?.batches.length ?? 0;
  for (let k = 0; k < batches; k++) {
    for (const { running, batches: values, factor } of folds) {
      next.set(running, updatedStatistic(next.get(running) ?? held(running), values[k], factor));
    }
  }
  return next;
}

function meanOf(gradients: readonly Value[]): Value {
  const sum = gradients.reduce(add);
  return gradients.length === 1 ? sum : mul(sum, 1 / gradients.length);
}

function lookedUp<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new SteadysegError(`the update lacks ${name}`);
  return value;
}
