// Pyramid pooling (Zhao et al., Pyramid Scene Parsing Network, CVPR 2017).
import type { Value } from '../onnx/graph.js';
import { concat, relu, resize } from '../onnx/ops.js';
import { adaptiveAveragePool } from '../onnx/resample.js';
import { batchNorm } from './batchNorm.js';
import { convolution } from './convolution.js';
import type { Mode } from './mode.js';

const bins = [1, 2, 3, 6] as const;

/** N×C×H×W → N×2C×H×W: the input, and four times its averages over 1, 2², 3² and 6² bins as C/4 channels of the same size. */
export function pyramidPooling(x: Value, name: string, mode: Mode): Value {
  const [batch, inputs, height, width] = x.shape;
  const channels = inputs / bins.length;
  const levels = bins.map((bin, level) => {
    const prefix = `${name}.features.${level}`;
    let y = adaptiveAveragePool(x, bin, bin);
    y = convolution(y, `${prefix}.1`, { channels, initialization: 'head' });
    y = relu(batchNorm(y, `${prefix}.2`, mode));
    return resize(y, [batch, channels, height, width], 'linear', 'align_corners');
  });
  return concat([x, ...levels], 1);
}
