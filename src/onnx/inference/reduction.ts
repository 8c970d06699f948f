// Shapes of matrix products, reductions and selections.
import { elementCount } from '../../tensor/tensor.js';
import {
  broadcastShapes,
  constantNumbers,
  inputAt,
  intAttribute,
  intsAttribute,
  normalizeAxis,
  refuse,
  type ShapeRule,
  type Site,
} from './rule.js';

const matMul: ShapeRule = (site) => {
  const [a, b] = [inputAt(site, 0), inputAt(site, 1)];
  if (a.shape.length < 2 || b.shape.length < 2) throw refuse(site, 'expected matrices (rank 2 or more)');
  const [rows, inner] = a.shape.slice(-2);
  const [innerB, columns] = b.shape.slice(-2);
  if (inner !== innerB) throw refuse(site, `the inner sizes differ: ${inner} and ${innerB}`);
  if (a.dtype !== b.dtype) throw refuse(site, `expected one element type, found ${a.dtype} and ${b.dtype}`);
  return [
    { dtype: a.dtype, shape: [...broadcastShapes(site, [a.shape.slice(0, -2), b.shape.slice(0, -2)]), rows, columns] },
  ];
};

/** ONNX Runtime's own: a batched product with either operand transposed in passing. */
const fusedMatMul: ShapeRule = (site) => {
  const turned = (index: number, flag: string) => {
    const value = inputAt(site, index);
    if (intAttribute(site, flag, 0) === 0) return value;
    const [rows, columns] = value.shape.slice(-2);
    return { ...value, shape: [...value.shape.slice(0, -2), columns, rows] };
  };
  return matMul({ ...site, inputs: [turned(0, 'transA'), turned(1, 'transB')] });
};

const gemm: ShapeRule = (site) => {
  const [a, b] = [inputAt(site, 0), inputAt(site, 1)];
  const [rows, inner] = intAttribute(site, 'transA', 0) ? [...a.shape].reverse() : a.shape;
  const [innerB, columns] = intAttribute(site, 'transB', 0) ? [...b.shape].reverse() : b.shape;
  if (inner !== innerB) throw refuse(site, `the inner sizes differ: ${inner} and ${innerB}`);
  return [{ dtype: a.dtype, shape: [rows, columns] }];
};

/** The axes a reduction goes along, counted from 0: an input (opset 18, `ReduceSum` from 13) or an attribute. */
export function reducedAxes(site: Site): number[] {
  const { shape } = inputAt(site, 0);
  const given = constantNumbers(site, 1) ?? intsAttribute(site, 'axes', []);
  if (given.length > 0) return given.map((axis) => normalizeAxis(site, axis, shape.length));
  return intAttribute(site, 'noop_with_empty_axes', 0) === 1 ? [] : shape.map((_, axis) => axis);
}

const reduce: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const axes = reducedAxes(site);
  const keep = intAttribute(site, 'keepdims', 1) === 1;
  const reduced = keep
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));
  return [{ dtype, shape: reduced }];
};

const argReduce: ShapeRule = (site) => {
  const { shape } = inputAt(site, 0);
  const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), shape.length);
  const keep = intAttribute(site, 'keepdims', 1) === 1;
  return [
    {
      dtype: 'int64',
      shape: keep ? shape.map((size, i) => (i === axis ? 1 : size)) : shape.filter((_, i) => i !== axis),
    },
  ];
};

const topK: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const axis = normalizeAxis(site, intAttribute(site, 'axis', -1), shape.length);
  const k = constantNumbers(site, 1)?.[0] ?? 0;
  if (k > shape[axis]) throw refuse(site, `asked for ${k} of ${shape[axis]} elements`);
  const kept = shape.map((size, i) => (i === axis ? k : size));
  return [
    { dtype, shape: kept },
    { dtype: 'int64', shape: kept },
  ];
};

const cumSum: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  if (elementCount(shape) === 0) throw refuse(site, 'nothing to sum');
  return [{ dtype, shape }];
};

const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'];

export const reductionRules: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argReduce,
  ArgMin: argReduce,
  CumSum: cumSum,
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  MatMul: matMul,
  TopK: topK,
};
