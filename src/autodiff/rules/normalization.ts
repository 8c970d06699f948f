// Gradients of batch normalisation and softmax.
import type { Value } from '../../onnx/graph.js';
import { add, div, exp, mul, neg, reduceSum, reshape, sqrt, sub } from '../../onnx/ops.js';
import { elementCount } from '../../tensor/tensor.js';
import type { GradientRule, GradientSite } from '../rule.js';

/** A per-channel vector, shaped to broadcast over N×C×H×W. */
function perChannel(value: Value, like: Value): Value {
  return reshape(value, [value.shape[0], ...Array(like.shape.length - 2).fill(1)]);
}

const epsilonOf = (site: GradientSite) => site.number('epsilon', 1e-5);

/**
 * With batch statistics, y = γ(x - μ)/σ + β over m values a channel:
 * dβ = Σdy, dγ = Σdy(x - μ)/σ, dx = γ/σ · (dy - dβ/m - (x - μ)/σ · dγ/m), which is a·dy + b·x + c with a, b, c per channel.
 */
const batchNormalizationRule: GradientRule = (site) => {
  const [x, scale] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const training = site.number('training_mode', 0) === 1;
  const [mean, variance] = training ? [site.node.outputs[1], site.node.outputs[2]] : [site.input(3), site.input(4)];
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const inverse = div(1, sqrt(add(variance, epsilonOf(site))));
  const needsStatistics = training || site.wants(1) || site.wants(2);
  const biasGradient = needsStatistics ? reduceSum(gradient, axes, false) : undefined;
  const product = needsStatistics ? reduceSum(mul(gradient, x), axes, false) : undefined;
  const scaleGradient = biasGradient && product && mul(sub(product, mul(mean, biasGradient)), inverse);
  const outer = mul(scale, inverse);
  let inputGradient: Value | undefined;
  if (site.wants(0)) {
    inputGradient = mul(gradient, perChannel(outer, x));
    if (training && biasGradient && scaleGradient) {
      const count = elementCount(x.shape) / x.shape[1];
      const slope = neg(mul(mul(outer, inverse), mul(scaleGradient, 1 / count)));
      const offset = neg(add(mul(outer, mul(biasGradient, 1 / count)), mul(slope, mean)));
      inputGradient = add(inputGradient, add(mul(x, perChannel(slope, x)), perChannel(offset, x)));
    }
  }
  return [inputGradient, scaleGradient, biasGradient];
};

const softmaxRule: GradientRule = (site) => {
  const y = site.output;
  const gradient = site.gradient;
  const axis = site.number('axis', -1);
  return [mul(y, sub(gradient, reduceSum(mul(gradient, y), [axis])))];
};

const logSoftmaxRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  return [sub(gradient, mul(exp(site.output), reduceSum(gradient, [site.number('axis', -1)])))];
};

export const normalizationRules: Readonly<Record<string, GradientRule>> = {
  BatchNormalization: batchNormalizationRule,
  LogSoftmax: logSoftmaxRule,
  Softmax: softmaxRule,
};
