// The heads that turn features into class scores.
import { parameter, type Value } from '../onnx/graph.js';
import { add, mul, relu, reshape, slice } from '../onnx/ops.js';
import { batchNorm, batchNormScale } from './batchNorm.js';
import { convolution, convolve } from './convolution.js';
import { enlargedConvolution } from './enlargedConvolution.js';
import type { Mode } from './mode.js';

export interface HeadOptions {
  readonly classes: number;
  /** Channels between its two convolutions. */
  readonly width: number;
  readonly mode: Mode;
}

/** N×C×h×w → N×classes×h×w logits: 3×3 convolution, batch normalisation, ReLU, channel dropout, 1×1 convolution. */
export function segmentationHead(x: Value, name: string, options: HeadOptions): Value {
  const y = convolution(x, `${name}.0`, { channels: options.width, kernel: 3, initialization: 'head' });
  return scores(relu(batchNorm(y, `${name}.1`, options.mode)), name, options);
}

/**
 * The same on `pyramidFeatures(x, levels)`, without computing those: what the 3×3 convolution adds for the enlarged
 * levels, half of its work, follows from the few bins that they have.
 */
export function pyramidHead(x: Value, levels: readonly Value[], name: string, options: HeadOptions): Value {
  const { width, mode } = options;
  const own = x.shape[1];
  const inputs = levels.reduce((sum, level) => sum + level.shape[1], own);
  const weight = parameter(x.graph, `${name}.0.weight`, [width, inputs, 3, 3], { kind: 'uniform', fan: inputs * 9 });
  const direct = convolve(x, slice(weight, [1], [0], [own]), undefined, { padding: 1 });
  const rest = slice(weight, [1], [own], [inputs]);
  const size = [x.shape[2], x.shape[3]] as const;
  if (mode.kind === 'training') {
    const y = batchNorm(add(direct, enlargedConvolution(levels, rest, size)), `${name}.1`, mode);
    return scores(relu(y), name, options);
  }
  // Normalising before the sum lets the engine fold the normalisation into the convolution.
  const normalized = batchNorm(direct, `${name}.1`, mode);
  const scaled = mul(rest, reshape(batchNormScale(x.graph, `${name}.1`), [width, 1, 1, 1]));
  return scores(relu(add(normalized, enlargedConvolution(levels, scaled, size))), name, options);
}

function scores(x: Value, name: string, { classes, width, mode }: HeadOptions): Value {
  const mask = mode.kind === 'training' && mode.dropoutMask?.(name, [x.shape[0], width, 1, 1]);
  return convolution(mask ? mul(x, mask) : x, `${name}.4`, { channels: classes, bias: true, initialization: 'head' });
}
