// The layers all parts of FlowNet2 are made of.
import { parameter, type Value } from '../../onnx/graph.js';
import { convTranspose, leakyRelu } from '../../onnx/ops.js';
import { convolution } from '../convolution.js';

const slope = 0.1;

/** Leaky ReLU with FlowNet2's slope. */
export function activate(x: Value): Value {
  return leakyRelu(x, slope);
}

/** Convolution with bias, then leaky ReLU. */
export function convolve(x: Value, name: string, channels: number, kernel = 3, stride = 1): Value {
  const padding = (kernel - 1) / 2;
  const options = { channels, kernel, stride, padding, bias: true, initialization: 'head' } as const;
  return activate(convolution(x, `${name}.0`, options));
}

/** 3×3 convolution with bias and nothing after it. */
export function linear(x: Value, name: string, channels: number): Value {
  return convolution(x, name, { channels, kernel: 3, bias: true, initialization: 'head' });
}

/** Transposed 4×4 convolution that doubles height and width. */
export function doubled(x: Value, name: string, channels: number, bias = true): Value {
  const start = { kind: 'uniform', fan: channels * 16 } as const;
  const weight = parameter(x.graph, `${name}.weight`, [x.shape[1], channels, 4, 4], start);
  return convTranspose(x, weight, bias ? parameter(x.graph, `${name}.bias`, [channels], start) : undefined, {
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  });
}
