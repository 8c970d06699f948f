// Gradients of matrix products.
import type { Value } from '../../onnx/graph.js';
import { matMul, mul, reshape, transpose } from '../../onnx/ops.js';
import { elementCount } from '../../tensor/tensor.js';
import { type GradientRule, sumTo } from '../rule.js';

function transposed(value: Value): Value {
  const rank = value.shape.length;
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(value, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

function flattened(value: Value): Value {
  const columns = value.shape[value.shape.length - 1];
  return reshape(value, [elementCount(value.shape) / columns, columns]);
}

const matMulRule: GradientRule = (site) => {
  const [a, b] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const batch = gradient.shape.slice(0, -2);
  const left = () => sumTo(matMul(gradient, transposed(b)), a.shape, [...batch, ...a.shape.slice(-2)]);
  // One matrix for the whole batch: its gradient is one long product.
  const right = () =>
    b.shape.length === 2
      ? matMul(transposed(flattened(a)), flattened(gradient))
      : sumTo(matMul(transposed(a), gradient), b.shape, [...batch, ...b.shape.slice(-2)]);
  return [site.wants(0) ? left() : undefined, site.wants(1) ? right() : undefined];
};

const gemmRule: GradientRule = (site) => {
  const [a, b] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const [alpha, beta] = [site.int('alpha', 1), site.int('beta', 1)];
  const [turnA, turnB] = [site.int('transA', 0) === 1, site.int('transB', 0) === 1];
  const scaled = (value: Value, factor: number) => (factor === 1 ? value : mul(value, factor));
  const left = () => {
    const product = matMul(gradient, turnB ? b : transposed(b));
    return scaled(turnA ? transposed(product) : product, alpha);
  };
  const right = () => {
    const product = matMul(turnA ? a : transposed(a), gradient);
    return scaled(turnB ? transposed(product) : product, alpha);
  };
  const bias = () => scaled(sumTo(gradient, site.input(2).shape, gradient.shape), beta);
  return [site.wants(0) ? left() : undefined, site.wants(1) ? right() : undefined, site.wants(2) ? bias() : undefined];
};

export const matrixRules: Readonly<Record<string, GradientRule>> = { Gemm: gemmRule, MatMul: matMulRule };
