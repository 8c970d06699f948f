// DeepLabV3+ (Chen et al., ECCV 2018) on MobileNetV2, with separable convolutions and half the published channels in context and decoder.
import type { Value } from '../onnx/graph.js';
import { concat, globalAveragePool, mul, relu } from '../onnx/ops.js';
import { type ConvolutionOptions, convolution } from './convolution.js';
import { mobileNetV2 } from './mobilenetV2.js';
import type { Mode } from './mode.js';
import { normalizedConvolution } from './normalizedConvolution.js';
import { enlargedTo } from './openBlocks.js';
import type { SegmentationOptions, SegmentationOutputs } from './segmentationNetwork.js';

/** Dilations of the context's separable convolutions, at output stride 16. */
const rates = [6, 12, 18] as const;

/** Channels of the context, of the finer features that the decoder joins with it, and of the decoder. */
const contextWidth = 128;
const fineWidth = 48;
const decoderWidth = 128;

/** Logits at ⌈H/4⌉×⌈W/4⌉; there is no training head. */
export function deepLabV3PlusMobileNetV2(image: Value, { classes, mode }: SegmentationOptions): SegmentationOutputs {
  const { features3, features6, features13, features17 } = mobileNetV2(image, { mode, outputStride: 16 });
  const aspp = spatialPyramid(features17, 'aspp', mode);
  const fine = activated(features3, 'decoder.project', { channels: fineWidth }, mode);
  const joined = concat([fine, enlargedTo(aspp, fine)], 1);
  const fea = separable(joined, 'decoder.fuse', { channels: decoderWidth }, mode);
  const mask = mode.kind === 'training' && mode.dropoutMask?.('decoder', [fea.shape[0], decoderWidth, 1, 1]);
  const logits = convolution(mask ? mul(fea, mask) : fea, 'decoder.classifier', {
    channels: classes,
    bias: true,
    initialization: 'head',
  });
  const features = { 'features.3': features3, 'features.6': features6, 'features.13': features13 };
  return { logits, features: { ...features, 'features.17': features17, aspp, fea } };
}

/** Atrous spatial pyramid pooling: a 1×1 convolution, separable ones of three dilations and the mean of the whole map, side by side. */
function spatialPyramid(x: Value, name: string, mode: Mode): Value {
  const branch = { channels: contextWidth };
  const branches = [
    activated(x, `${name}.convs.0`, branch, mode),
    ...rates.map((dilation, i) => separable(x, `${name}.convs.${i + 1}`, { ...branch, dilation }, mode)),
    enlargedTo(activated(globalAveragePool(x), `${name}.convs.${rates.length + 1}`, branch, mode, 1), x),
  ];
  return activated(concat(branches, 1), `${name}.project`, branch, mode);
}

/** Each channel convolved by itself with 3×3, then a 1×1 convolution, normalised, ReLU. */
function separable(
  x: Value,
  name: string,
  { channels, dilation = 1 }: { readonly channels: number; readonly dilation?: number },
  mode: Mode,
): Value {
  const inputs = x.shape[1];
  const depthwise = convolution(x, `${name}.0`, {
    channels: inputs,
    kernel: 3,
    group: inputs,
    dilation,
    initialization: 'head',
  });
  return activated(depthwise, name, { channels }, mode, 1);
}

/** Convolution `name.first` and its normalisation, ReLU. */
function activated(x: Value, name: string, options: ConvolutionOptions, mode: Mode, first = 0): Value {
  return relu(normalizedConvolution(x, name, { ...options, initialization: 'head' }, mode, first));
}
