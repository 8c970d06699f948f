// Gradients of matrix products.

import type { Contribution, GradientRule, Value } from '../../onnx/graph.js';
import { mul, reshape, transpose } from '../../onnx/ops.js';
import { elementCount, sameShape } from '../../tensor/tensor.js';
import { product } from '../product.js';
import { sumTo } from '../rule.js';

function flattened(value: Value): Value {
  const columns = value.shape[value.shape.length - 1];
  return reshape(value, [elementCount(value.shape) / columns, columns]);
}

const matMulRule: GradientRule = (site) => {
  const [a, b] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const batch = gradient.shape.slice(0, -2);
  const left = (): Value | Contribution =>
    [a, b].every((operand) => sameShape(operand.shape.slice(0, -2), batch))
      ? { kind: 'product', left: gradient, right: b }
      : sumTo(product(gradient, b, false, true), a.shape, [...batch, ...a.shape.slice(-2)]);
  // One matrix for the whole batch: its gradient is one long product.
  const right = () =>
    b.shape.length === 2
      ? product(flattened(a), flattened(gradient), true, false)
      : sumTo(product(a, gradient, true, false), b.shape, [...batch, ...b.shape.slice(-2)]);
  return [site.wants(0) ? left() : undefined, site.wants(1) ? right() : undefined];
};

const gemmRule: GradientRule = (site) => {
  const [a, b] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const [alpha, beta] = [site.number('alpha', 1), site.number('beta', 1)];
  const [turnA, turnB] = [site.number('transA', 0) === 1, site.number('transB', 0) === 1];
  const scaled = (value: Value, factor: number) => (factor === 1 ? value : mul(value, factor));
  const left = () => {
    const straight = product(gradient, b, false, !turnB);
    return scaled(turnA ? transpose(straight, [1, 0]) : straight, alpha);
  };
  const right = () => {
    const straight = product(a, gradient, !turnA, false);
    return scaled(turnB ? transpose(straight, [1, 0]) : straight, alpha);
  };
  const bias = () => scaled(sumTo(gradient, site.input(2).shape, gradient.shape), beta);
  return [site.wants(0) ? left() : undefined, site.wants(1) ? right() : undefined, site.wants(2) ? bias() : undefined];
};

export const matrixRules: Readonly<Record<string, GradientRule>> = { Gemm: gemmRule, MatMul: matMulRule };
