// Operators as exporters write them, several forms of each: imported, they give what the engine gives, and the gradient of it.

import { describe, expect, it } from 'vitest';
import { importModel } from '#src/onnx/import.js';
import { type Attribute, type Attributes, float, int, ints, string } from '#src/onnx/model.js';
import { float32, int64, tensor } from '#src/tensor/tensor.js';
import { expectLikeEngine, modelOf, type NodeCase } from './checkNode.js';

const floats = (value: number[]): Attribute => ({ kind: 'floats', value });
const longs = (...values: number[]) => int64([values.length], values);
const scalarLong = (value: number) => int64([], [value]);
const whole = (...values: number[]) => tensor('int32', [], Int32Array.from(values));
const truth = (value: boolean) => tensor('bool', [], Uint8Array.of(Number(value)));
const microsoft = 'com.microsoft';
/** Keeps kinks at 0, ±0.5 and ±1 farther away than the differences' step. */
const offKinks = (x: number) => {
  const [kept, part] = [Math.trunc(2 * x), (2 * x) % 1];
  return (kept + Math.sign(x) * (0.1 + 0.8 * Math.abs(part))) / 2;
};
const positive = (x: number) => 0.5 + Math.abs(x);
const one = (op: string, attributes: Attributes = {}, rest: Partial<NodeCase> = {}): NodeCase => ({
  op,
  inputs: ['2×3×4'],
  attributes,
  draw: offKinks,
  ...rest,
});
const statistics = [float32([3], [0.3, -0.2, 0.1]), float32([3], [0.8, 1.7, 1.1])];

const activations: NodeCase[] = [
  one('Celu', { alpha: float(0.7) }),
  one('Celu'),
  one('Selu'),
  one('Selu', { alpha: float(1.2), gamma: float(0.9) }),
  one('Mish', {}, { opset: 18 }),
  one('Softsign'),
  one('ThresholdedRelu', { alpha: float(0.5) }),
  one('ThresholdedRelu'),
  one('Shrink', { lambd: float(0.5), bias: float(0.2) }),
  one('Gelu', {}, { opset: 20 }),
  one('Gelu', { approximate: string('tanh') }, { opset: 20 }),
  one('Gelu', {}, { domain: microsoft }),
  one('FastGelu', {}, { domain: microsoft, inputs: ['2×3×4', '4'] }),
  one('FastGelu', {}, { domain: microsoft }),
  one('BiasGelu', {}, { domain: microsoft, inputs: ['2×3×4', '4'] }),
  one('QuickGelu', { alpha: float(1.3) }, { domain: microsoft }),
  one('HardSwish'),
  one('HardSigmoid', { alpha: float(0.3), beta: float(0.4) }),
  one('LeakyRelu'),
  one('Elu'),
];
const functions: NodeCase[] = [
  ...['Sin', 'Cos', 'Tan', 'Sinh', 'Cosh', 'Atan', 'Asinh', 'Erf', 'Softplus', 'Abs'].map((op) =>
    one(op, {}, { step: 3e-3 }),
  ),
  ...['Asin', 'Acos', 'Atanh'].map((op) => one(op, {}, { draw: (x) => Math.tanh(x) * 0.8, step: 2e-3 })),
  one('Acosh', {}, { draw: (x) => 1.5 + Math.abs(x) }),
  ...['Ceil', 'Floor', 'Round', 'Sign'].map((op) => one(op)),
];
const arithmetic: NodeCase[] = [
  one('Sum', {}, { inputs: ['2×3', '3', '2×1'] }),
  one('Sum', {}, { inputs: ['2×3'] }),
  one('Mean', {}, { inputs: ['2×3', '3', '2×1'] }),
  one('Max', {}, { inputs: ['2×3', '3', '2×1'], draw: (x, i) => 3 * x + 0.3 * i }),
  one('Min', {}, { inputs: ['2×3', '3', '2×1', ''], draw: (x, i) => 3 * x + 0.3 * i }),
  one('Max', {}, { inputs: ['2×3'] }),
  ...[2, 3, 1, 0].map((exponent) => one('Pow', {}, { inputs: ['2×3', whole(exponent)] })),
  one('Pow', {}, { inputs: ['2×3', int64([1], [-1])], draw: positive }),
  one('Pow', {}, { inputs: ['2×3', '3'], draw: positive }),
  one(
    'Mod',
    { fmod: int(1) },
    { inputs: ['2×3', '3'], draw: (x, i) => (i === 0 ? 0.9 + 0.1 * Math.tanh(x) : 0.35 + 0.01 * x), step: 1e-3 },
  ),
  one('Clip', {}, { inputs: ['2×3', '', ''], draw: (x, i) => (i === 0 ? x : i === 1 ? -0.4 : 0.3) }),
  one('Clip', {}, { inputs: ['2×3', null, ''], draw: (x, i) => (i === 0 ? x : 0.3) }),
  one('Dropout', {}, { opset: 13 }),
  one('Dropout', { ratio: float(0.3) }, { opset: 9 }),
  one('Dropout', {}, { opset: 13, inputs: ['2×3', float32([], [0.3]), truth(false)] }),
  one('Dropout', {}, { opset: 13, inputs: ['2×3', float32([], [0]), truth(true)] }),
  one('Identity'),
];
const normalizations: NodeCase[] = [
  one('InstanceNormalization', { epsilon: float(0.01) }, { inputs: ['2×3×4×2', '3', '3'] }),
  one('InstanceNormalization', {}, { inputs: ['1×2×7', '2', '2'] }),
  one('InstanceNormalization', {}, { inputs: ['1×2×2×2×3', '2', '2'] }),
  one('GroupNormalization', { num_groups: int(2) }, { opset: 21, inputs: ['2×4×3×2', '4', '4'] }),
  one('GroupNormalization', { num_groups: int(2) }, { opset: 18, inputs: ['2×4×3×2', '2', '2'] }),
  one('GroupNormalization', { num_groups: int(1), epsilon: float(0.01) }, { opset: 21, inputs: ['2×4×5', '4', '4'] }),
  one('LayerNormalization', {}, { inputs: ['2×3×4', '4', '4'] }),
  one(
    'LayerNormalization',
    { axis: int(1), epsilon: float(0.02) },
    {
      inputs: ['2×3×4', '3×4'],
    },
  ),
  one(
    'LayerNormalization',
    { axis: int(-2) },
    {
      inputs: ['2×3×4', '3×4', '3×4'],
      outputs: 3,
    },
  ),
  one('LayerNormalization', { axis: int(0) }, { inputs: ['6', '6'] }),
  one('SimplifiedLayerNormalization', { epsilon: float(0.01) }, { inputs: ['2×3×4', '4'] }),
  one('RMSNormalization', { axis: int(-1), epsilon: float(0.01) }, { opset: 23, inputs: ['2×3×4', '4'] }),
  one(
    'RMSNormalization',
    { axis: int(1) },
    {
      opset: 23,
      inputs: ['2×3×4', '3×4'],
    },
  ),
  one(
    'SkipLayerNormalization',
    { epsilon: float(0.01) },
    { domain: microsoft, inputs: ['1×3×4', '1×3×4', '4', '4', '4'] },
  ),
  one(
    'SkipLayerNormalization',
    {},
    {
      domain: microsoft,
      inputs: ['1×3×4', '1×3×4', '4', '4'],
      outputs: [true, false, false, true],
    },
  ),
  one('SkipSimplifiedLayerNormalization', {}, { domain: microsoft, inputs: ['1×3×4', '1×3×4', '4', '4'] }),
  one('LpNormalization', { axis: int(1), p: int(2) }),
  one('LpNormalization', { axis: int(-1), p: int(1) }),
  one('LpNormalization'),
  one('LRN', { size: int(3), alpha: float(0.3), beta: float(0.6), bias: float(1.5) }, { inputs: ['1×5×2×2'] }),
  one('LRN', { size: int(5) }, { inputs: ['1×4×2×2'] }),
  one('MeanVarianceNormalization', {}, { inputs: ['2×3×2×2'] }),
  one('MeanVarianceNormalization', { axes: ints([2, 3]) }, { inputs: ['2×3×2×2'] }),
  one('BatchNormalization', { epsilon: float(0.01) }, { inputs: ['2×3×2×2', '3', '3', ...statistics] }),
  one(
    'BatchNormalization',
    { training_mode: int(1), epsilon: float(0.01) },
    {
      inputs: ['2×3×2×2', '3', '3', ...statistics],
      outputs: 3,
    },
  ),
  one(
    'BatchNormalization',
    { training_mode: int(1), momentum: float(0.3) },
    {
      opset: 14,
      inputs: ['4×3', '3', '3', ...statistics],
      outputs: 3,
    },
  ),
  one('BatchNormalization', {}, { opset: 8, inputs: ['2×3×2×2', '3', '3', ...statistics] }),
  one('BatchNormalization', { spatial: int(1) }, { opset: 7, inputs: ['2×3×2×2', '3', '3', ...statistics] }),
  one(
    'BatchNormalization',
    { momentum: float(0.7) },
    { opset: 9, inputs: ['2×3×2×2', '3', '3', ...statistics], outputs: 5 },
  ),
];
const olderSets: NodeCase[] = [
  one(
    'PRelu',
    {},
    {
      opset: 7,
      inputs: ['2×3×2', '3×1'],
    },
  ),
  one('Clip', { min: float(-0.2), max: float(0.4) }, { opset: 7 }),
  one('Pad', { pads: ints([0, 1, 2, 0]), value: float(0.5) }, { opset: 7, inputs: ['2×3'] }),
  one('Gemm', { transB: int(1) }, { opset: 7, inputs: ['2×3', '4×3', '4'] }),
  one('Softmax', {}, { opset: 8 }),
  one(
    'MaxPool',
    { kernel_shape: ints([2, 2]), strides: ints([2, 2]) },
    { opset: 8, inputs: ['1×2×4×4'], draw: (x) => 4 * x },
  ),
  one('AveragePool', { kernel_shape: ints([2, 3]), pads: ints([0, 1, 1, 1]) }, { opset: 7, inputs: ['1×2×4×4'] }),
  one('Slice', { axes: ints([-1]), starts: ints([1]), ends: ints([3]) }, { opset: 7 }),
  one('Split', { axis: int(1), split: ints([1, 2]) }, { opset: 7, outputs: 2 }),
  one('Squeeze', { axes: ints([0]) }, { opset: 7, inputs: ['1×3'] }),
  one('ReduceMean', { axes: ints([1]), keepdims: int(0) }, { opset: 7 }),
  one('Upsample', { scales: floats([1, 1, 2, 2]) }, { opset: 8, inputs: ['1×2×2×3'] }),
  one('Dropout', {}, { opset: 7 }),
  one('Mean', {}, { opset: 8, inputs: ['2×3', '3'] }),
  one('InstanceNormalization', {}, { opset: 7, inputs: ['1×2×3×3', '2', '2'] }),
];
const convolutions: NodeCase[] = [
  one('Conv', {}, { inputs: ['2×3×7', '4×3×3', '4'] }),
  one(
    'Conv',
    { strides: ints([2]), pads: ints([1, 2]), dilations: ints([2]) },
    {
      inputs: ['1×2×9', '2×2×3'],
    },
  ),
  one(
    'Conv',
    { group: int(2), pads: ints([1, 1]) },
    {
      inputs: ['1×4×6', '2×2×3'],
    },
  ),
  one(
    'Conv',
    { group: int(3), pads: ints([1, 1]), strides: ints([2]) },
    {
      inputs: ['1×3×6', '3×1×3'],
    },
  ),
  one(
    'Conv',
    { auto_pad: string('SAME_LOWER') },
    {
      inputs: ['1×2×6', '2×2×4'],
    },
  ),
  one('Conv', { pads: ints([1, 1, 1, 1, 1, 1]) }, { inputs: ['1×2×3×4×3', '2×2×3×3×3', '2'] }),
  one(
    'Conv',
    { strides: ints([2, 1, 2]), pads: ints([0, 1, 0, 1, 0, 1]) },
    {
      inputs: ['1×1×4×3×5', '2×1×2×2×3'],
    },
  ),
  one(
    'Conv',
    { group: int(2) },
    {
      inputs: ['1×2×3×3×3', '4×1×2×2×2'],
    },
  ),
  one(
    'Conv',
    { auto_pad: string('SAME_UPPER'), strides: ints([2, 2]) },
    {
      inputs: ['1×2×5×6', '2×2×3×4'],
    },
  ),
  one(
    'Conv',
    { auto_pad: string('VALID'), dilations: ints([2, 1]) },
    {
      inputs: ['1×2×5×4', '2×2×2×3'],
    },
  ),
  one('ConvTranspose', { strides: ints([2]) }, { inputs: ['2×2×4', '2×3×3', '3'] }),
  one(
    'ConvTranspose',
    { strides: ints([2, 1, 2]), pads: ints([1, 0, 0, 0, 1, 1]) },
    {
      inputs: ['1×2×2×3×2', '2×2×3×2×3'],
    },
  ),
  one(
    'ConvTranspose',
    { auto_pad: string('SAME_UPPER'), strides: ints([2, 2]) },
    {
      inputs: ['1×2×3×4', '2×2×3×4'],
    },
  ),
  one(
    'ConvTranspose',
    { auto_pad: string('SAME_LOWER'), strides: ints([2, 3]) },
    {
      inputs: ['1×2×3×4', '2×1×3×4'],
    },
  ),
  one(
    'ConvTranspose',
    { auto_pad: string('VALID'), strides: ints([2, 2]) },
    {
      inputs: ['1×2×3×4', '2×2×3×3'],
    },
  ),
  one(
    'ConvTranspose',
    { output_shape: ints([6, 8]), strides: ints([2, 2]) },
    {
      inputs: ['1×2×3×4', '2×2×3×3'],
    },
  ),
  one(
    'ConvTranspose',
    { output_shape: ints([6, 7]), strides: ints([2, 2]), auto_pad: string('SAME_UPPER') },
    {
      inputs: ['1×2×3×4', '2×2×3×4', '2'],
    },
  ),
  one(
    'ConvTranspose',
    { output_shape: ints([8, 10]), strides: ints([2, 2]), group: int(2) },
    {
      inputs: ['1×2×3×4', '2×1×3×3'],
    },
  ),
  one(
    'FusedConv',
    { activation: string('Relu'), pads: ints([1, 1, 1, 1]) },
    {
      domain: microsoft,
      inputs: ['1×2×4×4', '3×2×3×3', '3'],
      step: 1e-3,
    },
  ),
  one(
    'FusedConv',
    { activation: string('LeakyRelu'), activation_params: floats([0.2]), strides: ints([2, 2]) },
    {
      domain: microsoft,
      inputs: ['1×2×5×5', '3×2×3×3', '3'],
      step: 1e-3,
    },
  ),
  one(
    'FusedConv',
    { activation: string('Clip'), activation_params: floats([-0.8, 0.9]) },
    {
      domain: microsoft,
      inputs: ['1×2×4×4', '3×2×3×3', '3', '1×3×2×2'],
      step: 1e-3,
    },
  ),
  one('Col2Im', {}, { opset: 18, inputs: ['1×8×6', longs(4, 6), longs(2, 2)], attributes: { strides: ints([2, 2]) } }),
  one(
    'Col2Im',
    { pads: ints([1, 0, 1, 0]), dilations: ints([1, 2]) },
    {
      opset: 18,
      inputs: ['2×12×15', longs(4, 8), longs(3, 2)],
      attributes: { pads: ints([1, 1, 0, 1]), dilations: ints([1, 5]) },
    },
  ),
];
const pools: NodeCase[] = [
  one(
    'MaxPool',
    { kernel_shape: ints([3]), strides: ints([2]), pads: ints([1, 0]) },
    { inputs: ['2×2×7'], draw: (x) => 3 * x },
  ),
  one(
    'MaxPool',
    { kernel_shape: ints([2, 2, 2]), ceil_mode: int(1), strides: ints([2, 2, 2]) },
    { inputs: ['1×2×3×4×3'], draw: (x) => 5 * x, step: 1e-3 },
  ),
  one(
    'MaxPool',
    { kernel_shape: ints([2, 3]), dilations: ints([2, 1]), auto_pad: string('SAME_LOWER') },
    { inputs: ['1×2×5×4'], draw: (x) => 5 * x, step: 1e-3 },
  ),
  one(
    'MaxPool',
    { kernel_shape: ints([3, 3]), strides: ints([2, 2]), ceil_mode: int(1), pads: ints([1, 0, 1, 0]) },
    { inputs: ['1×1×6×6'], draw: (x) => 5 * x, step: 1e-3 },
  ),
  one('AveragePool', { kernel_shape: ints([3]), strides: ints([2]), pads: ints([1, 1]) }, { inputs: ['2×2×7'] }),
  one(
    'AveragePool',
    { kernel_shape: ints([2, 2, 3]), count_include_pad: int(1), pads: ints([0, 1, 1, 1, 0, 1]) },
    { inputs: ['1×2×3×2×4'] },
  ),
  one(
    'AveragePool',
    { kernel_shape: ints([3, 2]), dilations: ints([2, 3]), pads: ints([1, 1, 2, 1]) },
    { opset: 19, inputs: ['1×2×6×6'] },
  ),
  one(
    'AveragePool',
    {
      kernel_shape: ints([3, 2]),
      dilations: ints([2, 1]),
      pads: ints([2, 1, 2, 1]),
      count_include_pad: int(1),
      strides: ints([2, 1]),
    },
    { opset: 19, inputs: ['1×2×6×6'] },
  ),
  one('AveragePool', { kernel_shape: ints([3, 3]), strides: ints([2, 2]), ceil_mode: int(1) }, { inputs: ['1×2×6×8'] }),
  one(
    'AveragePool',
    {
      kernel_shape: ints([3, 3]),
      strides: ints([2, 2]),
      ceil_mode: int(1),
      pads: ints([1, 0, 1, 0]),
      count_include_pad: int(1),
    },
    { opset: 19, inputs: ['1×2×6×8'] },
  ),
  one(
    'AveragePool',
    {
      kernel_shape: ints([3, 3]),
      strides: ints([2, 2]),
      ceil_mode: int(1),
      pads: ints([1, 0, 1, 0]),
      count_include_pad: int(1),
    },
    { opset: 11, inputs: ['1×2×6×8'] },
  ),
  one(
    'AveragePool',
    { kernel_shape: ints([3, 3]), strides: ints([2, 2]), ceil_mode: int(1), pads: ints([1, 1, 1, 1]) },
    { opset: 11, inputs: ['1×2×6×8'] },
  ),
  one(
    'AveragePool',
    { kernel_shape: ints([3, 2]), strides: ints([2, 2]), auto_pad: string('SAME_LOWER') },
    { inputs: ['1×2×5×5'] },
  ),
  one(
    'AveragePool',
    { kernel_shape: ints([3, 2]), strides: ints([2, 2]), auto_pad: string('SAME_UPPER'), count_include_pad: int(1) },
    { inputs: ['1×2×5×5'] },
  ),
  one('GlobalAveragePool', {}, { inputs: ['2×3×5'] }),
  one('GlobalMaxPool', {}, { inputs: ['2×3×2×3'], draw: (x) => 3 * x }),
  one('GlobalMaxPool', {}, { inputs: ['2×3×5'], draw: (x) => 3 * x }),
  one('GlobalLpPool', {}, { inputs: ['2×3×2×3'] }),
  one('GlobalLpPool', { p: int(3) }, { inputs: ['2×3×2×3'] }),
  one('LpPool', { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }, { inputs: ['1×2×4×4'] }),
  one('LpPool', { kernel_shape: ints([3, 2]), pads: ints([1, 0, 1, 0]), p: int(1) }, { inputs: ['1×2×4×4'] }),
  one(
    'MaxUnpool',
    { kernel_shape: ints([2, 2]), strides: ints([2, 2]) },
    { inputs: ['1×2×1×2', int64([1, 2, 1, 2], [5, 2, 8, 15])] },
  ),
  one(
    'MaxUnpool',
    { kernel_shape: ints([2, 2]), strides: ints([2, 2]) },
    {
      inputs: ['1×1×2×2', int64([1, 1, 2, 2], [5, 7, 13, 20]), longs(1, 1, 5, 5)],
    },
  ),
];
const matrices: NodeCase[] = [
  one('MatMul', {}, { inputs: ['3', '3×2'] }),
  one('MatMul', {}, { inputs: ['2×3', '3'] }),
  one('MatMul', {}, { inputs: ['3', '3'] }),
  one('MatMul', {}, { inputs: ['3', '2×2×3×2'] }),
  one('MatMul', {}, { inputs: ['2×2×4×3', '3'] }),
  one(
    'MatMul',
    {},
    {
      inputs: ['2×1×2×3', '3×3×2'],
    },
  ),
  one(
    'Gemm',
    { alpha: float(0.5), beta: float(2), transB: int(1) },
    {
      inputs: ['2×3', '4×3', '2×1'],
    },
  ),
  one('Gemm', { transA: int(1) }, { inputs: ['3×2', '3×4', ''] }),
  one(
    'Gemm',
    {},
    {
      inputs: ['2×3', '3×4'],
    },
  ),
  one(
    'FusedMatMul',
    { alpha: float(0.5), transA: int(1) },
    {
      domain: microsoft,
      inputs: ['2×3×2', '2×3×4'],
    },
  ),
  one(
    'FusedMatMul',
    { transB: int(1) },
    {
      domain: microsoft,
      inputs: ['2×3', '2×4×3'],
    },
  ),
  one(
    'FusedMatMul',
    { transBatchA: int(1), transBatchB: int(1) },
    {
      domain: microsoft,
      inputs: ['2×3×4', '4×3×2'],
    },
  ),
  one(
    'FusedMatMul',
    { transBatchA: int(1), transA: int(1) },
    {
      domain: microsoft,
      inputs: ['2×3×4', '3×2×2'],
    },
  ),
  one(
    'FusedGemm',
    { activation: string('LeakyRelu'), activation_alpha: float(0.3), transB: int(1) },
    {
      domain: microsoft,
      inputs: ['2×3', '4×3', '4'],
      step: 1e-3,
    },
  ),
  ...(
    [
      ['bchw,ck->bkhw', ['2×3×2×2', '3×4']],
      ['bcd,bed->bce', ['2×3×4', '2×2×4']],
      ['ij,jk', ['2×3', '3×4']],
      ['bij,bjk->bki', ['2×2×3', '2×3×4']],
      ['i,j->ij', ['2', '3']],
      ['ij->ji', ['2×3']],
      ['ijk->j', ['2×3×2']],
      ['ij,ij->', ['2×3', '2×3']],
      ['...ij,...jk->...ik', ['2×2×3', '2×3×2']],
      ['...ij,jk->...ik', ['2×1×2×3', '3×2']],
      ['b...,b->b...', ['2×3×2', '2']],
      ['bhid,bhjd,bhjc->bhic', ['1×2×2×3', '1×2×4×3', '1×2×4×2']],
      ['bnc,kc,k->bnk', ['2×3×4', '2×4', '2']],
      ['ab,cd->ad', ['2×3', '2×4']],
      ['bhwc,hkc->bhwk', ['1×2×3×4', '2×3×4']],
      ['ii->i', ['3×3']],
      ['bii->b', ['2×3×3']],
    ] as [string, string[]][]
  ).map(([equation, inputs]) => one('Einsum', { equation: string(equation) }, { inputs })),
];
const movements: NodeCase[] = [
  one('DepthToSpace', { blocksize: int(2), mode: string('CRD') }, { inputs: ['1×8×2×3'] }),
  one('DepthToSpace', { blocksize: int(2) }, { inputs: ['2×4×1×2'] }),
  ...['constant', 'edge', 'reflect'].flatMap((mode) => [
    one('Pad', { mode: string(mode) }, { inputs: ['3×4', longs(1, 2, 2, 1)] }),
    one('Pad', { mode: string(mode) }, { inputs: ['4×5', longs(-1, 2, 1, -2)] }),
    one('Pad', { mode: string(mode) }, { opset: 18, inputs: ['2×3×4', longs(1, 2, 0, 3), null, longs(-2, 2)] }),
    one('Pad', { mode: string(mode), pads: ints([0, 2, 1, 0]) }, { opset: 9, inputs: ['3×4'] }),
  ]),
  one('Pad', { mode: string('wrap') }, { opset: 19, inputs: ['3×4', longs(1, 3, 2, 4)] }),
  one('Pad', {}, { inputs: ['3×4', longs(1, 2, 2, 1), float32([], [0.7])] }),
  one('GatherND', {}, { inputs: ['2×3×4', int64([2, 2], [0, 1, -1, 2])] }),
  one('GatherND', {}, { inputs: ['2×3×4', int64([3, 1], [1, 0, 1])] }),
  one('GatherND', { batch_dims: int(1) }, { inputs: ['2×3×4', int64([2, 1], [1, 0])] }),
  one(
    'GatherND',
    { batch_dims: int(1) },
    { inputs: ['2×3×4', int64([2, 3, 2], [1, 0, 2, 3, 0, 1, 1, 1, 2, 2, 1, 1])] },
  ),
  one('ScatterND', {}, { inputs: ['4×3', int64([2, 1], [2, 0]), '2×3'] }),
  one('ScatterND', {}, { inputs: ['2×3×2', int64([2, 2], [0, 1, 1, 2]), '2×2'] }),
  one('ScatterND', { reduction: string('add') }, { inputs: ['4×3', int64([3, 1], [2, 0, 2]), '3×3'] }),
  one('Scatter', { axis: int(1) }, { opset: 9, inputs: ['2×4', int64([2, 2], [1, 3, 0, 2]), '2×2'] }),
  one('ScatterElements', { axis: int(-1) }, { inputs: ['2×4', int64([2, 2], [1, 3, 0, 2]), '2×2'] }),
  one('EyeLike', { k: int(1), dtype: int(1) }, { inputs: ['2×3'], fixed: [0] }),
  one('EyeLike', {}, { inputs: ['3×3'] }),
  one('Trilu', {}, { inputs: ['2×3×4'] }),
  one('Trilu', { upper: int(0) }, { inputs: ['3×4', scalarLong(-1)] }),
  one('Trilu', { upper: int(1) }, { inputs: ['4×3', scalarLong(1)] }),
  one('CumSum', {}, { inputs: ['2×3×2', scalarLong(1)] }),
  one('CumSum', { exclusive: int(1) }, { inputs: ['2×4', scalarLong(-1)] }),
  one('CumSum', { exclusive: int(1), reverse: int(1) }, { inputs: ['3×2', scalarLong(0)] }),
  one('CumSum', { reverse: int(1) }, { inputs: ['3×2', scalarLong(0)] }),
  one('Slice', {}, { inputs: ['5×4', longs(-1, 0), longs(-100, 3), longs(0, -1), longs(-2, 2)] }),
  one('Gather', { axis: int(-1) }, { inputs: ['2×3', int64([2, 2], [-1, 0, 1, -3])] }),
  one('GatherElements', { axis: int(-2) }, { inputs: ['3×2', int64([2, 2], [-1, 0, 1, 0])] }),
  one('Tile', {}, { inputs: ['2×3', longs(3, 2)] }),
  one('Flatten', { axis: int(-1) }, {}),
  one('Split', { axis: int(-1) }, { opset: 13, inputs: ['2×6'], outputs: 3 }),
  one('Split', { axis: int(1), num_outputs: int(3) }, { opset: 18, inputs: ['2×7'], outputs: 3 }),
];
const reductions: NodeCase[] = [
  ...[
    'ReduceSum',
    'ReduceMean',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
    'ReduceProd',
    'ReduceMax',
    'ReduceMin',
  ].flatMap((op) => [
    one(
      op,
      { keepdims: int(0), ...(op !== 'ReduceSum' && { axes: ints([-1, 0]) }) },
      {
        inputs: op === 'ReduceSum' ? ['2×3×2', longs(-1, 0)] : ['2×3×2'],
        step: 3e-3,
      },
    ),
    one(op, {}, { opset: 18, inputs: ['2×3×2', longs(1)], step: 3e-3 }),
    one(op, { keepdims: int(0) }, { inputs: ['2×3'], step: 3e-3 }),
  ]),
  one('ReduceLogSum', { axes: ints([1]) }, { draw: positive }),
  one('ReduceProd', { axes: ints([1]) }, { inputs: ['2×5'], draw: (x) => (x > 0.8 ? 0 : x) }),
  one('ReduceSum', { noop_with_empty_axes: int(1) }, { opset: 18 }),
  one('ReduceMax', { noop_with_empty_axes: int(1) }, { opset: 18 }),
  one('Softmax', { axis: int(1) }, { opset: 11 }),
  one('Softmax', { axis: int(-2) }, { opset: 13 }),
  one('LogSoftmax', {}, { opset: 9 }),
];
const linear = (attributes: Attributes = {}) => ({ mode: string('linear'), ...attributes });
const cubic = (attributes: Attributes = {}) => ({ mode: string('cubic'), ...attributes });
const sized = (x: string, ...sizes: number[]): Partial<NodeCase> => ({
  opset: 18,
  inputs: [x, null, null, longs(...sizes)],
});
const scaledBy = (x: string, ...scales: number[]): Partial<NodeCase> => ({
  opset: 18,
  inputs: [x, null, float32([scales.length], scales)],
});
const sampling: NodeCase[] = [
  one('Resize', linear(), scaledBy('1×2×3×4', 1, 1, 1.3, 1.7)),
  one('Resize', linear({ coordinate_transformation_mode: string('pytorch_half_pixel') }), sized('1×2×3×4', 1, 2, 1, 7)),
  one('Resize', linear({ coordinate_transformation_mode: string('align_corners') }), sized('2×3×5', 2, 3, 8)),
  one('Resize', linear(), sized('1×2×2×3×4', 1, 2, 3, 5, 3)),
  one('Resize', linear({ axes: ints([1, 2]) }), sized('1×3×4×2', 5, 6)),
  one('Resize', linear({ axes: ints([-1, -2]) }), scaledBy('1×1×3×4', 2, 0.7)),
  one('Resize', linear({ antialias: int(1) }), sized('1×1×6×8', 1, 1, 4, 3)),
  one('Resize', cubic({ antialias: int(1), exclude_outside: int(1) }), sized('1×1×6×8', 1, 1, 4, 12)),
  one('Resize', cubic(), scaledBy('1×2×3×4', 1, 1, 2, 1.5)),
  // 20 · 1.3 is 26 only when rounded; 7 · 1.3 is 9 either way, and no size says so.
  one('Resize', linear(), scaledBy('1×1×20×7', 1, 1, 1.3, 1.3)),
  one(
    'Resize',
    cubic({ coordinate_transformation_mode: string('align_corners') }),
    scaledBy('1×1×7×20', 1, 1, 1.3, 1.3),
  ),
  one('Resize', { nearest_mode: string('floor') }, scaledBy('1×1×10×7', 1, 1, 1.3, 1.3)),
  one('Resize', cubic({ cubic_coeff_a: float(-0.5), exclude_outside: int(1) }), sized('1×1×5×4', 1, 1, 3, 7)),
  one('Resize', cubic({ coordinate_transformation_mode: string('align_corners') }), sized('1×1×3×4', 1, 1, 5, 6)),
  one('Resize', {}, scaledBy('2×3×4', 2, 1, 1.5)),
  one(
    'Resize',
    { nearest_mode: string('ceil'), coordinate_transformation_mode: string('half_pixel_symmetric') },
    scaledBy('1×1×7', 1, 1, 1.3),
  ),
  one(
    'Resize',
    { nearest_mode: string('floor'), coordinate_transformation_mode: string('tf_half_pixel_for_nn') },
    scaledBy('1×1×5×4', 1, 1, 0.7, 2),
  ),
  one('Resize', linear({ keep_aspect_ratio_policy: string('not_larger'), axes: ints([2, 3]) }), sized('1×1×4×6', 7, 7)),
  one(
    'Resize',
    linear({ keep_aspect_ratio_policy: string('not_smaller'), axes: ints([2, 3]) }),
    sized('1×1×4×6', 7, 7),
  ),
  one(
    'Resize',
    linear({ coordinate_transformation_mode: string('tf_crop_and_resize'), extrapolation_value: float(2) }),
    {
      opset: 18,
      inputs: ['1×2×4×5', float32([8], [0, 0, 0.2, -0.1, 1, 1, 0.9, 0.8]), null, longs(1, 2, 3, 7)],
    },
  ),
  one('Resize', linear(), scaledBy('1×1×9×9', 1, 1, 1.05, 1.1)),
  one('Resize', linear(), scaledBy('1×1×9×9', 1, 1, 1.05, 2)),
  one('Resize', { mode: string('nearest') }, { opset: 10, inputs: ['1×2×5×4', float32([4], [1, 1, 0.6, 2])] }),
  one('Resize', { mode: string('nearest') }, { opset: 10, inputs: ['1×2×7×5', float32([4], [1, 1, 0.5, 0.7])] }),
  one('Resize', linear(), { opset: 10, inputs: ['1×2×5×4', float32([4], [1, 1, 0.6, 2])] }),
  one('Resize', linear(), { opset: 11, inputs: ['1×2×5×4', float32([0], []), float32([0], []), longs(1, 2, 3, 6)] }),
  one('Upsample', { mode: string('nearest') }, { opset: 9, inputs: ['1×2×2×3', float32([4], [1, 1, 2, 3])] }),
  one('Upsample', { mode: string('linear') }, { opset: 9, inputs: ['1×2×2×3', float32([4], [1, 1, 2, 1.5])] }),
  one('Upsample', { mode: string('nearest'), scales: floats([1, 1, 2, 3]) }, { opset: 7, inputs: ['1×2×2×3'] }),
  one('Upsample', { mode: string('linear'), scales: floats([1, 1, 2, 2]) }, { opset: 8, inputs: ['1×2×2×3'] }),
  ...['bilinear', 'nearest', 'bicubic'].flatMap((mode) =>
    ['zeros', 'border', 'reflection'].map((padding, i) =>
      one(
        'GridSample',
        { mode: string(mode), padding_mode: string(padding), align_corners: int(i % 2) },
        {
          inputs: ['1×2×4×5', '1×3×2×2'],
          draw: (x, index) => (index === 1 ? 0.9 * x : x),
          step: 1e-3,
        },
      ),
    ),
  ),
  one(
    'GridSample',
    { mode: string('linear'), align_corners: int(1) },
    {
      opset: 20,
      inputs: ['2×1×3×3', '2×2×2×2'],
      step: 1e-3,
      draw: (x) => 0.6 * x,
    },
  ),
  one(
    'GridSample',
    { mode: string('cubic') },
    {
      opset: 20,
      inputs: ['1×1×3×3', '1×2×2×2'],
      step: 1e-3,
      draw: (x) => 0.6 * x,
    },
  ),
  one(
    'GridSample',
    { padding_mode: string('border') },
    {
      domain: microsoft,
      inputs: ['1×1×3×3', '1×2×2×2'],
      step: 1e-3,
      draw: (x) => 0.6 * x,
    },
  ),
  one('AffineGrid', {}, { opset: 20, inputs: ['2×2×3', longs(2, 3, 3, 4)] }),
  one('AffineGrid', { align_corners: int(1) }, { opset: 20, inputs: ['1×2×3', longs(1, 3, 2, 3)] }),
];

const recurrent: NodeCase[] = [
  one(
    'LSTM',
    { hidden_size: int(2) },
    {
      inputs: ['3×2×3', '1×8×3', '1×8×2', '1×16'],
      outputs: 3,
      draw: (x) => 0.6 * x,
    },
  ),
  one(
    'LSTM',
    { hidden_size: int(2), direction: string('reverse') },
    {
      inputs: ['3×1×2', '1×8×2', '1×8×2', null, null, '1×1×2', '1×1×2'],
      draw: (x) => 0.6 * x,
    },
  ),
  one(
    'LSTM',
    { hidden_size: int(1), direction: string('bidirectional') },
    {
      inputs: ['3×2×2', '2×4×2', '2×4×1', '2×8'],
      outputs: 3,
      draw: (x) => 0.6 * x,
    },
  ),
  ...[0, 1].map((after) =>
    one(
      'GRU',
      { hidden_size: int(2), linear_before_reset: int(after) },
      {
        inputs: ['3×2×3', '1×6×3', '1×6×2', '1×12'],
        outputs: 2,
        draw: (x) => 0.6 * x,
      },
    ),
  ),
  one(
    'GRU',
    { hidden_size: int(1), direction: string('bidirectional') },
    {
      inputs: ['2×1×2', '2×3×2', '2×3×1', null, null, '2×1×1'],
      draw: (x) => 0.6 * x,
    },
  ),
  one(
    'RNN',
    { hidden_size: int(2) },
    {
      inputs: ['3×1×2', '1×2×2', '1×2×2', '1×4'],
      outputs: 2,
    },
  ),
];

const groups = {
  activations,
  functions,
  arithmetic,
  normalizations,
  olderSets,
  convolutions,
  pools,
  matrices,
  movements,
  recurrent,
  reductions,
  sampling,
};

/** What tells a case from others of its operator. */
function describeCase({ op, domain, opset, attributes = {}, inputs }: NodeCase): string {
  const settings = Object.entries(attributes).map(([name, { value }]) => `${name} ${value}`);
  const shapes = inputs.map((input) =>
    input === null ? 'none' : typeof input === 'string' ? input || 'scalar' : `[${input.data}]`,
  );
  return [
    `${domain ? `${domain}.` : ''}${op}${opset ? ` (opset ${opset})` : ''} of ${shapes.join(', ')}`,
    ...settings,
  ].join(', ');
}

describe.each(Object.entries(groups))('%s', (_, list) => {
  it.each(list.map((one): [string, NodeCase] => [describeCase(one), one]))('%s', async (_name, one) => {
    await expectLikeEngine(one);
  });
});

const refused: [string, NodeCase, RegExp][] = [
  [
    'Dropout that drops',
    one('Dropout', {}, { inputs: ['2×3', float32([], [0.3]), truth(true)] }),
    /draws at random in every run/,
  ],
  ['a normalisation by cubes', one('LpNormalization', { p: int(3) }), /expected p to be 1 or 2, found 3/],
  [
    'an activation',
    one(
      'FusedConv',
      { activation: string('Swish2') },
      {
        domain: microsoft,
        inputs: ['1×1×2×2', '1×1×1×1'],
      },
    ),
    /the activation Swish2 is not supported/,
  ],
  [
    'groups',
    one('GroupNormalization', { num_groups: int(2) }, { opset: 21, inputs: ['1×3×2', '3', '3'] }),
    /3 channels do not divide into 2 groups/,
  ],
  [
    'patches',
    one('Col2Im', {}, { opset: 18, inputs: ['1×4×5', longs(4, 4), longs(2, 2)] }),
    /the patches of 2×2 do not make 4×4/,
  ],
  [
    'operands of an equation',
    one('Einsum', { equation: string('ij,jk->ik') }, { inputs: ['2×3'] }),
    /has 2 operands, not 1/,
  ],
  ['an old operator set', one('Relu', {}, { opset: 6 }), /expected opset 7 or newer, found 6/],
];

describe('what cannot be right is refused', () => {
  it.each(refused)('%s', (_, node, message) => {
    expect(() => importModel(modelOf(node))).toThrow(message);
  });
});
