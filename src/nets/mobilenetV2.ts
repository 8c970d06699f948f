// MobileNetV2 (Sandler et al. 2018) with output stride 8 or 16, without its last 1×1 convolution.
import type { Value } from '../onnx/graph.js';
import { add, clip } from '../onnx/ops.js';
import { batchNorm } from './batchNorm.js';
import { type ConvolutionOptions, convolution } from './convolution.js';
import type { Mode } from './mode.js';
import { scaleWidth } from './width.js';

export interface MobileNetV2Options {
  readonly mode: Mode;
  /** Factor on all channel numbers. Default 1. */
  readonly widthMultiplier?: number;
  /** The stride from which on dilations stand in for strides. Default 8. */
  readonly outputStride?: 8 | 16;
}

/** Outputs of blocks by their number; strides 4, 8, and the last two the output stride. */
export interface MobileNetV2Stages {
  readonly features3: Value;
  readonly features6: Value;
  readonly features13: Value;
  readonly features17: Value;
}

/** Groups of inverted residual blocks: the first of each has the stride. */
const groups = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2 },
  { expansion: 6, channels: 32, blocks: 3, stride: 2 },
  { expansion: 6, channels: 64, blocks: 4, stride: 2 },
  { expansion: 6, channels: 96, blocks: 3, stride: 1 },
  { expansion: 6, channels: 160, blocks: 3, stride: 2 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1 },
] as const;

/** Stages of N×3×H×W, with parameters `features.0` to `features.17`. */
export function mobileNetV2(
  image: Value,
  { mode, widthMultiplier = 1, outputStride = 8 }: MobileNetV2Options,
): MobileNetV2Stages {
  const stem = { channels: scaleWidth(32, widthMultiplier), kernel: 3, stride: 2 };
  const features = [convolutionRelu6(image, 'features.0', stem, mode)];
  let reached = 2;
  let dilation = 1;
  for (const { blocks, stride, ...group } of groups) {
    const strided = reached * stride <= outputStride;
    if (strided) reached *= stride;
    else dilation *= stride;
    for (let i = 0; i < blocks; i++) {
      const shape = {
        ...group,
        channels: scaleWidth(group.channels, widthMultiplier),
        stride: strided && i === 0 ? stride : 1,
        dilation,
      };
      features.push(invertedResidual(features[features.length - 1], `features.${features.length}.conv`, shape, mode));
    }
  }
  return { features3: features[3], features6: features[6], features13: features[13], features17: features[17] };
}

interface BlockShape {
  readonly expansion: number;
  readonly channels: number;
  readonly stride: number;
  readonly dilation: number;
}

/** Widen by a 1×1 convolution, convolve each channel by itself, narrow by a linear 1×1 convolution; add the input where shapes allow. */
function invertedResidual(x: Value, name: string, shape: BlockShape, mode: Mode): Value {
  const { expansion, channels, stride, dilation } = shape;
  const inputs = x.shape[1];
  const hidden = Math.round(inputs * expansion);
  let layer = 0;
  let y = x;
  if (expansion !== 1) y = convolutionRelu6(y, `${name}.${layer++}`, { channels: hidden }, mode);
  const depthwise = { channels: hidden, kernel: 3, stride, dilation, group: hidden };
  y = convolutionRelu6(y, `${name}.${layer++}`, depthwise, mode);
  y = convolution(y, `${name}.${layer}`, { channels });
  y = batchNorm(y, `${name}.${layer + 1}`, mode);
  return stride === 1 && inputs === channels ? add(x, y) : y;
}

function convolutionRelu6(x: Value, name: string, options: ConvolutionOptions, mode: Mode): Value {
  return clip(batchNorm(convolution(x, `${name}.0`, options), `${name}.1`, mode), 0, 6);
}
