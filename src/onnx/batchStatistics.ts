// Normalisation by a batch's own statistics, in operators that every engine has (the training mode of BatchNormalization is missing in some).
import { elementCount } from '../tensor/tensor.js';
import { detach, type Value } from './graph.js';
import {
  add,
  batchNormalization,
  batchNormalizationTraining,
  concat,
  mul,
  reduceSum,
  reshape,
  slice,
  sub,
} from './ops.js';
import { gatherOverRanks } from './ranks.js';

/** What batch normalisation rests on: all samples of a batch, also where several ranks share it; those of this rank; or the running statistics. */
export type StatisticsMode = 'batch' | 'local' | 'fixed';

/**
 * Sums by channel of `centred` = x - shift and of its squares: all that a batch's statistics and their gradients need to know
 * of its samples.
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
 * @param alone by the samples of this rank only, where several share the batch.
 */
export function normalizeBatch(x: Value, parameters: NormalizationParameters, fused: boolean, alone = false): Value {
  const { scale, bias, runningMean, runningVariance, epsilon } = parameters;
  const ranks = alone ? 1 : x.graph.ranks;
  const { output, mean, variance } =
    fused && ranks === 1
      ? batchNormalizationTraining(x, scale, bias, epsilon)
      : normalizeBySums(channelSums(x), scale, bias, epsilon, ranks);
  const count = (ranks * elementCount(x.shape)) / x.shape[1];
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

/**
 * `scale · (x - mean) / √(variance + epsilon) + bias` by the batch's statistics, and these.
 * @param ranks how many share the batch: all of the graph's, or 1.
 */
export function normalizeBySums(
  sums: ChannelSums,
  scale: Value,
  bias: Value,
  epsilon: number,
  ranks = sums.centred.graph.ranks,
): ChannelStatistics & { readonly output: Value } {
  const { centred, shift, sum, squares, count } = sums;
  const offset = mul(sum, 1 / count);
  const variance = sub(mul(squares, 1 / count), mul(offset, offset));
  const own = { mean: add(shift, offset), variance };
  const all = ranks === 1 ? own : statisticsOverRanks(own);
  const output = batchNormalization(
    centred,
    scale,
    bias,
    ranks === 1 ? offset : sub(all.mean, shift),
    all.variance,
    epsilon,
  );
  return { output, ...all };
}

/**
 * Statistics of all ranks' samples, as many on each. Each rank's mean and variance are gathered, and the variance of the
 * means added to the mean of the variances: exact in float32 also where means are far larger than their spread.
 */
function statisticsOverRanks({ mean, variance }: ChannelStatistics): ChannelStatistics {
  const { ranks } = mean.graph;
  const all = gatherOverRanks(stack([mean, variance]));
  // ranks × 1 × channels
  const [means, variances] = [0, 1].map((row) => slice(all, [1], [row], [row + 1]));
  const average = (values: Value) => mul(reduceSum(values, [0, 1], false), 1 / ranks);
  const middle = average(means);
  const apart = sub(means, middle);
  return { mean: middle, variance: average(add(variances, mul(apart, apart))) };
}

/** Vectors of one length as the rows of a matrix. */
function stack(vectors: readonly Value[]): Value {
  return concat(
    vectors.map((vector) => reshape(vector, [1, ...vector.shape])),
    0,
  );
}
