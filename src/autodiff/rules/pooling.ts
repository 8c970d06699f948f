// Gradients of pooling.

import { addNode, constant, type GradientRule, type GradientSite, type Value } from '../../onnx/graph.js';
import { type Window, windowOf } from '../../onnx/inference/convolution.js';
import { convTranspose, div, filled, mul, reshape, scatterElements, slice } from '../../onnx/ops.js';
import { elementCount, tensor } from '../../tensor/tensor.js';

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
  const spatial = x.shape.slice(2);
  const window = windowOf({ ...site.node, outputCount: 1 }, site.numbers('kernel_shape', []), spatial);
  const { kernel, strides, dilations, pads } = window;
  const channels = x.shape[1];
  const shape = [channels, 1, ...kernel];
  const ones = constant(x.graph, tensor('float32', shape, new Float32Array(elementCount(shape)).fill(1)));
  // Spread over the padded input, of which the input is a part; rows that no window reached stay zero.
  const outputPadding = spatial.map((size, axis) => {
    const reached = (gradient.shape[2 + axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
    return Math.max(0, pads[axis] + size - reached);
  });
  const spread = convTranspose(div(gradient, windowSizes(site, gradient, window)), ones, undefined, {
    strides,
    dilations,
    group: channels,
    outputPadding,
  });
  const ends = spatial.map((size, axis) => pads[axis] + size);
  return [
    slice(
      spread,
      spatial.map((_, axis) => axis + 2),
      pads.slice(0, spatial.length),
      ends,
    ),
  ];
};

/** How many values each window averaged: 1×1×…. */
function windowSizes(site: GradientSite, gradient: Value, window: Window): Value {
  const { kernel, strides, dilations, pads } = window;
  const input = site.input(0).shape.slice(2);
  const outputs = gradient.shape.slice(2);
  const includePad = site.number('count_include_pad', 0) === 1;
  const along = outputs.map((length, axis) => {
    const [first, end] = includePad ? [-pads[axis], input[axis] + pads[outputs.length + axis]] : [0, input[axis]];
    return Array.from({ length }, (_, output) => {
      const taps = Array.from(
        { length: kernel[axis] },
        (_, tap) => output * strides[axis] - pads[axis] + tap * dilations[axis],
      );
      return taps.filter((position) => position >= first && position < end).length;
    });
  });
  const sizes = along.reduce((products, list) => products.flatMap((size) => list.map((other) => size * other)), [1]);
  return constant(gradient.graph, tensor('float32', [1, 1, ...outputs], Float32Array.from(sizes)));
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
