// ResNet with output stride 8 (He et al. 2016, dilated as in Yu, Koltun and Funkhouser 2017), as PSPNet uses it.
import type { Value } from '../onnx/graph.js';
import { add, maxPool, relu } from '../onnx/ops.js';
import { batchNorm } from './batchNorm.js';
import { convolution } from './convolution.js';
import type { Mode } from './mode.js';
import { scaleWidth } from './width.js';

export interface ResNetOptions {
  readonly depth: 18 | 50 | 101;
  readonly mode: Mode;
  /** Factor on all channel numbers. Default 1. */
  readonly widthMultiplier?: number;
}

/** Outputs of the four stages; strides 4, 8, 8, 8. */
export interface ResNetStages {
  readonly layer1: Value;
  readonly layer2: Value;
  readonly layer3: Value;
  readonly layer4: Value;
}

interface Variant {
  /** Residual blocks of each stage. */
  readonly blocks: readonly [number, number, number, number];
  readonly block: (x: Value, name: string, shape: BlockShape, mode: Mode) => Value;
  /** Channels of the stem's convolutions: one 7×7, or three 3×3. */
  readonly stem: readonly number[];
}

interface BlockShape {
  /** Channels inside the block; a bottleneck puts out four times as many. */
  readonly width: number;
  readonly stride: number;
  readonly dilation: number;
}

const variants: Readonly<Record<ResNetOptions['depth'], Variant>> = {
  18: { blocks: [2, 2, 2, 2], block: basicBlock, stem: [64] },
  50: { blocks: [3, 4, 6, 3], block: bottleneck, stem: [64, 64, 128] },
  101: { blocks: [3, 4, 23, 3], block: bottleneck, stem: [64, 64, 128] },
};

/** The last two stages keep their size and widen the spacing of their kernels instead. */
const stages = [
  { width: 64, stride: 1, dilation: 1 },
  { width: 128, stride: 2, dilation: 1 },
  { width: 256, stride: 1, dilation: 2 },
  { width: 512, stride: 1, dilation: 4 },
] as const;

/** Stages of N×3×H×W, with parameters `layer0` (the stem) to `layer4`. */
export function resNet(image: Value, { depth, mode, widthMultiplier = 1 }: ResNetOptions): ResNetStages {
  const { blocks, block, stem } = variants[depth];
  let x = image;
  stem.forEach((channels, i) => {
    const shape = { channels: scaleWidth(channels, widthMultiplier), kernel: stem.length === 1 ? 7 : 3 };
    const convolved = convolution(x, `layer0.${3 * i}`, { ...shape, stride: i === 0 ? 2 : 1 });
    x = relu(batchNorm(convolved, `layer0.${3 * i + 1}`, mode));
  });
  x = maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  const [layer1, layer2, layer3, layer4] = stages.map(({ width, stride, dilation }, stage) => {
    for (let i = 0; i < blocks[stage]; i++) {
      const shape = { width: scaleWidth(width, widthMultiplier), stride: i === 0 ? stride : 1, dilation };
      x = block(x, `layer${stage + 1}.${i}`, shape, mode);
    }
    return x;
  });
  return { layer1, layer2, layer3, layer4 };
}

function basicBlock(x: Value, name: string, { width, stride, dilation }: BlockShape, mode: Mode): Value {
  let y = convolution(x, `${name}.conv1`, { channels: width, kernel: 3, stride });
  y = relu(batchNorm(y, `${name}.bn1`, mode));
  y = convolution(y, `${name}.conv2`, { channels: width, kernel: 3, dilation });
  y = batchNorm(y, `${name}.bn2`, mode);
  return relu(add(y, shortcut(x, name, width, stride, mode)));
}

function bottleneck(x: Value, name: string, { width, stride, dilation }: BlockShape, mode: Mode): Value {
  let y = convolution(x, `${name}.conv1`, { channels: width });
  y = relu(batchNorm(y, `${name}.bn1`, mode));
  y = convolution(y, `${name}.conv2`, { channels: width, kernel: 3, stride, dilation });
  y = relu(batchNorm(y, `${name}.bn2`, mode));
  y = convolution(y, `${name}.conv3`, { channels: 4 * width });
  y = batchNorm(y, `${name}.bn3`, mode);
  return relu(add(y, shortcut(x, name, 4 * width, stride, mode)));
}

/** The block's input, projected where its shape changes. */
function shortcut(x: Value, name: string, channels: number, stride: number, mode: Mode): Value {
  if (stride === 1 && x.shape[1] === channels) return x;
  return batchNorm(convolution(x, `${name}.downsample.0`, { channels, stride }), `${name}.downsample.1`, mode);
}
