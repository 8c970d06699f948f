// Running statistics of batch normalisation: how those of a batch flow into them, as PyTorch keeps them.
import type { Value } from '../onnx/graph.js';
import { add, mul } from '../onnx/ops.js';
import type { StatisticUpdate } from './step.js';

/** Share of the batch's statistics in the running ones. */
const momentum = 0.1;

/**
 * Every running statistic of a step in turn, the output that it is updated from, and the factor on it: variances of a batch are
 * biased, and those kept are not.
 */
export function forEachStatistic(
  statistics: readonly StatisticUpdate[],
  fold: (running: string, batch: string, factor: number) => void,
): void {
  for (const { runningMean, runningVariance, batchMean, batchVariance, count } of statistics) {
    fold(runningMean, batchMean, 1);
    fold(runningVariance, batchVariance, count / (count - 1));
  }
}

/** `running ← 0.9·running + 0.1·factor·batch` in place. */
export function updateStatistic(running: Float32Array, batch: Float32Array, factor: number): void {
  for (let i = 0; i < running.length; i++) running[i] = (1 - momentum) * running[i] + momentum * factor * batch[i];
}

/** The same in a graph. */
export function updatedStatistic(running: Value, batch: Value, factor: number): Value {
  return add(mul(running, 1 - momentum), mul(batch, momentum * factor));
}
