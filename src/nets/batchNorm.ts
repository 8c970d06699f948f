// Batch normalisation: by running statistics for inference, by the batch's own for training.
import { parameter, type Value } from '../onnx/graph.js';
import { batchNormalization, batchNormalizationTraining } from '../onnx/ops.js';
import type { Mode } from './mode.js';

/**
 * Adds `name.weight`, `.bias`, `.running_mean` and `.running_var` (epsilon 1e-5) and normalises N×C×H×W with them.
 * In training the statistics of the batch are added to `graph.batchStatistics`, which the trainer folds into the running ones.
 */
export function batchNorm(x: Value, name: string, mode: Mode): Value {
  const { graph, shape } = x;
  const [batch, channels, height, width] = shape;
  const declare = (part: string, value: number, role: 'weight' | 'statistic') =>
    parameter(graph, `${name}.${part}`, [channels], { kind: 'constant', value }, role);
  const scale = declare('weight', 1, 'weight');
  const bias = declare('bias', 0, 'weight');
  const runningMean = declare('running_mean', 0, 'statistic');
  const runningVariance = declare('running_var', 1, 'statistic');
  if (mode.kind === 'inference') return batchNormalization(x, scale, bias, runningMean, runningVariance);
  const { output, mean, variance } = batchNormalizationTraining(x, scale, bias);
  const count = batch * height * width;
  graph.batchStatistics.push({ runningMean, runningVariance, batchMean: mean, batchVariance: variance, count });
  return output;
}
