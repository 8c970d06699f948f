// Batch normalisation: by running statistics, or by the batch's own for training.
import { SteadysegError } from '../base/errors.js';
import { normalizeBatch } from '../onnx/batchStatistics.js';
import { type Graph, parameter, type Value } from '../onnx/graph.js';
import { add, batchNormalization, div, sqrt } from '../onnx/ops.js';
import type { Mode } from './mode.js';

const epsilon = 1e-5;

/**
 * Adds `name.weight`, `.bias`, `.running_mean` and `.running_var` (epsilon 1e-5, PyTorch's default) and normalises N×C×H×W with them.
 * Statistics of a batch that it normalises by are added to `graph.batchStatistics`, which the trainer folds into the running ones.
 */
export function batchNorm(x: Value, name: string, mode: Mode): Value {
  const { graph, shape } = x;
  const [, channels] = shape;
  const declare = (part: string, value: number, role: 'weight' | 'statistic') =>
    parameter(graph, `${name}.${part}`, [channels], { kind: 'constant', value }, role);
  const scale = declare('weight', 1, 'weight');
  const bias = declare('bias', 0, 'weight');
  const runningMean = declare('running_mean', 0, 'statistic');
  const runningVariance = declare('running_var', 1, 'statistic');
  if (mode.kind === 'inference' || mode.statistics === 'fixed')
    return batchNormalization(x, scale, bias, runningMean, runningVariance, epsilon);
  const parameters = { scale, bias, runningMean, runningVariance, epsilon };
  return normalizeBatch(x, parameters, mode.fused ?? true, mode.statistics === 'local');
}

/** The factor by channel that a normalisation declared before applies in inference: weight / √(running variance + epsilon). */
export function batchNormScale(graph: Graph, name: string): Value {
  const [weight, variance] = ['weight', 'running_var'].map((part) => graph.parameters.get(`${name}.${part}`)?.value);
  if (!weight || !variance) throw new SteadysegError(`no batch normalisation ${name} in the graph ${graph.name}`);
  return div(weight, sqrt(add(variance, epsilon)));
}
