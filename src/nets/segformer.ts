// SegFormer (Xie et al., NeurIPS 2021), in the form of Hugging Face: a hierarchical transformer and a head of linear maps.
import { SteadysegError } from '../base/errors.js';
import type { Value } from '../onnx/graph.js';
import { add, concat, mul, relu } from '../onnx/ops.js';
import { batchNorm } from './batchNorm.js';
import { type ConvolutionOptions, convolution } from './convolution.js';
import type { Mode } from './mode.js';
import { enlargedTo } from './openBlocks.js';
import type { SegmentationOptions, SegmentationOutputs } from './segmentationNetwork.js';
import { attention, gelu, imageOf, layerNorm, linear, tokensOf } from './transformer.js';

export type SegFormerSize = 'b0' | 'b1' | 'b2' | 'b3' | 'b4' | 'b5';

interface Variant {
  readonly channels: readonly [number, number, number, number];
  readonly blocks: readonly [number, number, number, number];
  readonly headWidth: number;
}

const wide = [64, 128, 320, 512] as const;

/** Channels and blocks of the stages, and the width of the head, by size. */
export const segFormerVariants: Readonly<Record<SegFormerSize, Variant>> = {
  b0: { channels: [32, 64, 160, 256], blocks: [2, 2, 2, 2], headWidth: 256 },
  b1: { channels: wide, blocks: [2, 2, 2, 2], headWidth: 256 },
  b2: { channels: wide, blocks: [3, 4, 6, 3], headWidth: 768 },
  b3: { channels: wide, blocks: [3, 4, 18, 3], headWidth: 768 },
  b4: { channels: wide, blocks: [3, 8, 27, 3], headWidth: 768 },
  b5: { channels: wide, blocks: [3, 6, 40, 3], headWidth: 768 },
};

/** By stage: heads of the attention, the factor that its keys and values are reduced by, and the patches' kernel and stride. */
const stages = [
  { heads: 1, reduction: 8, kernel: 7, stride: 4 },
  { heads: 2, reduction: 4, kernel: 3, stride: 2 },
  { heads: 5, reduction: 2, kernel: 3, stride: 2 },
  { heads: 8, reduction: 1, kernel: 3, stride: 2 },
] as const;

/** The smallest side whose first stage holds one window of reduced keys. */
const MIN_SIDE = 29;

/** Logits at ⌈H/4⌉×⌈W/4⌉; there is no training head. @throws SteadysegError for images of less than 29 pixels a side. */
export function segFormer(
  image: Value,
  size: SegFormerSize,
  { classes, mode }: SegmentationOptions,
): SegmentationOutputs {
  const [, , height, width] = image.shape;
  if (Math.min(height, width) < MIN_SIDE) {
    throw new SteadysegError(
      `expected at least ${MIN_SIDE}×${MIN_SIDE} pixels for SegFormer, found ${height}×${width}`,
    );
  }
  const { channels, blocks, headWidth } = segFormerVariants[size];
  const total = blocks.reduce((sum, count) => sum + count);
  const features: Value[] = [];
  let done = 0;
  stages.forEach((stage, i) => {
    const encoder = 'segformer.encoder';
    const patches = `${encoder}.patch_embeddings.${i}`;
    const { kernel, stride } = stage;
    const embedded = convolutionWithBias(features[i - 1] ?? image, `${patches}.proj`, {
      ...{ channels: channels[i], kernel, stride, padding: Math.floor(kernel / 2) },
    });
    const [, , rows, columns] = embedded.shape;
    let tokens = layerNorm(tokensOf(embedded), `${patches}.layer_norm`);
    for (let j = 0; j < blocks[i]; j++) {
      const shape = { rows, columns, ...stage, dropPath: done++ / (total - 1) };
      tokens = block(tokens, `${encoder}.block.${i}.${j}`, shape, mode);
    }
    features.push(imageOf(layerNorm(tokens, `${encoder}.layer_norm.${i}`), rows, columns));
  });
  const levels = features.map((feature, i) => {
    const narrow = linear(tokensOf(feature), `decode_head.linear_c.${i}.proj`, headWidth);
    return enlargedTo(imageOf(narrow, feature.shape[2], feature.shape[3]), features[0]);
  });
  const fused = convolution(concat(levels.reverse(), 1), 'decode_head.linear_fuse', { channels: headWidth });
  const fea = relu(batchNorm(fused, 'decode_head.batch_norm', mode));
  const mask = mode.kind === 'training' && mode.dropoutMask?.('decode_head', [fea.shape[0], headWidth, 1, 1]);
  const [stage0, stage1, stage2, stage3] = features;
  return {
    logits: convolutionWithBias(mask ? mul(fea, mask) : fea, 'decode_head.classifier', { channels: classes }),
    features: { stage0, stage1, stage2, stage3, fea },
  };
}

function convolutionWithBias(x: Value, name: string, options: ConvolutionOptions): Value {
  return convolution(x, name, { ...options, bias: true, initialization: 'transformer' });
}

interface BlockShape {
  readonly rows: number;
  readonly columns: number;
  readonly heads: number;
  readonly reduction: number;
  /** How often its residuals are dropped in training, as a share of the largest rate. */
  readonly dropPath: number;
}

function block(x: Value, name: string, shape: BlockShape, mode: Mode): Value {
  const { rows, columns, dropPath } = shape;
  const kept = (residual: Value, part: string) => {
    const mask = mode.kind === 'training' && mode.dropoutMask?.(`${name}.${part}`, [x.shape[0], 1, 1], dropPath);
    return mask ? mul(residual, mask) : residual;
  };
  const attended = reducedAttention(layerNorm(x, `${name}.layer_norm_1`), `${name}.attention`, shape);
  const y = add(kept(attended, 'attention'), x);
  const mixed = mixFeedForward(layerNorm(y, `${name}.layer_norm_2`), `${name}.mlp`, rows, columns);
  return add(kept(mixed, 'mlp'), y);
}

/** Attention whose keys and values are of an image reduced by a strided convolution. */
function reducedAttention(x: Value, name: string, { rows, columns, heads, reduction }: BlockShape): Value {
  const channels = x.shape[2];
  const query = linear(x, `${name}.self.query`, channels);
  let source = x;
  if (reduction > 1) {
    const options = { channels, kernel: reduction, stride: reduction, padding: 0 };
    const reduced = convolutionWithBias(imageOf(x, rows, columns), `${name}.self.sr`, options);
    source = layerNorm(tokensOf(reduced), `${name}.self.layer_norm`);
  }
  const key = linear(source, `${name}.self.key`, channels);
  const value = linear(source, `${name}.self.value`, channels);
  return linear(attention(query, key, value, heads), `${name}.output.dense`, channels);
}

/** Two linear maps with a depthwise convolution between them, which tells positions. */
function mixFeedForward(x: Value, name: string, rows: number, columns: number): Value {
  const channels = x.shape[2];
  const wider = imageOf(linear(x, `${name}.dense1`, 4 * channels), rows, columns);
  const depthwise = { channels: 4 * channels, kernel: 3, group: 4 * channels };
  const mixed = convolutionWithBias(wider, `${name}.dwconv.dwconv`, depthwise);
  return linear(gelu(tokensOf(mixed)), `${name}.dense2`, channels);
}
