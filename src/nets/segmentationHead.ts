// The head that turns features into class scores.
import type { Value } from '../onnx/graph.js';
import { mul, relu } from '../onnx/ops.js';
import { batchNorm } from './batchNorm.js';
import { convolution } from './convolution.js';
import type { Mode } from './mode.js';

export interface HeadOptions {
  readonly classes: number;
  /** Channels between its two convolutions. */
  readonly width: number;
  readonly mode: Mode;
}

/** N×C×h×w → N×classes×h×w logits: 3×3 convolution, batch normalisation, ReLU, channel dropout, 1×1 convolution. */
export function segmentationHead(x: Value, name: string, { classes, width, mode }: HeadOptions): Value {
  let y = convolution(x, `${name}.0`, { channels: width, kernel: 3, initialization: 'head' });
  y = relu(batchNorm(y, `${name}.1`, mode));
  const mask = mode.kind === 'training' && mode.dropoutMask?.(name, [y.shape[0], width, 1, 1]);
  if (mask) y = mul(y, mask);
  return convolution(y, `${name}.4`, { channels: classes, bias: true, initialization: 'head' });
}
