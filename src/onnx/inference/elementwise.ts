// Shapes of operators that work element by element.
import { dtypeOfCode } from '../elementTypes.js';
import {
  broadcastShapes,
  inputAt,
  intAttribute,
  normalizeAxis,
  refuse,
  type ShapeRule,
  type TypedValue,
} from './rule.js';

const sameAsInput: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  return [{ dtype, shape }];
};

const softmax: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  normalizeAxis(site, intAttribute(site, 'axis', -1), shape.length);
  return [{ dtype, shape }];
};

/** All inputs of one element type, broadcast. */
const broadcast: ShapeRule = (site) => {
  const values = site.inputs.filter((value): value is TypedValue => value !== undefined);
  const { dtype } = inputAt(site, 0);
  const other = values.find((value) => value.dtype !== dtype);
  if (other && site.op !== 'Pow') throw refuse(site, `expected one element type, found ${dtype} and ${other.dtype}`);
  return [
    {
      dtype,
      shape: broadcastShapes(
        site,
        values.map((value) => value.shape),
      ),
    },
  ];
};

const compare: ShapeRule = (site) => [{ dtype: 'bool', shape: broadcast(site)[0].shape }];

const cast: ShapeRule = (site) => {
  const code = intAttribute(site, 'to', 0);
  const dtype = dtypeOfCode(code);
  if (!dtype) throw refuse(site, `cannot cast to the element type ${code}`);
  return [{ dtype, shape: inputAt(site, 0).shape }];
};

/** Bytes of the zero point's type. */
const quantizeLinear: ShapeRule = (site) => {
  const code = intAttribute(site, 'output_dtype', 0);
  const dtype = site.inputs[2]?.dtype ?? (code === 0 ? 'uint8' : dtypeOfCode(code));
  if (!dtype) throw refuse(site, `cannot quantise to the element type ${code}`);
  return [{ dtype, shape: inputAt(site, 0).shape }];
};

const dequantizeLinear: ShapeRule = (site) => [{ dtype: inputAt(site, 1).dtype, shape: inputAt(site, 0).shape }];

const where: ShapeRule = (site) => {
  const condition = inputAt(site, 0);
  const [yes, no] = [inputAt(site, 1), inputAt(site, 2)];
  if (condition.dtype !== 'bool') throw refuse(site, `expected a bool condition, found ${condition.dtype}`);
  if (yes.dtype !== no.dtype) throw refuse(site, `expected one element type, found ${yes.dtype} and ${no.dtype}`);
  return [{ dtype: yes.dtype, shape: broadcastShapes(site, [condition.shape, yes.shape, no.shape]) }];
};

/** The slope broadcasts to the input, never the other way. */
const pRelu: ShapeRule = (site) => {
  const [{ dtype, shape }] = broadcast(site);
  if (shape.join() !== inputAt(site, 0).shape.join()) throw refuse(site, 'the slope does not broadcast to the input');
  return [{ dtype, shape }];
};

const unary = [
  'Abs',
  'Acos',
  'Acosh',
  'Asin',
  'Asinh',
  'Atan',
  'Atanh',
  'Ceil',
  'Cos',
  'Cosh',
  'Elu',
  'Erf',
  'Exp',
  'Floor',
  'HardSigmoid',
  'HardSwish',
  'Identity',
  'StopGradient',
  'LeakyRelu',
  'Log',
  'Neg',
  'Not',
  'Reciprocal',
  'Relu',
  'Round',
  'Sigmoid',
  'Sign',
  'Sin',
  'Sinh',
  'Softplus',
  'Sqrt',
  'Tan',
  'Tanh',
];
const binary = ['Add', 'And', 'Div', 'Max', 'Min', 'Mod', 'Mul', 'Or', 'Pow', 'Sub', 'Xor'];
const comparisons = ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'];

export const elementwiseRules: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(unary.map((op) => [op, sameAsInput])),
  ...Object.fromEntries(binary.map((op) => [op, broadcast])),
  ...Object.fromEntries(comparisons.map((op) => [op, compare])),
  Cast: cast,
  Clip: sameAsInput,
  DequantizeLinear: dequantizeLinear,
  IsInf: (site) => [{ dtype: 'bool', shape: inputAt(site, 0).shape }],
  IsNaN: (site) => [{ dtype: 'bool', shape: inputAt(site, 0).shape }],
  LogSoftmax: softmax,
  PRelu: pRelu,
  QuantizeLinear: quantizeLinear,
  Softmax: softmax,
  Where: where,
};
