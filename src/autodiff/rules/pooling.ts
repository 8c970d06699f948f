// Gradients of pooling.
import { SteadysegError } from '../../base/errors.js';
import { addNode, constant, type Value } from '../../onnx/graph.js';
import { windowOf } from '../../onnx/inference/convolution.js';
import { convTranspose, div, filled, mul, reshape, scatterElements, slice } from '../../onnx/ops.js';
import { elementCount, tensor } from '../../tensor/tensor.js';
import type { GradientRule, GradientSite } from '../rule.js';

/** Every output's gradient goes to the input it came from; `MaxPool` tells its flat position. */
const maxPoolRule: GradientRule = (site) => {
  const x = site.input(0);
  const gradient = site.full(0);
  if (!gradient) return [];
  const [, indices] = addNode(x.graph, 'MaxPool', [x], site.node.attributes, 2);
  const count = elementCount(x.shape);
  const outputs = elementCount(gradient.shape);
  const scattered = scatterElements(
    filled(x.graph, [count], 0),
    reshape(indices, [outputs]),
    reshape(gradient, [outputs]),
    0,
    'add',
  );
  return [reshape(scattered, x.shape)];
};

/** The gradient, divided by the number of averaged values, spread over the window: a depthwise transposed convolution with ones. */
const averagePoolRule: GradientRule = (site) => {
  const x = site.input(0);
  const gradient = site.full(0);
  if (!gradient) return [];
  const [height, width] = x.shape.slice(2);
  const { kernel, strides, dilations, pads } = windowOf(
    { ...site.node, outputCount: 1 },
    site.numbers('kernel_shape', []),
    x.shape.slice(2),
  );
  if (dilations.some((dilation) => dilation > 1)) throw new SteadysegError('dilated windows have no gradient');
  const channels = x.shape[1];
  const ones = constant(
    x.graph,
    tensor('float32', [channels, 1, kernel[0], kernel[1]], new Float32Array(channels * kernel[0] * kernel[1]).fill(1)),
  );
  // Spread over the padded input, of which the input is a part; rows that no window reached stay zero.
  const outputPadding = [height, width].map((size, axis) => {
    const reached = (gradient.shape[2 + axis] - 1) * strides[axis] + kernel[axis];
    return Math.max(0, pads[axis] + size - reached);
  });
  const spread = convTranspose(div(gradient, windowSizes(site, gradient, kernel, strides, pads)), ones, undefined, {
    strides,
    group: channels,
    outputPadding,
  });
  return [slice(spread, [2, 3], [pads[0], pads[1]], [pads[0] + height, pads[1] + width])];
};

/** How many values each window averaged: 1×1×H×W. */
function windowSizes(
  site: GradientSite,
  gradient: Value,
  kernel: readonly number[],
  strides: readonly number[],
  pads: readonly number[],
): Value {
  const [outputHeight, outputWidth] = gradient.shape.slice(2);
  const input = site.input(0).shape.slice(2);
  const includePad = site.number('count_include_pad', 0) === 1;
  const along = (axis: number, output: number) => {
    const start = output * strides[axis] - pads[axis];
    const end = start + kernel[axis];
    if (includePad) return Math.min(end, input[axis] + pads[2 + axis]) - start;
    return Math.min(end, input[axis]) - Math.max(start, 0);
  };
  const sizes = new Float32Array(outputHeight * outputWidth);
  for (let row = 0; row < outputHeight; row++) {
    for (let column = 0; column < outputWidth; column++)
      sizes[row * outputWidth + column] = along(0, row) * along(1, column);
  }
  return constant(gradient.graph, tensor('float32', [1, 1, outputHeight, outputWidth], sizes));
}

const globalAveragePoolRule: GradientRule = (site) => {
  const x = site.input(0);
  return [mul(site.gradient, 1 / elementCount(x.shape.slice(2)))];
};

export const poolingRules: Readonly<Record<string, GradientRule>> = {
  AveragePool: averagePoolRule,
  GlobalAveragePool: globalAveragePoolRule,
  MaxPool: maxPoolRule,
};
