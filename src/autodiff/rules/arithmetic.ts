// Gradients of arithmetic and of functions applied element by element.
import { SteadysegError } from '../../base/errors.js';
import type { GradientRule, GradientSite, Value } from '../../onnx/graph.js';
import {
  abs,
  add,
  cast,
  cos,
  cosh,
  div,
  equal,
  exp,
  greater,
  greaterOrEqual,
  less,
  log,
  mul,
  neg,
  pow,
  sigmoid,
  sin,
  sinh,
  sqrt,
  sub,
  where,
} from '../../onnx/ops.js';
import { sumTo } from '../rule.js';

/** Applies a function of gradient, input and output of a one-input operator. */
const unary =
  (derivative: (gradient: Value, x: Value, y: Value, site: GradientSite) => Value): GradientRule =>
  (site) => [derivative(site.gradient, site.input(0), site.output, site)];

/** The gradient of the operand at `index`, computed only when it is wanted, summed back to its shape. */
function operand(site: GradientSite, index: number, gradient: () => Value): Value | undefined {
  return site.wants(index) ? sumTo(gradient(), site.input(index).shape, site.output.shape) : undefined;
}

const addRule: GradientRule = (site) => [0, 1].map((index) => operand(site, index, () => site.gradient));

const subRule: GradientRule = (site) => [
  operand(site, 0, () => site.gradient),
  operand(site, 1, () => neg(site.gradient)),
];

const mulRule: GradientRule = (site) => {
  const [a, b] = site.node.inputs;
  // A square: what is twice the gradient may be small, and is then doubled before it is written out.
  if (a === b) return [operand(site, 0, () => mul(mul(site.gradient, 2), site.input(0)))];
  return [
    operand(site, 0, () => mul(site.gradient, site.input(1))),
    operand(site, 1, () => mul(site.gradient, site.input(0))),
  ];
};

const divRule: GradientRule = (site) => [
  operand(site, 0, () => div(site.gradient, site.input(1))),
  operand(site, 1, () => neg(div(mul(site.gradient, site.output), site.input(1)))),
];

const powRule: GradientRule = (site) => {
  const [base, exponent] = [site.input(0), site.input(1)];
  const constant = exponent.constant?.data.length === 1 ? Number(exponent.constant.data[0]) : undefined;
  const baseGradient = () => {
    if (constant === 2) return mul(mul(site.gradient, base), 2);
    if (constant === 0) return mul(site.gradient, 0);
    return mul(site.gradient, mul(exponent, pow(base, sub(exponent, 1))));
  };
  // Of a base of zero the exponent has no influence.
  const logarithm = () => log(where(equal(base, 0), 1, base));
  return [operand(site, 0, baseGradient), operand(site, 1, () => mul(site.gradient, mul(site.output, logarithm())))];
};

/** The larger (smaller) operand gets the gradient; equal ones halve it. */
const extremum =
  (isFirst: (a: Value, b: Value) => Value): GradientRule =>
  (site) => {
    const count = site.node.inputs.length;
    if (count !== 2) throw new SteadysegError(`expected two operands, found ${count}`);
    const [a, b] = [site.input(0), site.input(1)];
    const share = (wins: Value) => {
      const half = mul(cast(equal(a, b), 'float32'), 0.5);
      return mul(site.gradient, add(cast(wins, 'float32'), half));
    };
    return [operand(site, 0, () => share(isFirst(a, b))), operand(site, 1, () => share(isFirst(b, a)))];
  };

/** Zero outside the limits, which count as inside; there a limit gets the gradient. */
const clipRule: GradientRule = (site) => {
  const x = site.input(0);
  const where = (condition: Value) => mul(site.gradient, cast(condition, site.gradient.dtype));
  const beyond = (index: number, condition: (limit: Value) => Value) =>
    operand(site, index, () => where(condition(site.input(index))));
  return [
    site.wants(0) ? where(equal(x, site.output)) : undefined,
    beyond(1, (limit) => less(x, limit)),
    beyond(2, (limit) => greater(x, limit)),
  ];
};

const whereRule: GradientRule = (site) => {
  const condition = site.input(0);
  return [
    undefined,
    operand(site, 1, () => where(condition, site.gradient, 0)),
    operand(site, 2, () => where(condition, 0, site.gradient)),
  ];
};

const pReluRule: GradientRule = (site) => {
  const [x, slope] = [site.input(0), site.input(1)];
  const { gradient } = site;
  // Split by the sign of x: the engine's Where takes longer than all of this.
  const ofNegative = mul(gradient, cast(less(x, 0), gradient.dtype));
  return [
    site.wants(0) ? add(sub(gradient, ofNegative), mul(ofNegative, slope)) : undefined,
    operand(site, 1, () => mul(ofNegative, x)),
  ];
};

const eluRule = unary((gradient, x, y, site) => {
  const alpha = site.number('alpha', 1);
  return mul(gradient, where(less(x, 0), add(y, alpha), 1));
});

const hardSigmoidRule = unary((gradient, _x, y, site) => {
  const inside = greater(mul(y, sub(1, y)), 0);
  return mul(gradient, mul(cast(inside, 'float32'), site.number('alpha', 0.2)));
});

/** x·clip(x/6 + ½, 0, 1): the derivative is x/3 + ½ inside, 0 and 1 outside. */
const hardSwishRule = unary((gradient, x) => {
  const outside = cast(greaterOrEqual(x, 3), 'float32');
  return mul(gradient, where(less(abs(x), 3), add(mul(x, 1 / 3), 0.5), outside));
});

/** a - b·q, where q is a whole number. */
const modRule: GradientRule = (site) => [
  operand(site, 0, () => site.gradient),
  operand(site, 1, () => mul(site.gradient, div(sub(site.output, site.input(0)), site.input(1)))),
];

/** The sign of each element, in operators that every device has. */
export function signOf(x: Value): Value {
  return sub(cast(greater(x, 0), 'float32'), cast(less(x, 0), 'float32'));
}

/** 1 + factor·x². */
const squarePlus = (x: Value, factor: 1 | -1) => (factor === 1 ? add(mul(x, x), 1) : sub(1, mul(x, x)));

/** Piecewise constant: no gradient flows. */
export const piecewiseConstant: ReadonlySet<string> = new Set(['Ceil', 'Floor', 'Round', 'Sign']);

export const arithmeticRules: Readonly<Record<string, GradientRule>> = {
  Abs: unary((gradient, x) => mul(gradient, signOf(x))),
  Acos: unary((gradient, x) => neg(div(gradient, sqrt(squarePlus(x, -1))))),
  Acosh: unary((gradient, x) => div(gradient, sqrt(sub(mul(x, x), 1)))),
  Add: addRule,
  Asin: unary((gradient, x) => div(gradient, sqrt(squarePlus(x, -1)))),
  Asinh: unary((gradient, x) => div(gradient, sqrt(squarePlus(x, 1)))),
  Atan: unary((gradient, x) => div(gradient, squarePlus(x, 1))),
  Atanh: unary((gradient, x) => div(gradient, squarePlus(x, -1))),
  Cast: unary((gradient, x) => cast(gradient, x.dtype)),
  Clip: clipRule,
  Cos: unary((gradient, x) => neg(mul(gradient, sin(x)))),
  Cosh: unary((gradient, x) => mul(gradient, sinh(x))),
  Div: divRule,
  Elu: eluRule,
  Erf: unary((gradient, x) => mul(gradient, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Exp: unary((gradient, _x, y) => mul(gradient, y)),
  HardSigmoid: hardSigmoidRule,
  HardSwish: hardSwishRule,
  Identity: unary((gradient) => gradient),
  LeakyRelu: unary((gradient, x, _y, site) => mul(gradient, where(less(x, 0), site.number('alpha', 0.01), 1))),
  Log: unary((gradient, x) => div(gradient, x)),
  Max: extremum(greater),
  Min: extremum(less),
  Mod: modRule,
  Mul: mulRule,
  Neg: unary(neg),
  PRelu: pReluRule,
  Pow: powRule,
  Reciprocal: unary((gradient, _x, y) => neg(mul(gradient, mul(y, y)))),
  Relu: unary((gradient, _x, y) => mul(gradient, cast(greater(y, 0), gradient.dtype))),
  Sigmoid: unary((gradient, _x, y) => mul(gradient, mul(y, sub(1, y)))),
  Sin: unary((gradient, x) => mul(gradient, cos(x))),
  Sinh: unary((gradient, x) => mul(gradient, cosh(x))),
  Softplus: unary((gradient, x) => mul(gradient, sigmoid(x))),
  Sqrt: unary((gradient, _x, y) => mul(gradient, div(0.5, y))),
  Sub: subRule,
  Tan: unary((gradient, _x, y) => mul(gradient, squarePlus(y, 1))),
  Tanh: unary((gradient, _x, y) => mul(gradient, sub(1, mul(y, y)))),
  Where: whereRule,
};
