// Gradients of batch normalisation and softmax.

import type { GradientRule, GradientSite, Value } from '../../onnx/graph.js';
import { add, div, exp, mul, neg, reduceSum, reshape, sqrt, sub } from '../../onnx/ops.js';
import { elementCount } from '../../tensor/tensor.js';

/** A per-channel vector, shaped to broadcast over N×C×H×W. */
function perChannel(value: Value, like: Value): Value {
  return reshape(value, [value.shape[0], ...Array(like.shape.length - 2).fill(1)]);
}

const epsilonOf = (site: GradientSite) => site.number('epsilon', 1e-5);

/**
 * y = γ(x - μ)/σ + β, over all but the channels: dβ = Σdy, dγ = Σdy(x - μ)/σ, dx = γ/σ · dy, dμ = -γ/σ · dβ, dσ² = -γ/2σ² · dγ.
 * In training mode μ and σ² are the batch's, of m values a channel: dx = γ/σ · (dy - dβ/m - (x - μ)/σ · dγ/m), which is
 * a·dy + b·x + c with a, b, c per channel.
 */
const batchNormalizationRule: GradientRule = (site) => {
  const [x, scale] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const training = site.number('training_mode', 0) === 1;
  const [mean, variance] = training ? [site.node.outputs[1], site.node.outputs[2]] : [site.input(3), site.input(4)];
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const spread = add(variance, epsilonOf(site));
  const inverse = div(1, sqrt(spread));
  const needsSums = training || [1, 2, 3, 4].some((index) => site.wants(index));
  const biasGradient = needsSums ? reduceSum(gradient, axes, false) : undefined;
  const product = needsSums ? reduceSum(mul(gradient, x), axes, false) : undefined;
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
  const meanGradient = site.wants(3) && biasGradient ? neg(mul(outer, biasGradient)) : undefined;
  const varianceGradient =
    site.wants(4) && scaleGradient ? mul(mul(scale, div(scaleGradient, spread)), -0.5) : undefined;
  return [inputGradient, scaleGradient, biasGradient, meanGradient, varianceGradient];
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
