// Arithmetic of any number of operands, and what does nothing outside training.
import { elementCount } from '../../tensor/tensor.js';
import type { Value } from '../graph.js';
import { refuse } from '../inference/rule.js';
import { add, cast, equal, max, min, mul, pow as power } from '../ops.js';
import { type Lowering, type Lowerings, valueAt } from './site.js';

/** One operand after the other. */
const chain =
  (
    combine: (a: Value, b: Value) => Value,
    finish: (value: Value, count: number) => Value = (value) => value,
  ): Lowering =>
  (site) => {
    const operands = site.inputs.map((_, index) => valueAt(site, index));
    return [finish(operands.reduce(combine), operands.length)];
  };

/** Of two operands there is nothing to lower. */
const chainOfMany =
  (combine: (a: Value, b: Value) => Value): Lowering =>
  (site) =>
    site.inputs.length === 2 ? undefined : chain(combine)(site);

/** An exponent of another element type takes that of the base, which the result has. */
const pow: Lowering = (site) => {
  const [base, exponent] = [valueAt(site, 0), valueAt(site, 1)];
  if (base.dtype === exponent.dtype || !base.dtype.startsWith('float')) return undefined;
  return [power(base, cast(exponent, base.dtype))];
};

/** Nothing is dropped outside training. In training mode the engine itself drops at random in every run. */
const dropout: Lowering = (site) => {
  const x = valueAt(site, 0);
  const [, ratio, training] = site.inputs;
  const off = !training || (training.constant && Number(training.constant.data[0]) === 0);
  const none = ratio?.constant && elementCount(ratio.shape) === 1 && Number(ratio.constant.data[0]) === 0;
  if (!off && !none) {
    throw refuse(site, 'in training mode it draws at random in every run; export the model in evaluation mode');
  }
  return site.outputCount > 1 ? [x, equal(x, x)] : [x];
};

const identity: Lowering = (site) => [valueAt(site, 0)];

export const arithmetic: Lowerings = {
  Dropout: dropout,
  Identity: identity,
  Max: chainOfMany(max),
  Mean: chain(add, (sum, count) => (count === 1 ? sum : mul(sum, 1 / count))),
  Min: chainOfMany(min),
  Pow: pow,
  Sum: chain(add),
};

/** Channels last, three operands: the value, a bias of its channels, and what skips the layer. */
export const microsoftArithmetic: Lowerings = {
  BiasAdd: chain(add),
};
