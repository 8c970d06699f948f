// Gradients of reductions. A sum's gradient is the same number for all it added: it stays unwritten until something needs it.
import type { Value } from '../../onnx/graph.js';
import { cast, div, equal, exp, mul, reduceSum, reshape, sign, sub } from '../../onnx/ops.js';
import { elementCount, numbersOf } from '../../tensor/tensor.js';
import type { GradientRule, GradientSite } from '../rule.js';

/** The reduced axes, counted from 0. */
function reducedAxes(site: GradientSite): number[] {
  const x = site.input(0);
  const given = site.node.inputs[1]?.constant;
  const axes = given ? numbersOf(given) : site.numbers('axes', []);
  const all = x.shape.map((_, axis) => axis);
  return axes.length === 0 ? all : axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
}

/** A value of the output's shape, with the reduced axes there and of size 1. */
function kept(site: GradientSite, value: Value): Value {
  const axes = reducedAxes(site);
  const shape = site.input(0).shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return value.shape.length === shape.length ? value : reshape(value, shape);
}

const reduction =
  (derivative: (gradient: Value, x: Value, y: Value, count: number) => Value): GradientRule =>
  (site) => {
    const x = site.input(0);
    const gradient = site.full(0);
    if (!gradient) return [];
    const y = kept(site, site.output);
    return [derivative(kept(site, gradient), x, y, elementCount(x.shape) / elementCount(y.shape))];
  };

/** Equal extremes share the gradient. */
const extremum: GradientRule = (site) => {
  const axes = reducedAxes(site);
  return reduction((gradient, x, y) => {
    const hits = cast(equal(x, y), 'float32');
    return mul(hits, div(gradient, reduceSum(hits, axes)));
  })(site);
};

export const reductionRules: Readonly<Record<string, GradientRule>> = {
  ReduceL1: reduction((gradient, x) => mul(gradient, sign(x))),
  ReduceL2: reduction((gradient, x, y) => mul(x, div(gradient, y))),
  ReduceLogSum: reduction((gradient, _x, y) => div(gradient, exp(y))),
  ReduceLogSumExp: reduction((gradient, x, y) => mul(gradient, exp(sub(x, y)))),
  ReduceMax: extremum,
  ReduceMean: reduction((gradient, _x, _y, count) => mul(gradient, 1 / count)),
  ReduceMin: extremum,
  ReduceSum: reduction((gradient) => gradient),
  ReduceSumSquare: reduction((gradient, x) => mul(x, mul(gradient, 2))),
};
