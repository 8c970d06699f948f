// Normalisations of means, products and roots.
import { SteadysegError } from '../../base/errors.js';
import { elementCount } from '../../tensor/tensor.js';
import { channelSums, normalizeBySums } from '../batchStatistics.js';
import type { Value } from '../graph.js';
import { intAttribute, intsAttribute, normalizeAxis, numberAttribute, refuse } from '../inference/rule.js';
import {
  abs,
  add,
  div,
  equal,
  mul,
  pad,
  pow,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  sqrt,
  sub,
  where,
} from '../ops.js';
import { type Lowering, type LoweringSite, type Lowerings, valueAt } from './site.js';

/** A value less its mean, divided by its standard deviation, over the given axes; and both. */
interface Normalized {
  readonly output: Value;
  readonly mean: Value;
  /** Biased. */
  readonly variance: Value;
  readonly inverse: Value;
}

function normalized(x: Value, axes: readonly number[], epsilon: number): Normalized {
  const mean = reduceMean(x, axes);
  const centred = sub(x, mean);
  const variance = reduceMean(mul(centred, centred), axes);
  const inverse = div(1, sqrt(add(variance, epsilon)));
  return { output: mul(centred, inverse), mean, variance, inverse };
}

/** x divided by its quadratic mean over the given axes. */
function byQuadraticMean(x: Value, axes: readonly number[], epsilon: number): { output: Value; inverse: Value } {
  const inverse = div(1, sqrt(add(reduceMean(mul(x, x), axes), epsilon)));
  return { output: mul(x, inverse), inverse };
}

function scaled(x: Value, scale: Value | undefined, bias: Value | undefined): Value {
  const grown = scale ? mul(x, scale) : x;
  return bias ? add(grown, bias) : grown;
}

/** Values a channel, to broadcast over N×C×…. */
function perChannel(value: Value, rank: number): Value {
  return reshape(value, [elementCount(value.shape), ...Array(Math.max(0, rank - 2)).fill(1)]);
}

const axesFrom = (first: number, rank: number) => Array.from({ length: rank - first }, (_, i) => first + i);

/** Attributes of operator sets before 9, where a statistic could belong to each position (`spatial` 0). */
const spatialOf = (site: LoweringSite) => intAttribute(site, 'spatial', 1) === 1;

/**
 * In training mode (an attribute since opset 14, more outputs before) by the batch's own statistics. The other outputs are the
 * running statistics with those of the batch mixed in, and before opset 14 (as the engine has it) the batch's mean and 1/√(variance + ε).
 */
const batchNormalization: Lowering = (site) => {
  const training = site.opset >= 14 ? intAttribute(site, 'training_mode', 0) === 1 : site.outputCount > 1;
  const x = valueAt(site, 0);
  const epsilon = numberAttribute(site, 'epsilon', 1e-5);
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => valueAt(site, index));
  if (!training) {
    if (spatialOf(site)) return undefined;
    const deviation = sqrt(add(variance, epsilon));
    return [scaled(div(sub(x, mean), deviation), scale, bias)];
  }
  if (!spatialOf(site)) throw refuse(site, 'statistics of each position are not supported in training mode');
  const batch = normalizeBySums(channelSums(x), scale, bias, epsilon);
  const momentum = numberAttribute(site, 'momentum', 0.9);
  const mixed = (running: Value, own: Value) => add(mul(running, momentum), mul(own, 1 - momentum));
  const running = [mixed(mean, batch.mean), mixed(variance, batch.variance)];
  const inverse = div(1, sqrt(add(batch.variance, epsilon)));
  return [batch.output, ...running, batch.mean, inverse].slice(0, site.outputCount);
};

const instanceNormalization: Lowering = (site) => {
  const x = valueAt(site, 0);
  const rank = x.shape.length;
  const { output } = normalized(x, axesFrom(2, rank), numberAttribute(site, 'epsilon', 1e-5));
  return [scaled(output, perChannel(valueAt(site, 1), rank), perChannel(valueAt(site, 2), rank))];
};

/** Scale and bias by group (opset 18) or by channel (opset 21). */
const groupNormalization: Lowering = (site) => {
  const [x, scale, bias] = [valueAt(site, 0), valueAt(site, 1), valueAt(site, 2)];
  const [batch, channels, ...spatial] = x.shape;
  const groups = intAttribute(site, 'num_groups', 1);
  if (channels % groups !== 0) throw refuse(site, `${channels} channels do not divide into ${groups} groups`);
  const grouped = reshape(x, [batch, groups, channels / groups, elementCount(spatial)]);
  const { output } = normalized(grouped, [2, 3], numberAttribute(site, 'epsilon', 1e-5));
  const byGroup = elementCount(scale.shape) === groups && site.opset < 21;
  const shape = byGroup ? [groups, 1, 1] : [groups, channels / groups, 1];
  return [reshape(scaled(output, reshape(scale, shape), reshape(bias, shape)), x.shape)];
};

function layerAxes(site: LoweringSite, x: Value): number[] {
  const rank = x.shape.length;
  return axesFrom(normalizeAxis(site, intAttribute(site, 'axis', -1), rank), rank);
}

const layerNormalization: Lowering = (site) => {
  const x = valueAt(site, 0);
  const { output, mean, inverse } = normalized(x, layerAxes(site, x), numberAttribute(site, 'epsilon', 1e-5));
  return [scaled(output, site.inputs[1], site.inputs[2]), mean, inverse].slice(0, site.outputCount);
};

const quadraticMeanNormalization: Lowering = (site) => {
  const x = valueAt(site, 0);
  const { output, inverse } = byQuadraticMean(x, layerAxes(site, x), numberAttribute(site, 'epsilon', 1e-5));
  return [scaled(output, site.inputs[1], site.inputs[2]), inverse].slice(0, site.outputCount);
};

/** Inputs x, what is added to it, scale, bias (unless only divided by the quadratic mean) and a bias of the sum; the last output is the sum. */
const skipNormalization =
  (centred: boolean): Lowering =>
  (site) => {
    const [x, skip, scale, ...biases] = site.inputs;
    const [bias, own] = centred ? biases : [undefined, biases[0]];
    if (!x || !skip) throw refuse(site, 'an operand is missing');
    const sum = own ? add(add(x, skip), own) : add(x, skip);
    const epsilon = numberAttribute(site, 'epsilon', 1e-12);
    const axes = [sum.shape.length - 1];
    const { output, ...statistics } = centred ? normalized(sum, axes, epsilon) : byQuadraticMean(sum, axes, epsilon);
    const mean = 'mean' in statistics ? statistics.mean : undefined;
    return [scaled(output, scale, bias), mean, statistics.inverse, sum].slice(0, site.outputCount);
  };

/** Divided by the sum of amounts or the length; what has none stays zero. */
const lpNormalization: Lowering = (site) => {
  const x = valueAt(site, 0);
  const axis = normalizeAxis(site, intAttribute(site, 'axis', -1), x.shape.length);
  const p = intAttribute(site, 'p', 2);
  if (p !== 1 && p !== 2) throw refuse(site, `expected p to be 1 or 2, found ${p}`);
  const norm = p === 1 ? reduceSum(abs(x), [axis]) : length(x, [axis]);
  return [div(x, where(equal(norm, 0), 1, norm))];
};

/** √Σx², whose gradient is zero where it is zero. */
function length(x: Value, axes: readonly number[]): Value {
  const square = reduceSum(mul(x, x), axes);
  const none = equal(square, 0);
  return where(none, 0, sqrt(where(none, 1, square)));
}

/** Divided by a power of the squares around each channel. */
const localResponseNormalization: Lowering = (site) => {
  const x = valueAt(site, 0);
  const [, channels] = x.shape;
  const size = intAttribute(site, 'size', 0);
  if (size < 1) throw new SteadysegError(`expected a size of at least 1, found ${size}`);
  const before = Math.floor((size - 1) / 2);
  const square = mul(x, x);
  const around = Array(2 * x.shape.length).fill(0);
  around[1] = before;
  around[x.shape.length + 1] = size - 1 - before;
  const wide = pad(square, around);
  const terms = Array.from({ length: size }, (_, i) => slice(wide, [1], [i], [i + channels]));
  const alpha = numberAttribute(site, 'alpha', 1e-4) / size;
  const base = add(
    mul(
      terms.reduce((sum, term) => add(sum, term)),
      alpha,
    ),
    numberAttribute(site, 'bias', 1),
  );
  return [div(x, pow(base, numberAttribute(site, 'beta', 0.75)))];
};

const meanVarianceNormalization: Lowering = (site) => {
  const x = valueAt(site, 0);
  const axes = intsAttribute(site, 'axes', [0, 2, 3]);
  const centred = sub(x, reduceMean(x, axes));
  return [div(centred, add(sqrt(reduceMean(mul(centred, centred), axes)), 1e-9))];
};

export const normalizations: Lowerings = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: localResponseNormalization,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: quadraticMeanNormalization,
  SimplifiedLayerNormalization: quadraticMeanNormalization,
};

export const microsoftNormalizations: Lowerings = {
  SkipLayerNormalization: skipNormalization(true),
  SkipSimplifiedLayerNormalization: skipNormalization(false),
};
