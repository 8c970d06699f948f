// The four kinds of networks FlowNet2 is stacked from: FlowNetC, FlowNetS, FlowNetSD and the fusion network.
import type { Value } from '../../onnx/graph.js';
import { concat } from '../../onnx/ops.js';
import { correlation } from '../correlation.js';
import { activate, convolve } from './layers.js';
import { type Level, refine } from './refinement.js';

/** FlowNetC: both images by themselves, then their correlation. Flow/20 at a quarter of the size. */
export function flowNetC(first: Value, second: Value, name: string): Value {
  const [conv2, conv3] = stem(first, name);
  const [, other] = stem(second, name);
  const redirected = convolve(conv3, `${name}.conv_redir`, 32, 1);
  const matched = concat([redirected, activate(correlation(conv3, other))], 1);
  return refine(name, [...deepLevels(convolve(matched, `${name}.conv3_1`, 256), name), { level: 2, features: conv2 }]);
}

/** FlowNetS: everything in one stack of channels. Flow/20 at a quarter of the size. */
export function flowNetS(x: Value, name: string): Value {
  const [conv2, conv3] = stem(x, name);
  const levels = [...deepLevels(convolve(conv3, `${name}.conv3_1`, 256), name), { level: 2, features: conv2 }];
  return refine(name, levels, { flowBias: false });
}

/** FlowNetSD, for small displacements: small kernels, more of them. 20 times the flow at a quarter of the size. */
export function flowNetSD(x: Value, name: string): Value {
  const conv0 = convolve(x, `${name}.conv0`, 64);
  const conv1 = convolve(convolve(conv0, `${name}.conv1`, 64, 3, 2), `${name}.conv1_1`, 128);
  const conv2 = convolve(convolve(conv1, `${name}.conv2`, 128, 3, 2), `${name}.conv2_1`, 128);
  const conv3 = convolve(convolve(conv2, `${name}.conv3`, 256, 3, 2), `${name}.conv3_1`, 256);
  return refine(name, [...deepLevels(conv3, name), { level: 2, features: conv2 }], { smoothed: true });
}

/** The fusion network: flow at the input's size. */
export function flowNetFusion(x: Value, name: string): Value {
  const conv0 = convolve(x, `${name}.conv0`, 64);
  const conv1 = convolve(convolve(conv0, `${name}.conv1`, 64, 3, 2), `${name}.conv1_1`, 128);
  const conv2 = convolve(convolve(conv1, `${name}.conv2`, 128, 3, 2), `${name}.conv2_1`, 128);
  const levels = [conv2, conv1, conv0].map((features, i) => ({ level: 2 - i, features }));
  return refine(name, levels, { smoothed: true });
}

/** Features at a quarter and an eighth of the size. */
function stem(x: Value, name: string): [Value, Value] {
  const conv1 = convolve(x, `${name}.conv1`, 64, 7, 2);
  const conv2 = convolve(conv1, `${name}.conv2`, 128, 5, 2);
  return [conv2, convolve(conv2, `${name}.conv3`, 256, 5, 2)];
}

/** Levels 6 to 3 from the features of level 3. */
function deepLevels(conv3: Value, name: string): Level[] {
  const levels: Level[] = [{ level: 3, features: conv3 }];
  let x = conv3;
  for (const [level, channels] of [
    [4, 512],
    [5, 512],
    [6, 1024],
  ] as const) {
    x = convolve(convolve(x, `${name}.conv${level}`, channels, 3, 2), `${name}.conv${level}_1`, channels);
    levels.unshift({ level, features: x });
  }
  return levels;
}
