// DDRNet (Pan, Hong, Sun and Jia, T-ITS 2022): two resolutions that exchange what they know.
import type { Value } from '../onnx/graph.js';
import { add, relu } from '../onnx/ops.js';
import { deepContext } from './contextPooling.js';
import type { Mode } from './mode.js';
import { normalizedConvolution } from './normalizedConvolution.js';
import { basicLayer, bottleneckLayer, enlargedTo, openHead, quarterStem } from './openBlocks.js';
import type { SegmentationOptions, SegmentationOutputs } from './segmentationNetwork.js';

export type DdrNetSize = '23-slim' | '23';

const variants: Readonly<Record<DdrNetSize, { readonly width: number; readonly headWidth: number }>> = {
  '23-slim': { width: 32, headWidth: 64 },
  '23': { width: 64, headWidth: 128 },
};

/** Logits and the training head at ⌈H/8⌉×⌈W/8⌉. */
export function ddrNet(image: Value, size: DdrNetSize, { classes, mode }: SegmentationOptions): SegmentationOutputs {
  const { width, headWidth } = variants[size];
  const half = 2 * width;
  const layer = (x: Value, name: string, channels: number, stride = 1) =>
    basicLayer(x, name, { channels, blocks: 2, stride }, mode);
  const stem = quarterStem(image, 'conv1', width, mode);
  const layer1 = relu(layer(stem, 'layer1', width));
  const layer2 = relu(layer(layer1, 'layer2', half, 2));

  const layer3 = layer(layer2, 'layer3', 4 * width, 2);
  let high = layer(layer2, 'layer3_', half);
  const low = add(layer3, reduced(relu(high), 'down3', [4 * width], mode));
  high = add(high, enlargedTo(normalizedConvolution(relu(layer3), 'compression3', { channels: half }, mode), high));
  const auxiliary = openHead(high, 'seghead_extra', { width: headWidth, classes }, mode);

  const layer4 = layer(relu(low), 'layer4', 8 * width, 2);
  high = layer(relu(high), 'layer4_', half);
  const lower = add(layer4, reduced(relu(high), 'down4', [4 * width, 8 * width], mode));
  high = add(high, enlargedTo(normalizedConvolution(relu(layer4), 'compression4', { channels: half }, mode), high));

  high = bottleneckLayer(relu(high), 'layer5_', { channels: half, blocks: 1 }, mode);
  const layer5 = bottleneckLayer(relu(lower), 'layer5', { channels: 8 * width, blocks: 1, stride: 2 }, mode);
  const context = deepContext(layer5, 'spp', { branch: 128, channels: 4 * width }, mode);
  const fea = add(enlargedTo(context, high), high);
  return {
    logits: openHead(fea, 'final_layer', { width: headWidth, classes }, mode),
    auxiliary,
    features: { layer1, layer2, layer3, layer4, layer5, spp: context, fea },
  };
}

/** Strided 3×3 convolutions to these channels, normalised, with ReLU between them. */
function reduced(x: Value, name: string, channels: readonly number[], mode: Mode): Value {
  return channels.reduce(
    (y, count, i) =>
      normalizedConvolution(i === 0 ? y : relu(y), name, { channels: count, kernel: 3, stride: 2 }, mode, 3 * i),
    x,
  );
}
