// Matrix products of vectors, with turned or scaled operands, and with an activation.
import type { Value } from '../graph.js';
import { addNode } from '../graph.js';
import { intAttribute, numberAttribute } from '../inference/rule.js';
import { matMul, mul, squeeze, transpose, unsqueeze } from '../ops.js';
import { activated } from './fusedActivation.js';
import { type Lowering, type Lowerings, valueAt } from './site.js';

/** A vector on the left is a row, one on the right a column; the axis is gone from the result. */
const matMulOfVectors: Lowering = (site) => {
  const [a, b] = [valueAt(site, 0), valueAt(site, 1)];
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  if (!row && !column) return undefined;
  const result = matMul(row ? unsqueeze(a, [0]) : a, column ? unsqueeze(b, [1]) : b);
  return [squeeze(result, [...(row ? [-2] : []), ...(column ? [-1] : [])])];
};

/** The last two axes exchanged, or, with `batch`, the first moved before the last. */
function turned(value: Value, matrix: boolean, batch: boolean): Value {
  const axes = value.shape.map((_, axis) => axis);
  const rank = axes.length;
  if (batch) axes.splice(0, rank - 1, ...axes.slice(1, rank - 1), 0);
  if (matrix) axes.push(...axes.splice(rank - 2, 2).reverse());
  return axes.every((axis, i) => axis === i) ? value : transpose(value, axes);
}

const fusedMatMul: Lowering = (site) => {
  const flag = (name: string) => intAttribute(site, name, 0) === 1;
  const alpha = numberAttribute(site, 'alpha', 1);
  const operand = (index: number, side: string) =>
    turned(valueAt(site, index), flag(`trans${side}`), flag(`transBatch${side}`));
  const [result] = matMulOfVectors({ ...site, inputs: [operand(0, 'A'), operand(1, 'B')] }) ?? [
    matMul(operand(0, 'A'), operand(1, 'B')),
  ];
  return [result && alpha !== 1 ? mul(result, alpha) : result];
};

const fusedGemm: Lowering = (site) => {
  const gemm = Object.entries(site.attributes).filter(([name]) => !name.startsWith('activation'));
  const [result] = addNode(site.graph, 'Gemm', site.inputs, Object.fromEntries(gemm));
  return [activated(site, result)];
};

export const matrixProducts: Lowerings = { MatMul: matMulOfVectors };

export const microsoftMatrixProducts: Lowerings = {
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
};
