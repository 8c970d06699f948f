// Pyramid pooling by strided average pools: DAPPM of DDRNet (Pan et al., T-ITS 2022) and PAPPM of PIDNet (Xu et al., CVPR 2023).
import type { Value } from '../onnx/graph.js';
import { add, averagePool, concat, globalAveragePool } from '../onnx/ops.js';
import type { Mode } from './mode.js';
import { activatedConvolution } from './normalizedConvolution.js';
import { enlargedTo } from './openBlocks.js';

export interface ContextOptions {
  /** Channels of each scale. */
  readonly branch: number;
  /** Channels of the result. */
  readonly channels: number;
}

/** Kernels of the pools; strides are half of them, rounded down, and so is the padding, which counts in the mean. */
const kernels = [5, 9, 17] as const;

/** Scales one after the other: each is added to the one before and convolved. N×C×h×w → N×channels×h×w. */
export function deepContext(x: Value, name: string, options: ContextOptions, mode: Mode): Value {
  const { whole, pooled } = scales(x, name, options, mode);
  const levels = [whole];
  pooled.forEach((level, k) => {
    const sum = add(level, levels[k]);
    levels.push(activatedConvolution(sum, `${name}.process${k + 1}`, { channels: options.branch, kernel: 3 }, mode));
  });
  return compressed(x, name, levels, options, mode);
}

/** Scales side by side: each is added to the unpooled one, and one convolution in groups takes all of them. */
export function parallelContext(x: Value, name: string, options: ContextOptions, mode: Mode): Value {
  const { whole, pooled } = scales(x, name, options, mode);
  const all = concat(
    pooled.map((level) => add(level, whole)),
    1,
  );
  const grouped = { channels: all.shape[1], kernel: 3, group: pooled.length };
  const processed = activatedConvolution(all, `${name}.scale_process`, grouped, mode);
  return compressed(x, name, [whole, processed], options, mode);
}

/** `scale0`, and `scale1` to `scale4` (the last of a single cell), enlarged to its size. */
function scales(x: Value, name: string, { branch }: ContextOptions, mode: Mode): { whole: Value; pooled: Value[] } {
  const whole = activatedConvolution(x, `${name}.scale0`, { channels: branch }, mode);
  const averages = kernels.map((kernel) => {
    const half = Math.floor(kernel / 2);
    const pads = [half, half, half, half];
    return averagePool(x, { kernel: [kernel, kernel], strides: [half, half], pads, countIncludePad: true });
  });
  const pooled = [...averages, globalAveragePool(x)].map((average, k) =>
    enlargedTo(activatedConvolution(average, `${name}.scale${k + 1}`, { channels: branch }, mode, 1), whole),
  );
  return { whole, pooled };
}

function compressed(x: Value, name: string, levels: readonly Value[], { channels }: ContextOptions, mode: Mode): Value {
  const narrow = activatedConvolution(concat(levels, 1), `${name}.compression`, { channels }, mode);
  return add(narrow, activatedConvolution(x, `${name}.shortcut`, { channels }, mode));
}
