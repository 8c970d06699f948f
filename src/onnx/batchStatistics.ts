// Normalisation by a batch's own statistics, in operators that every engine has (the training mode of BatchNormalization is missing in some).
import { elementCount } from '../tensor/tensor.js';
import { detach, type Value } from './graph.js';
import { add, batchNormalization, batchNormalizationTraining, mul, reduceSum, reshape, sub } from './ops.js';

/**
 * Sums by channel of `centred` = x - shift and of its squares: all that a batch's statistics and their gradients need to know
 * of the other samples. Batches with the same shift are one batch when their sums and counts are added.
 */
export interface ChannelSums {
  /** N×C×…, like x. */
  readonly centred: Value;
  /** By channel, as are the following. */
  readonly shift: Value;
  readonly sum: Value;
  readonly squares: Value;
  /** Values a channel. */
  readonly count: number;
}

/** Statistics by channel. */
export interface ChannelStatistics {
  readonly mean: Value;
  /** Biased (divided by the count). */
  readonly variance: Value;
}

/** What a normalisation is told: scale and bias, and the running statistics that those of its batches flow into. */
export interface NormalizationParameters {
  readonly scale: Value;
  readonly bias: Value;
  readonly runningMean: Value;
  readonly runningVariance: Value;
  readonly epsilon: number;
}

/**
 * N×C×… normalised by the batch's own statistics, which are noted in `graph.batchStatistics`.
 * @param fused by the engine's own operator, which only CPUs have.
 */
export function normalizeBatch(x: Value, parameters: NormalizationParameters, fused: boolean): Value {
  const { scale, bias, runningMean, runningVariance, epsilon } = parameters;
  const { output, mean, variance } = fused
    ? batchNormalizationTraining(x, scale, bias, epsilon)
    : normalizeBySums(channelSums(x), scale, bias, epsilon);
  const count = elementCount(x.shape) / x.shape[1];
  x.graph.batchStatistics.push({ runningMean, runningVariance, batchMean: mean, batchVariance: variance, count });
  return output;
}

/** All axes but the channels'. */
const reducedAxes = (x: Value) => x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));

/**
 * Sums of N×C×… about a shift by channel, which is a constant to gradients: neither statistics nor gradients depend on it, but
 * float32 is exact enough only about one near the mean.
 * @param shift default: the mean.
 */
export function channelSums(x: Value, shift: Value = meanOf(x)): ChannelSums {
  const axes = reducedAxes(x);
  const fixed = detach(shift);
  const centred = sub(x, reshape(fixed, [x.shape[1], ...x.shape.slice(2).map(() => 1)]));
  return {
    centred,
    shift: fixed,
    sum: reduceSum(centred, axes, false),
    squares: reduceSum(mul(centred, centred), axes, false),
    count: elementCount(x.shape) / x.shape[1],
  };
}

function meanOf(x: Value): Value {
  return mul(reduceSum(x, reducedAxes(x), false), x.shape[1] / elementCount(x.shape));
}

/** `scale · (x - mean) / √(variance + epsilon) + bias` by the batch's statistics, and these. */
export function normalizeBySums(
  { centred, shift, sum, squares, count }: ChannelSums,
  scale: Value,
  bias: Value,
  epsilon: number,
): ChannelStatistics & { readonly output: Value } {
  const offset = mul(sum, 1 / count);
  const variance = sub(mul(squares, 1 / count), mul(offset, offset));
  const output = batchNormalization(centred, scale, bias, offset, variance, epsilon);
  return { output, mean: add(shift, offset), variance };
}
