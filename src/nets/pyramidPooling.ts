// Pyramid pooling (Zhao et al., Pyramid Scene Parsing Network, CVPR 2017).
import { constant, type Value } from '../onnx/graph.js';
import { concat, matMul, relu, resize, slice } from '../onnx/ops.js';
import { adaptiveAverageMatrix } from '../tensor/interpolation.js';
import { tensor } from '../tensor/tensor.js';
import { batchNorm } from './batchNorm.js';
import { convolution } from './convolution.js';
import type { Mode } from './mode.js';

const bins = [1, 2, 3, 6] as const;

/** The pyramid's levels before they are enlarged: averages of N×C×H×W over 1, 2², 3² and 6² bins as N×C/4×bins×bins. */
export function pyramidLevels(x: Value, name: string, mode: Mode): Value[] {
  const channels = x.shape[1] / bins.length;
  return pooled(x).map((average, level) => {
    const prefix = `${name}.features.${level}`;
    const y = convolution(average, `${prefix}.1`, { channels, initialization: 'head' });
    return relu(batchNorm(y, `${prefix}.2`, mode));
  });
}

/** N×2C×H×W: the input, and the levels enlarged to its size. */
export function pyramidFeatures(x: Value, levels: readonly Value[]): Value {
  const [, , height, width] = x.shape;
  const enlarged = levels.map((level) =>
    resize(level, [...level.shape.slice(0, 2), height, width], 'linear', 'align_corners'),
  );
  return concat([x, ...enlarged], 1);
}

/** Adaptive average pooling to all numbers of bins: along the rows at once, since reading the input is what takes time. */
function pooled(x: Value): Value[] {
  const [, , height, width] = x.shape;
  const total = bins.reduce((sum, bin) => sum + bin, 0);
  const columns = new Float32Array(width * total);
  let first = 0;
  const starts = bins.map((bin) => {
    adaptiveAverageMatrix(width, bin).forEach((value, i) => {
      columns[(i % width) * total + first + Math.floor(i / width)] = value;
    });
    first += bin;
    return first - bin;
  });
  const along = matMul(x, constant(x.graph, tensor('float32', [width, total], columns)));
  return bins.map((bin, level) => {
    const rows = constant(x.graph, tensor('float32', [bin, height], adaptiveAverageMatrix(height, bin)));
    return matMul(rows, slice(along, [3], [starts[level]], [starts[level] + bin]));
  });
}
