// Activations of plain operators.
import type { Value } from '../graph.js';
import { numberAttribute, stringAttribute } from '../inference/rule.js';
import { abs, add, div, elu, erf, greater, less, mul, sigmoid, softplus, sub, tanh, where } from '../ops.js';
import { type Lowering, type LoweringSite, type Lowerings, valueAt } from './site.js';

/** An activation of one input; its numbers come from the attributes. */
const activation =
  (build: (x: Value, number: (name: string, fallback: number) => number) => Value): Lowering =>
  (site) => [build(valueAt(site, 0), (name, fallback) => numberAttribute(site, name, fallback))];

/** x·Φ(x). */
export function gelu(x: Value): Value {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
}

/** Gelu's approximation by a hyperbolic tangent. */
function fastGelu(x: Value): Value {
  const cubic = add(mul(mul(mul(x, x), x), 0.044715), x);
  return mul(mul(x, 0.5), add(tanh(mul(cubic, Math.sqrt(2 / Math.PI))), 1));
}

/** x·σ(αx). */
const swish = (x: Value, alpha: number) => mul(x, sigmoid(alpha === 1 ? x : mul(x, alpha)));

/** The first input, with the second added where there is one. */
function biased(site: LoweringSite): Value {
  const [, bias] = site.inputs;
  return bias ? add(valueAt(site, 0), bias) : valueAt(site, 0);
}

export const activations: Lowerings = {
  Celu: activation((x, number) => {
    const alpha = number('alpha', 1);
    return mul(elu(mul(x, 1 / alpha), 1), alpha);
  }),
  Gelu: (site) => [
    stringAttribute(site, 'approximate', 'none') === 'tanh' ? fastGelu(valueAt(site, 0)) : gelu(valueAt(site, 0)),
  ],
  Mish: activation((x) => mul(x, tanh(softplus(x)))),
  Selu: activation((x, number) =>
    mul(elu(x, number('alpha', 1.6732631921768188)), number('gamma', 1.0507010221481323)),
  ),
  Shrink: activation((x, number) => {
    const [limit, bias] = [number('lambd', 0.5), number('bias', 0)];
    return where(less(x, -limit), add(x, bias), where(greater(x, limit), sub(x, bias), 0));
  }),
  Softsign: activation((x) => div(x, add(abs(x), 1))),
  Swish: activation((x, number) => swish(x, number('alpha', 1))),
  ThresholdedRelu: activation((x, number) => where(greater(x, number('alpha', 1)), x, 0)),
};

export const microsoftActivations: Lowerings = {
  BiasGelu: (site) => [gelu(biased(site))],
  FastGelu: (site) => [fastGelu(biased(site))],
  Gelu: activation(gelu),
  QuickGelu: activation((x, number) => swish(x, number('alpha', 1.702))),
};
