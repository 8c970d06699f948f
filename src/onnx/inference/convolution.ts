// Shapes of convolutions, pooling and normalisation.
import type { Shape } from '../../tensor/tensor.js';
import {
  inputAt,
  intAttribute,
  intsAttribute,
  refuse,
  type ShapeRule,
  type Site,
  stringAttribute,
  type ValueType,
} from './rule.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
}

/**
 * Kernel, strides, dilations and explicit paddings of a windowed operator, `auto_pad` resolved for the input's spatial size
 * (as the engine does, which leaves dilation out of it).
 */
export function windowOf(site: Site, kernel: readonly number[], spatial: Shape): Window {
  const axes = spatial.length;
  const strides = intsAttribute(site, 'strides', Array(axes).fill(1));
  const dilations = intsAttribute(site, 'dilations', Array(axes).fill(1));
  const autoPad = stringAttribute(site, 'auto_pad', 'NOTSET');
  const explicit = intsAttribute(site, 'pads', Array(2 * axes).fill(0));
  for (const [name, list, length] of [
    ['kernel', kernel, axes],
    ['strides', strides, axes],
    ['dilations', dilations, axes],
    ['pads', explicit, 2 * axes],
  ] as const) {
    if (list.length !== length) throw refuse(site, `expected ${length} ${name}, found ${list.length}`);
  }
  if (strides.some((stride) => stride < 1) || dilations.some((dilation) => dilation < 1)) {
    throw refuse(site, 'strides and dilations must be at least 1');
  }
  if (autoPad === 'NOTSET') return { kernel, strides, dilations, pads: explicit };
  if (autoPad === 'VALID') return { kernel, strides, dilations, pads: Array(2 * axes).fill(0) };
  const total = spatial.map((size, axis) => {
    const outputs = Math.ceil(size / strides[axis]);
    return Math.max(0, (outputs - 1) * strides[axis] + kernel[axis] - size);
  });
  const small = total.map((padding) => Math.floor(padding / 2));
  const large = total.map((padding, axis) => padding - small[axis]);
  return { kernel, strides, dilations, pads: autoPad === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small] };
}

function slidingSize(site: Site, spatial: Shape, window: Window, ceil: boolean): number[] {
  const axes = spatial.length;
  return spatial.map((size, axis) => {
    const reach = window.dilations[axis] * (window.kernel[axis] - 1) + 1;
    const span = size + window.pads[axis] + window.pads[axes + axis] - reach;
    const steps = span / window.strides[axis];
    let outputs = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that would start in the end padding is left out (as PyTorch and ONNX Runtime do).
    if (ceil && (outputs - 1) * window.strides[axis] >= size + window.pads[axis]) outputs--;
    if (span < 0 || outputs < 1)
      throw refuse(site, `the window ${window.kernel.join('×')} does not fit into ${spatial.join('×')}`);
    return outputs;
  });
}

const conv: ShapeRule = (site) => {
  const [x, weight] = [inputAt(site, 0), inputAt(site, 1)];
  const group = intAttribute(site, 'group', 1);
  if (x.shape.length < 3 || x.shape.length !== weight.shape.length) {
    throw refuse(site, 'expected input and weight of the same rank, at least 3');
  }
  const [batch, channels, ...spatial] = x.shape;
  const [outputs, perGroup, ...kernel] = weight.shape;
  if (channels !== perGroup * group) {
    throw refuse(
      site,
      `expected ${perGroup * group} input channels (${perGroup} × ${group} groups), found ${channels}`,
    );
  }
  if (outputs % group !== 0) throw refuse(site, `${outputs} output channels do not divide into ${group} groups`);
  const dilated = intsAttribute(site, 'dilations', []).some((dilation) => dilation > 1);
  if (dilated && stringAttribute(site, 'auto_pad', 'NOTSET').startsWith('SAME')) {
    throw refuse(site, 'the engine pads no dilated convolutions of its own; export with explicit pads');
  }
  const bias = site.inputs[2];
  if (bias && bias.shape.join() !== String(outputs)) throw refuse(site, `expected a bias of ${outputs} values`);
  if (x.dtype !== weight.dtype) throw refuse(site, `expected one element type, found ${x.dtype} and ${weight.dtype}`);
  return [
    { dtype: x.dtype, shape: [batch, outputs, ...slidingSize(site, spatial, windowOf(site, kernel, spatial), false)] },
  ];
};

const convTranspose: ShapeRule = (site) => {
  const [x, weight] = [inputAt(site, 0), inputAt(site, 1)];
  const group = intAttribute(site, 'group', 1);
  const [batch, channels, ...spatial] = x.shape;
  const [inputs, perGroup, ...kernel] = weight.shape;
  if (x.shape.length !== weight.shape.length) throw refuse(site, 'expected input and weight of the same rank');
  const bias = site.inputs[2];
  if (bias && bias.shape.join() !== String(perGroup * group)) {
    throw refuse(site, `expected a bias of ${perGroup * group} values`);
  }
  if (channels !== inputs) throw refuse(site, `expected ${inputs} input channels, found ${channels}`);
  if (stringAttribute(site, 'auto_pad', 'NOTSET') !== 'NOTSET' || site.attributes.output_shape) {
    throw refuse(site, 'expected explicit pads, found auto_pad or output_shape');
  }
  const { strides, dilations, pads } = windowOf(site, kernel, spatial);
  const extra = intsAttribute(site, 'output_padding', Array(spatial.length).fill(0));
  const size = spatial.map(
    (length, axis) =>
      strides[axis] * (length - 1) +
      extra[axis] +
      (kernel[axis] - 1) * dilations[axis] +
      1 -
      pads[axis] -
      pads[spatial.length + axis],
  );
  if (size.some((length) => length < 1)) throw refuse(site, `the pads leave ${size.join('×')} of the output`);
  return [{ dtype: x.dtype, shape: [batch, perGroup * group, ...size] }];
};

const pool: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const [batch, channels, ...spatial] = shape;
  const window = windowOf(site, intsAttribute(site, 'kernel_shape', []), spatial);
  const pooled = [batch, channels, ...slidingSize(site, spatial, window, intAttribute(site, 'ceil_mode', 0) === 1)];
  const outputs: ValueType[] = [{ dtype, shape: pooled }];
  if (site.outputCount > 1) outputs.push({ dtype: 'int64', shape: pooled });
  return outputs;
};

const globalPool: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  return [{ dtype, shape: shape.map((size, axis) => (axis < 2 ? size : 1)) }];
};

const batchNormalization: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const channels = shape[1];
  for (const [index, what] of [
    [1, 'scale'],
    [2, 'bias'],
    [3, 'mean'],
    [4, 'variance'],
  ] as const) {
    const found = inputAt(site, index).shape.join('×');
    if (found !== String(channels)) throw refuse(site, `expected a ${what} of ${channels} values, found ${found}`);
  }
  const statistics: ValueType = { dtype, shape: [channels] };
  const all: ValueType[] = [{ dtype, shape }, statistics, statistics];
  return all.slice(0, intAttribute(site, 'training_mode', 0) === 1 ? 3 : 1);
};

export const convolutionRules: Readonly<Record<string, ShapeRule>> = {
  AveragePool: pool,
  BatchNormalization: batchNormalization,
  Conv: conv,
  ConvTranspose: convTranspose,
  GlobalAveragePool: globalPool,
  MaxPool: pool,
};
