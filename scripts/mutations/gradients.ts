// Mistakes in the rules of differentiation.
import { changes } from './mutation.js';

const tests = 'test/autodiff';

export const gradients = [
  ...changes('autodiff/rules/arithmetic', tests, [
    ['operand(site, 1, () => neg(site.gradient))', 'operand(site, 1, () => site.gradient)'],
    ['mul(mul(site.gradient, 2), site.input(0))', 'mul(site.gradient, site.input(0))'],
    ['neg(div(mul(site.gradient, site.output), site.input(1)))', 'div(mul(site.gradient, site.output), site.input(1))'],
    ['mul(site.gradient, mul(site.output, logarithm()))', 'mul(site.gradient, logarithm())'],
    ["mul(cast(equal(a, b), 'float32'), 0.5)", "cast(equal(a, b), 'float32')"],
    ['2 / Math.sqrt(Math.PI)', '1 / Math.sqrt(Math.PI)'],
    ['neg(mul(gradient, mul(y, y)))', 'mul(gradient, mul(y, y))'],
    ['sub(1, mul(y, y))', 'sub(1, y)'],
    ['mul(y, sub(1, y))', 'y'],
    ['div(0.5, y)', 'div(1, y)'],
    ['neg(mul(gradient, sin(x)))', 'mul(gradient, sin(x))'],
    ['add(mul(x, 1 / 3), 0.5)', 'add(mul(x, 1 / 6), 0.5)'],
    ["site.number('alpha', 0.01)", '0.01'],
  ]),
  ...changes('autodiff/rules/normalization', tests, [
    ['1 / count', '1 / (count - 1)'],
    ['neg(mul(outer, biasGradient))', 'mul(outer, biasGradient)'],
    ['-0.5)', '0.5)'],
    ['sub(product, mul(mean, biasGradient))', 'product'],
    ['mul(slope, mean)', 'slope'],
    ['const spread = add(variance, epsilonOf(site))', 'const spread = variance'],
    ['sub(gradient, reduceSum(mul(gradient, y), [axis]))', 'gradient'],
  ]),
  ...changes('autodiff/rules/reduction', tests, [
    ['mul(gradient, 1 / count)', 'gradient'],
    ['mul(x, mul(gradient, 2))', 'mul(x, gradient)'],
    ['div(gradient, reduceSum(hits, axes))', 'gradient'],
    ['exp(sub(x, y))', 'exp(x)'],
    ['mul(x, div(gradient, where(equal(y, 0), 1, y)))', 'mul(x, gradient)'],
  ]),
  ...changes('autodiff/rules/pooling', tests, [
    ['1 / elementCount(x.shape.slice(2))', '1'],
    ['includePad ? [-pads[axis]', '!includePad ? [-pads[axis]'],
    ['output * strides[axis] - pads[axis]', 'output * strides[axis]'],
  ]),
  ...changes('autodiff/rules/convolution', tests, [
    ['[taps - 1], [last], [-1]', '[0], [taps], [1]'],
    ['size - pads[axes + axis]', 'size - pads[axis]'],
    ['step * dilations[axis]', 'step'],
    ['[0, 2, 1, 3]', '[0, 1, 2, 3]'],
    ['size - (reached - pads[axis] - pads[axes + axis])', '0'],
    ['dilations: strides', 'dilations'],
    ['reach - length - pads[axis]', 'reach - length'],
    ['transpose(product, [0, 2, 1])', 'product'],
  ]),
  ...changes('autodiff/rules/matrix', tests, [
    ['product(gradient, b, false, true)', 'product(gradient, b, false, false)'],
    ['turnA ? transpose(straight, [1, 0]) : straight, alpha', 'turnA ? transpose(straight, [1, 0]) : straight, 1'],
    ['gradient.shape), beta', 'gradient.shape), 1'],
  ]),
  ...changes('autodiff/rules/movement', tests, [
    ['permutation.indexOf(axis)', 'permutation[axis]'],
    ['2 * clamped - position', 'clamped'],
    ['[start - size], [start]', '[start - size + 1], [start + 1]'],
    ['start + i * step', 'start + i'],
  ]),
  ...changes('autodiff/product', tests, [
    ["product(joined('left'), joined('right'), false, true)", "product(joined('left'), joined('left'), false, true)"],
  ]),
  ...changes('autodiff/rule', tests, [['if (repeats > 1)', 'if (repeats > 99)']]),
];
