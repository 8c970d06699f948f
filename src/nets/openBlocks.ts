// Residual blocks that may end without an activation, stem and heads: what PIDNet and DDRNet are made of.
import type { Value } from '../onnx/graph.js';
import { add, relu, resize } from '../onnx/ops.js';
import { batchNorm } from './batchNorm.js';
import { convolution } from './convolution.js';
import type { Mode } from './mode.js';
import { normalizedConvolution } from './normalizedConvolution.js';

export interface LayerShape {
  /** Channels inside a block; a bottleneck puts out twice as many. */
  readonly channels: number;
  readonly blocks: number;
  /** Of the first block. Default 1. */
  readonly stride?: number;
}

/** Two strided 3×3 convolutions to a quarter of the size, with normalisation and ReLU each: `name.0`, `.1`, `.3` and `.4`. */
export function quarterStem(image: Value, name: string, channels: number, mode: Mode): Value {
  const options = { channels, kernel: 3, stride: 2, bias: true };
  const half = relu(normalizedConvolution(image, name, options, mode));
  return relu(normalizedConvolution(half, name, options, mode, 3));
}

/** Basic blocks `name.0`, `name.1`, …; the last of several ends without a ReLU, which is the caller's. */
export function basicLayer(x: Value, name: string, { channels, blocks, stride = 1 }: LayerShape, mode: Mode): Value {
  let y = x;
  for (let i = 0; i < blocks; i++) {
    const sum = openBasicBlock(y, `${name}.${i}`, { channels, stride: i === 0 ? stride : 1 }, mode);
    y = i > 0 && i === blocks - 1 ? sum : relu(sum);
  }
  return y;
}

/** Bottlenecks `name.0`, `name.1`, …, all of them without a ReLU after the sum. */
export function bottleneckLayer(
  x: Value,
  name: string,
  { channels, blocks, stride = 1 }: LayerShape,
  mode: Mode,
): Value {
  let y = x;
  for (let i = 0; i < blocks; i++) {
    y = openBottleneck(y, `${name}.${i}`, { channels, stride: i === 0 ? stride : 1 }, mode);
  }
  return y;
}

interface BlockShape {
  readonly channels: number;
  readonly stride: number;
}

/** Two 3×3 convolutions, plus the input, projected where its shape changes; no activation after the sum. */
export function openBasicBlock(x: Value, name: string, { channels, stride }: BlockShape, mode: Mode): Value {
  let y = convolution(x, `${name}.conv1`, { channels, kernel: 3, stride });
  y = relu(batchNorm(y, `${name}.bn1`, mode));
  y = convolution(y, `${name}.conv2`, { channels, kernel: 3 });
  return add(batchNorm(y, `${name}.bn2`, mode), shortcut(x, name, channels, stride, mode));
}

/** 1×1, strided 3×3 and 1×1 convolutions to twice the channels, plus the (projected) input; no activation after the sum. */
function openBottleneck(x: Value, name: string, { channels, stride }: BlockShape, mode: Mode): Value {
  let y = convolution(x, `${name}.conv1`, { channels });
  y = relu(batchNorm(y, `${name}.bn1`, mode));
  y = convolution(y, `${name}.conv2`, { channels, kernel: 3, stride });
  y = relu(batchNorm(y, `${name}.bn2`, mode));
  y = convolution(y, `${name}.conv3`, { channels: 2 * channels });
  return add(batchNorm(y, `${name}.bn3`, mode), shortcut(x, name, 2 * channels, stride, mode));
}

function shortcut(x: Value, name: string, channels: number, stride: number, mode: Mode): Value {
  if (stride === 1 && x.shape[1] === channels) return x;
  return normalizedConvolution(x, `${name}.downsample`, { channels, stride }, mode);
}

export interface OpenHeadOptions {
  /** Channels between its two convolutions. */
  readonly width: number;
  readonly classes: number;
}

/** Normalisation, ReLU, 3×3 convolution, normalisation, ReLU, 1×1 convolution with a bias: N×C×h×w → N×classes×h×w. */
export function openHead(x: Value, name: string, { width, classes }: OpenHeadOptions, mode: Mode): Value {
  const y = convolution(relu(batchNorm(x, `${name}.bn1`, mode)), `${name}.conv1`, { channels: width, kernel: 3 });
  return convolution(relu(batchNorm(y, `${name}.bn2`, mode)), `${name}.conv2`, { channels: classes, bias: true });
}

/** Bilinear, half-pixel centres, to the height and width of another value. */
export function enlargedTo(x: Value, other: Value): Value {
  const [, , height, width] = other.shape;
  return resize(x, [x.shape[0], x.shape[1], height, width], 'linear', 'half_pixel');
}
