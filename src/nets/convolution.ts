// A convolution whose weights are declared by state-dict name.
import { type Initialization, parameter, type Value } from '../onnx/graph.js';
import { conv } from '../onnx/ops.js';

export interface ConvolutionOptions {
  /** Output channels. */
  readonly channels: number;
  /** Side of the square kernel. Default 1. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly group?: number;
  /** Zeros on every side. Default: as many as keep the size at stride 1. */
  readonly padding?: number;
  readonly bias?: boolean;
  /**
   * How it starts without weights: Kaiming normal over the fan-out (`backbone`, default), PyTorch's default (`head`), or
   * normal of deviation 0.02 with biases 0 (`transformer`).
   */
  readonly initialization?: 'backbone' | 'head' | 'transformer';
}

/** Adds `name.weight`, and `name.bias` when asked for, and convolves N×C×H×W with them. */
export function convolution(x: Value, name: string, options: ConvolutionOptions): Value {
  const { channels, kernel = 1, stride = 1, dilation = 1, group = 1, bias = false } = options;
  const { padding = (dilation * (kernel - 1)) / 2, initialization = 'backbone' } = options;
  const inputs = x.shape[1] / group;
  const starts = startsOf(initialization, inputs * kernel ** 2, channels * kernel ** 2);
  const weight = parameter(x.graph, `${name}.weight`, [channels, inputs, kernel, kernel], starts.weight);
  const offset = bias ? parameter(x.graph, `${name}.bias`, [channels], starts.bias) : undefined;
  return convolve(x, weight, offset, { stride, padding, dilation, group });
}

function startsOf(
  initialization: 'backbone' | 'head' | 'transformer',
  fanIn: number,
  fanOut: number,
): { weight: Initialization; bias: Initialization } {
  const uniform: Initialization = { kind: 'uniform', fan: fanIn };
  switch (initialization) {
    case 'backbone':
      return { weight: { kind: 'kaimingNormal', fan: fanOut }, bias: uniform };
    case 'head':
      return { weight: uniform, bias: uniform };
    case 'transformer':
      return { weight: { kind: 'normal', deviation: 0.02 }, bias: { kind: 'constant', value: 0 } };
  }
}

interface Geometry {
  readonly stride?: number;
  readonly padding: number;
  readonly dilation?: number;
  readonly group?: number;
}

/** Convolves N×C×H×W with O×C/group×k×k. */
export function convolve(x: Value, weight: Value, bias: Value | undefined, geometry: Geometry): Value {
  const { stride = 1, padding, dilation = 1, group = 1 } = geometry;
  return conv(x, weight, bias, {
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    dilations: [dilation, dilation],
    group,
  });
}
