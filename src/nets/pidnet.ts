// PIDNet (Xu, Xiong and Bhattacharyya, CVPR 2023): branches for detail, context and boundaries.
import type { Value } from '../onnx/graph.js';
import { add, mul, reduceSum, relu, sigmoid, sub } from '../onnx/ops.js';
import { deepContext, parallelContext } from './contextPooling.js';
import type { Mode } from './mode.js';
import { activatedConvolution, normalizedConvolution } from './normalizedConvolution.js';
import { basicLayer, bottleneckLayer, enlargedTo, openBasicBlock, openHead, quarterStem } from './openBlocks.js';
import type { SegmentationOptions, SegmentationOutputs } from './segmentationNetwork.js';

export type PidNetSize = 's' | 'm' | 'l';

interface Variant {
  /** Channels of the stem. */
  readonly width: number;
  /** Blocks of the layers up to 1/8, and of `layer3` and `layer4`. */
  readonly blocks: readonly [early: number, late: number];
  readonly branch: number;
  readonly headWidth: number;
  /** Whether boundaries, pooling and fusion are the light ones. */
  readonly light: boolean;
}

const variants: Readonly<Record<PidNetSize, Variant>> = {
  s: { width: 32, blocks: [2, 3], branch: 96, headWidth: 128, light: true },
  m: { width: 64, blocks: [2, 3], branch: 96, headWidth: 128, light: true },
  l: { width: 64, blocks: [3, 4], branch: 112, headWidth: 256, light: false },
};

/** Logits and both training heads at ⌈H/8⌉×⌈W/8⌉; the authors' heads read their branches after the ReLU. */
export function pidNet(image: Value, size: PidNetSize, { classes, mode }: SegmentationOptions): SegmentationOutputs {
  const { width, blocks, branch, headWidth, light } = variants[size];
  const [early, late] = blocks;
  const half = 2 * width;
  const stem = quarterStem(image, 'conv1', width, mode);
  const layer1 = relu(basicLayer(stem, 'layer1', { channels: width, blocks: early }, mode));
  const layer2 = relu(basicLayer(layer1, 'layer2', { channels: half, blocks: early, stride: 2 }, mode));

  // Context (I), detail (P) and boundary (D) from here on.
  const layer3 = relu(basicLayer(layer2, 'layer3', { channels: 4 * width, blocks: late, stride: 2 }, mode));
  const earlyBoundary = openBasicBlock(layer2, 'layer3_d', { channels: light ? width : half, stride: 1 }, mode);
  let detail = basicLayer(layer2, 'layer3_', { channels: half, blocks: early }, mode);
  detail = relu(guided(detail, narrowed(layer3, 'compression3', half, mode), 'pag3', width, mode));
  let boundary = relu(add(earlyBoundary, widened(layer3, 'diff3', earlyBoundary, mode)));
  const auxiliary = openHead(detail, 'seghead_p', { width: headWidth, classes }, mode);

  const layer4 = relu(basicLayer(layer3, 'layer4', { channels: 8 * width, blocks: late, stride: 2 }, mode));
  const lateBoundary = light
    ? bottleneckLayer(boundary, 'layer4_d', { channels: width, blocks: 1 }, mode)
    : openBasicBlock(boundary, 'layer4_d', { channels: half, stride: 1 }, mode);
  detail = basicLayer(detail, 'layer4_', { channels: half, blocks: early }, mode);
  detail = relu(guided(detail, narrowed(layer4, 'compression4', half, mode), 'pag4', width, mode));
  boundary = relu(add(lateBoundary, widened(layer4, 'diff4', lateBoundary, mode)));
  const boundaryScores = openHead(boundary, 'seghead_d', { width, classes: 1 }, mode);

  detail = bottleneckLayer(detail, 'layer5_', { channels: half, blocks: 1 }, mode);
  boundary = bottleneckLayer(boundary, 'layer5_d', { channels: half, blocks: 1 }, mode);
  const layer5 = bottleneckLayer(layer4, 'layer5', { channels: 8 * width, blocks: 2, stride: 2 }, mode);
  const pooling = { branch, channels: 4 * width };
  const context = (light ? parallelContext : deepContext)(layer5, 'spp', pooling, mode);
  const fea = (light ? lightFusion : fusion)(detail, enlargedTo(context, detail), boundary, mode);
  return {
    logits: openHead(fea, 'final_layer', { width: headWidth, classes }, mode),
    auxiliary,
    boundary: boundaryScores,
    features: { layer1, layer2, layer3, layer4, layer5, spp: context, fea },
  };
}

function narrowed(x: Value, name: string, channels: number, mode: Mode): Value {
  return normalizedConvolution(x, name, { channels }, mode);
}

/** What the context branch adds to the boundary branch. */
function widened(x: Value, name: string, boundary: Value, mode: Mode): Value {
  return enlargedTo(normalizedConvolution(x, name, { channels: boundary.shape[1], kernel: 3 }, mode), boundary);
}

/** Pixel-attention-guided fusion: where both branches agree, the context's value is taken, elsewhere the detail's. */
function guided(detail: Value, context: Value, name: string, channels: number, mode: Mode): Value {
  const ofDetail = narrowed(detail, `${name}.f_x`, channels, mode);
  const ofContext = enlargedTo(narrowed(context, `${name}.f_y`, channels, mode), detail);
  const agreement = sigmoid(reduceSum(mul(ofDetail, ofContext), [1]));
  return add(mul(sub(1, agreement), detail), mul(agreement, enlargedTo(context, detail)));
}

/** Boundary-attention-guided fusion: detail at boundaries, context elsewhere. */
function fusion(detail: Value, context: Value, boundary: Value, mode: Mode): Value {
  const edge = sigmoid(boundary);
  const mixed = add(mul(edge, detail), mul(sub(1, edge), context));
  return activatedConvolution(mixed, 'dfm.conv', { channels: detail.shape[1], kernel: 3 }, mode);
}

/** The same with two 1×1 convolutions in place of a 3×3 one. */
function lightFusion(detail: Value, context: Value, boundary: Value, mode: Mode): Value {
  const edge = sigmoid(boundary);
  const channels = detail.shape[1];
  const ofDetail = narrowed(add(mul(sub(1, edge), context), detail), 'dfm.conv_p', channels, mode);
  return add(ofDetail, narrowed(add(context, mul(edge, detail)), 'dfm.conv_i', channels, mode));
}
