// Gradients of reductions. A sum's gradient is the same number for all it added: it stays unwritten until something needs it.

import type { GradientRule, GradientSite, Value } from '../../onnx/graph.js';
import { reducedAxes } from '../../onnx/inference/reduction.js';
import { cast, div, equal, exp, mul, reduceSum, reshape, sub, where } from '../../onnx/ops.js';
import { elementCount } from '../../tensor/tensor.js';
import { signOf } from './arithmetic.js';

/** The reduced axes, counted from 0. */
const axesOf = (site: GradientSite) => reducedAxes({ ...site.node, outputCount: 1 });

/** A value of the output's shape, with the reduced axes there and of size 1. */
function kept(site: GradientSite, value: Value): Value {
  const axes = axesOf(site);
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
  const axes = axesOf(site);
  if (axes.length === 0) return [site.gradient];
  return reduction((gradient, x, y) => {
    const hits = cast(equal(x, y), 'float32');
    return mul(hits, div(gradient, reduceSum(hits, axes)));
  })(site);
};

export const reductionRules: Readonly<Record<string, GradientRule>> = {
  ReduceL1: reduction((gradient, x) => mul(gradient, signOf(x))),
  // Where all is zero there is no direction.
  ReduceL2: reduction((gradient, x, y) => mul(x, div(gradient, where(equal(y, 0), 1, y)))),
  ReduceLogSum: reduction((gradient, _x, y) => div(gradient, exp(y))),
  ReduceLogSumExp: reduction((gradient, x, y) => mul(gradient, exp(sub(x, y)))),
  ReduceMax: extremum,
  ReduceMean: reduction((gradient, _x, _y, count) => mul(gradient, 1 / count)),
  ReduceMin: extremum,
  ReduceSum: reduction((gradient) => gradient),
  ReduceSumSquare: reduction((gradient, x) => mul(x, mul(gradient, 2))),
};
