// Every gradient rule against central differences, several forms of each operator.

import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { gradientRules } from '#src/autodiff/rules/index.js';
import { channelSums, normalizeBySums } from '#src/onnx/batchStatistics.js';
import { addNode, constant, createGraph, type Graph, input, type Value } from '#src/onnx/graph.js';
import { type Attributes, float, int, ints, string } from '#src/onnx/model.js';
import {
  add,
  averagePool,
  batchNormalization,
  batchNormalizationTraining,
  type ConvOptions,
  cast,
  clip,
  concat,
  conv,
  convTranspose,
  div,
  expand,
  gather,
  gatherElements,
  gridSample,
  integers,
  leakyRelu,
  matMul,
  max,
  maxPool,
  min,
  mul,
  pad,
  pow,
  pRelu,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  reshape,
  resize,
  scalar,
  scatterElements,
  slice,
  softmax,
  split,
  squeeze,
  topK,
  transpose,
  unsqueeze,
  where,
} from '#src/onnx/ops.js';
import { float32, type Shape, tensor } from '#src/tensor/tensor.js';
import { expectGradients, type GradientCheck } from './check.js';

const positive = (x: number) => 0.5 + Math.abs(x);
/** Keeps kinks at 0 and ±1 farther away than the differences' step. */
const offKinks = (x: number) =>
  Math.sign(x) * (0.1 + 0.8 * Math.abs(x) + (Math.abs(Math.abs(0.1 + 0.8 * Math.abs(x)) - 1) < 0.05 ? 0.1 : 0));
const node =
  (op: string, attributes: Attributes = {}) =>
  ([x, ...rest]: Value[]) =>
    addNode(x.graph, op, [x, ...rest], attributes)[0];
/** Resized by scales, of all axes or of some. */
const scaled = (x: Value, scales: number[], attributes: Attributes) =>
  addNode(x.graph, 'Resize', [x, undefined, constant(x.graph, float32([scales.length], scales))], attributes)[0];
const longs = (graph: Graph, shape: number[], values: number[]) =>
  constant(graph, tensor('int64', shape, BigInt64Array.from(values, BigInt)));
const unary = (op: string, draw: GradientCheck['draw'] = offKinks, attributes: Attributes = {}): GradientCheck => ({
  shapes: [[2, 3]],
  build: node(op, attributes),
  draw,
});
/** Of equal operands central differences give half to each. */
const tied = (extremum: (a: Value, b: Value) => Value): GradientCheck => ({
  shapes: [[2], [2]],
  build: ([a, b]) => extremum(a, b),
  draw: () => 0.5,
});
const reducedTie = (extremum: (x: Value, axes: number[]) => Value): GradientCheck => ({
  shapes: [[3, 2]],
  build: ([x]) => extremum(x, [1]),
  draw: () => 0.5,
});
const binary = (op: string, draw?: GradientCheck['draw']): GradientCheck[] => [
  {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: node(op),
    ...(draw && { draw }),
  },
  { shapes: [[2, 3], [3]], build: node(op), ...(draw && { draw }) },
  {
    shapes: [
      [2, 1, 3],
      [4, 1],
    ],
    build: node(op),
    ...(draw && { draw }),
  },
];
const grid = (graph: Graph, reach: number) =>
  constant(
    graph,
    tensor(
      'float32',
      [2, 3, 4, 2],
      Float32Array.from({ length: 48 }, (_, i) => reach * Math.sin(1.7 * i + 0.3)),
    ),
  );

const checks: Record<string, GradientCheck[]> = {
  Abs: [unary('Abs')],
  Acos: [unary('Acos', (x) => 0.8 * Math.tanh(x))],
  Acosh: [unary('Acosh', (x) => 1.5 + Math.abs(x))],
  Add: binary('Add'),
  Asin: [unary('Asin', (x) => 0.8 * Math.tanh(x))],
  Asinh: [unary('Asinh')],
  Atan: [unary('Atan')],
  Atanh: [unary('Atanh', (x) => 0.8 * Math.tanh(x))],
  AveragePool: [
    { shapes: [[1, 2, 5, 6]], build: ([x]) => averagePool(x, { kernel: [2, 3], strides: [2, 2] }) },
    { shapes: [[1, 2, 5, 5]], build: ([x]) => averagePool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }) },
    {
      shapes: [[1, 2, 5, 5]],
      build: ([x]) => averagePool(x, { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], countIncludePad: true }),
    },
  ],
  BatchNormalization: [
    {
      shapes: [[3, 2, 2, 2], [2], [2]],
      build: ([x, scale, bias]) => batchNormalizationTraining(x, scale, bias).output,
    },
    {
      shapes: [[2, 2, 2, 2], [2], [2]],
      build: ([x, scale, bias], graph) => {
        const statistics = (a: number, b: number) => constant(graph, tensor('float32', [2], Float32Array.of(a, b)));
        return batchNormalization(x, scale, bias, statistics(0.3, -0.2), statistics(0.8, 1.7));
      },
    },
    {
      // Statistics that are computed.
      shapes: [[2, 2, 2, 2], [2], [2], [2], [2]],
      build: ([x, scale, bias, mean, variance]) => batchNormalization(x, scale, bias, mean, variance, 0.1),
      draw: (normal, index) => (index === 4 ? 0.5 + normal ** 2 : normal),
    },
    {
      shapes: [[3, 2, 2, 2], [2], [2]],
      build: ([x, scale, bias]) => normalizeBySums(channelSums(x), scale, bias, 1e-5).output,
    },
    {
      // The statistics themselves, which a loss may use.
      shapes: [[3, 2, 4], [2], [2]],
      build: ([x, scale, bias]) => {
        const { output, mean, variance } = normalizeBySums(channelSums(x), scale, bias, 1e-5);
        return concat([mean, variance, reshape(output, [24])], 0);
      },
    },
  ],
  Cast: [
    { shapes: [[2, 2]], build: ([x]) => cast(cast(x, 'float64'), 'float32') },
    // Integers do not change with small changes.
    {
      shapes: [[2, 2]],
      build: ([x]) => mul(mul(x, 8), cast(cast(x, 'int64'), 'float32')),
      draw: (x) => Math.trunc(3 * x) + 0.5,
    },
  ],
  Clip: [
    { shapes: [[2, 4]], build: ([x]) => clip(x, -1, 1), draw: offKinks },
    { shapes: [[2, 4]], build: ([x]) => clip(x, undefined, 0), draw: offKinks },
  ],
  Concat: [
    {
      shapes: [
        [2, 1],
        [2, 3],
      ],
      build: (values) => concat(values, 1),
    },
    {
      shapes: [
        [2, 1],
        [2, 1],
      ],
      build: (values) => concat(values, -1),
    },
  ],
  Conv: [
    ...['SAME_LOWER', 'SAME_UPPER'].map((padding) => ({
      shapes: [
        [1, 1, 4, 5],
        [1, 1, 2, 4],
      ],
      build: node('Conv', { auto_pad: string(padding), strides: ints([1, 2]) }),
    })),
    {
      shapes: [[2, 3, 5, 4], [4, 3, 3, 3], [4]],
      build: ([x, weight, bias]) => conv(x, weight, bias, { pads: [1, 1, 1, 1] }),
    },
    // Few input channels, more of them than outputs, and fewer: weight gradients of these are formed in three ways.
    ...[
      [2, 2],
      [5, 2],
      [5, 6],
    ].flatMap(([channels, outputs]): GradientCheck[] => {
      const of = (shape: Shape, kernel: number, options: ConvOptions): GradientCheck => ({
        shapes: [shape, [outputs, channels, kernel, kernel]],
        build: ([x, weight]) => conv(x, weight, undefined, options),
      });
      return [
        of([2, channels, 7, 8], 3, { strides: [2, 3], pads: [1, 0, 1, 1] }),
        of([1, channels, 7, 6], 3, { dilations: [2, 1], pads: [2, 2, 2, 2] }),
        of([1, channels, 5, 5], 1, {}),
        of([1, channels, 5, 6], 1, { strides: [2, 2] }),
        of([1, channels, 4, 4], 1, { pads: [1, 0, 1, 0] }),
      ];
    }),
    ...[2, 5].map(
      (channels): GradientCheck => ({
        shapes: [
          [1, 2 * channels, 5, 5],
          [12, channels, 3, 3],
        ],
        build: ([x, weight]) => conv(x, weight, undefined, { group: 2, pads: [1, 1, 1, 1] }),
      }),
    ),
    {
      shapes: [
        [2, 5, 7],
        [6, 5, 3],
      ],
      build: ([x, weight]) => conv(x, weight, undefined, { strides: [2], dilations: [2], pads: [2, 1] }),
    },
    {
      shapes: [
        [1, 5, 3, 4, 3],
        [5, 5, 2, 2, 2],
      ],
      build: ([x, weight]) => conv(x, weight, undefined, { strides: [1, 2, 1], pads: [1, 0, 0, 0, 1, 1] }),
    },
    {
      shapes: [
        [2, 3, 5, 5],
        [3, 1, 3, 3],
      ],
      build: ([x, weight]) => conv(x, weight, undefined, { group: 3, pads: [1, 1, 1, 1] }),
    },
    {
      shapes: [
        [1, 3, 7, 5],
        [3, 1, 3, 3],
      ],
      build: ([x, weight]) => conv(x, weight, undefined, { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] }),
    },
    {
      // The last row and column feed no output.
      shapes: [
        [2, 3, 8, 10],
        [3, 1, 3, 2],
      ],
      build: ([x, weight]) =>
        conv(x, weight, undefined, { group: 3, strides: [2, 3], dilations: [1, 2], pads: [0, 1, 0, 1] }),
    },
    {
      shapes: [
        [1, 2, 9, 9],
        [2, 2, 7, 7],
      ],
      build: ([x, weight]) => conv(x, weight, undefined, { strides: [2, 2], pads: [3, 3, 3, 3] }),
    },
  ],
  ConvTranspose: [
    {
      shapes: [[1, 2, 3, 4], [2, 3, 2, 2], [3]],
      build: ([x, weight, bias]) => convTranspose(x, weight, bias, { strides: [2, 2] }),
    },
    {
      shapes: [
        [2, 6, 3, 4],
        [6, 5, 3, 3],
      ],
      build: ([x, weight]) =>
        convTranspose(x, weight, undefined, { strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 1] }),
    },
    {
      shapes: [
        [1, 2, 3, 4],
        [2, 3, 3, 3],
      ],
      build: ([x, weight]) =>
        convTranspose(x, weight, undefined, { strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 1] }),
    },
    {
      shapes: [
        [1, 4, 3, 3],
        [4, 1, 3, 3],
      ],
      build: ([x, weight]) =>
        convTranspose(x, weight, undefined, { group: 2, strides: [2, 1], dilations: [1, 2], pads: [0, 1, 1, 0] }),
    },
  ],
  Cos: [unary('Cos')],
  Cosh: [unary('Cosh')],
  CumSum: [{ shapes: [[2, 3]], build: ([x], graph) => node('CumSum')([x, scalar(graph, 1, 'int64')]) }],
  DepthToSpace: [{ shapes: [[1, 8, 2, 3]], build: node('DepthToSpace', { blocksize: int(2) }) }],
  Div: binary('Div', positive),
  Elu: [unary('Elu', offKinks, { alpha: float(0.7) })],
  Erf: [unary('Erf')],
  Exp: [unary('Exp')],
  Expand: [
    { shapes: [[2, 1, 3]], build: ([x]) => expand(x, [2, 4, 3]) },
    { shapes: [[3]], build: ([x]) => expand(x, [2, 3]) },
  ],
  Flatten: [{ shapes: [[2, 3, 2]], build: node('Flatten', { axis: int(2) }) }],
  Gather: [
    { shapes: [[4, 3]], build: ([x], graph) => gather(x, longs(graph, [2, 3], [0, 3, 1, 1, 0, 1]), 0) },
    { shapes: [[2, 4, 2]], build: ([x], graph) => gather(x, longs(graph, [3], [2, 2, 0]), 1) },
  ],
  GatherElements: [
    { shapes: [[2, 4, 3]], build: ([x], graph) => gatherElements(x, longs(graph, [2, 1, 3], [0, 3, 1, 2, 2, 0]), 1) },
  ],
  GatherND: [
    { shapes: [[3, 2, 2]], build: ([x], graph) => node('GatherND')([x, longs(graph, [3, 2], [0, 1, 2, 0, 0, 1])]) },
  ],
  Gemm: [
    { shapes: [[2, 3], [3, 4], [4]], build: node('Gemm', { alpha: float(0.5), beta: float(2) }) },
    {
      shapes: [
        [3, 2],
        [4, 3],
        [2, 4],
      ],
      build: node('Gemm', { transA: int(1), transB: int(1) }),
    },
  ],
  GlobalAveragePool: [{ shapes: [[2, 3, 2, 4]], build: node('GlobalAveragePool') }],
  GridSample: [
    {
      shapes: [[2, 3, 5, 4]],
      build: ([x], graph) => gridSample(x, grid(graph, 1.4), { padding: 'border', alignCorners: true }),
    },
    {
      shapes: [[2, 2, 4, 5]],
      build: ([x], graph) => gridSample(x, grid(graph, 1.4), { padding: 'zeros', alignCorners: false }),
    },
  ],
  HardSigmoid: [unary('HardSigmoid', offKinks, { alpha: float(0.3) })],
  HardSwish: [unary('HardSwish', (x) => 2.2 * offKinks(x))],
  Identity: [unary('Identity')],
  LeakyRelu: [{ shapes: [[2, 3]], build: ([x]) => leakyRelu(x, 0.1), draw: offKinks }],
  Log: [unary('Log', positive)],
  LogSoftmax: [{ shapes: [[2, 4, 2]], build: node('LogSoftmax', { axis: int(1) }) }],
  MatMul: [
    {
      shapes: [
        [2, 3],
        [3, 4],
      ],
      build: ([a, b]) => matMul(a, b),
    },
    {
      shapes: [
        [2, 2, 3],
        [3, 4],
      ],
      build: ([a, b]) => matMul(a, b),
    },
    {
      shapes: [
        [2, 3],
        [2, 3, 2],
      ],
      build: ([a, b]) => matMul(a, b),
    },
    {
      shapes: [
        [2, 1, 2, 3],
        [4, 3, 2],
      ],
      build: ([a, b]) => matMul(a, b),
    },
  ],
  Max: [{ shapes: [[2, 3], [3]], build: ([a, b]) => max(a, b), draw: (x, i) => x + 0.5 * i }, tied(max)],
  MaxPool: [
    {
      shapes: [[2, 2, 5, 6]],
      build: ([x]) => maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      draw: (x) => 3 * x,
      step: 1e-3,
    },
  ],
  Min: [{ shapes: [[2, 3], [3]], build: ([a, b]) => min(a, b), draw: (x, i) => x + 0.5 * i }, tied(min)],
  Mod: [
    { shapes: [[2, 3], [3]], build: node('Mod', { fmod: int(1) }), draw: (x, i) => (i === 0 ? 0.9 : 0.35) + 0.02 * x },
  ],
  Mul: [
    ...binary('Mul'),
    { shapes: [[2, 3]], build: ([x]) => mul(x, x) },
    { shapes: [[1, 3]], build: ([x]) => expand(mul(x, x), [2, 3]) },
  ],
  Neg: [unary('Neg')],
  PRelu: [
    {
      shapes: [
        [2, 3, 2, 2],
        [3, 1, 1],
      ],
      build: ([x, slope]) => pRelu(x, slope),
      draw: offKinks,
    },
  ],
  Pad: [
    { shapes: [[2, 3]], build: ([x]) => pad(x, [1, 0, 0, 2]) },
    { shapes: [[3, 4]], build: ([x]) => pad(x, [-1, 0, 1, -2]) },
    { shapes: [[3, 4]], build: ([x]) => pad(x, [1, 2, 2, 1], 'reflect') },
    { shapes: [[3, 4]], build: ([x]) => pad(x, [1, 2, 2, 1], 'edge') },
  ],
  Pow: [
    { shapes: [[2, 3]], build: ([x]) => pow(x, 2) },
    { shapes: [[2, 3], [3]], build: ([x, y]) => pow(x, y), draw: positive },
  ],
  Reciprocal: [unary('Reciprocal', positive)],
  ReduceL1: [{ shapes: [[2, 3]], build: ([x], graph) => node('ReduceL1')([x, integers(graph, [1])]), draw: offKinks }],
  ReduceL2: [
    {
      shapes: [[2, 3]],
      build: ([x], graph) => node('ReduceL2', { keepdims: int(0) })([x, integers(graph, [1])]),
      draw: positive,
    },
  ],
  ReduceLogSum: [
    { shapes: [[2, 3]], build: ([x], graph) => node('ReduceLogSum')([x, integers(graph, [-1])]), draw: positive },
  ],
  ReduceLogSumExp: [{ shapes: [[2, 3]], build: ([x], graph) => node('ReduceLogSumExp')([x, integers(graph, [0])]) }],
  ReduceMax: [{ shapes: [[2, 3, 2]], build: ([x]) => reduceMax(x, [1]), step: 1e-3 }, reducedTie(reduceMax)],
  ReduceMean: [
    { shapes: [[2, 3, 2]], build: ([x]) => reduceMean(x, [0, 2], false) },
    { shapes: [[2, 3]], build: ([x]) => reduceMean(x) },
  ],
  ReduceMin: [{ shapes: [[2, 3, 2]], build: ([x]) => reduceMin(x, [1], false), step: 1e-3 }, reducedTie(reduceMin)],
  ReduceSum: [
    // Of what was broadcast before: the gradient is the same along what is reduced, and counts as often as it repeats.
    { shapes: [[2, 3], [3]], build: ([x, y]) => reduceSum(add(x, y), [0]) },
    { shapes: [[2, 3, 2]], build: ([x]) => reduceSum(x, [-1], false) },
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: ([x, y]) => mul(div(x, reduceSum(x, [1])), y),
      draw: positive,
    },
  ],
  ReduceSumSquare: [{ shapes: [[2, 3]], build: ([x], graph) => node('ReduceSumSquare')([x, integers(graph, [0])]) }],
  Relu: [unary('Relu')],
  Reshape: [{ shapes: [[2, 6]], build: ([x]) => reshape(x, [3, -1]) }],
  Resize: [
    { shapes: [[1, 2, 3, 4]], build: ([x]) => resize(x, [1, 2, 7, 6], 'linear', 'align_corners') },
    { shapes: [[1, 2, 3, 4]], build: ([x]) => resize(x, [1, 2, 6, 5], 'linear', 'half_pixel') },
    { shapes: [[1, 2, 5, 6]], build: ([x]) => resize(x, [1, 2, 3, 4], 'linear', 'asymmetric') },
    { shapes: [[1, 2, 3, 4]], build: ([x]) => resize(x, [1, 2, 6, 8], 'nearest', 'asymmetric') },
    {
      shapes: [[1, 2, 3, 4]],
      build: ([x]) =>
        scaled(x, [1.6, 2.4], {
          mode: string('linear'),
          coordinate_transformation_mode: string('asymmetric'),
          axes: ints([3, -2]),
        }),
    },
  ],
  ScatterElements: [
    {
      shapes: [
        [3, 4],
        [2, 4],
      ],
      build: ([x, updates], graph) => scatterElements(x, longs(graph, [2, 4], [0, 1, 2, 0, 2, 2, 1, 1]), updates, 0),
    },
    {
      shapes: [
        [3, 4],
        [2, 4],
      ],
      build: ([x, updates], graph) =>
        scatterElements(x, longs(graph, [2, 4], [0, 1, 2, 0, 0, 2, 1, 1]), updates, 0, 'add'),
    },
  ],
  ScatterND: [
    {
      shapes: [
        [3, 2],
        [2, 2],
      ],
      build: ([x, updates], graph) => node('ScatterND')([x, longs(graph, [2, 1], [2, 0]), updates]),
    },
  ],
  Sigmoid: [unary('Sigmoid')],
  Sin: [unary('Sin')],
  Sinh: [unary('Sinh')],
  Slice: [
    { shapes: [[4, 5]], build: ([x]) => slice(x, [0, 1], [1, -3], [3, 5]) },
    { shapes: [[4, 5]], build: ([x]) => slice(x, [1], [4], [-6], [-2]) },
    { shapes: [[4, 5]], build: ([x]) => slice(x, [0, 1], [0, 1], [4, 5], [2, 3]) },
  ],
  Softmax: [
    { shapes: [[2, 4, 2]], build: ([x]) => softmax(x, 1) },
    { shapes: [[2, 3]], build: ([x]) => softmax(x, -1) },
  ],
  Softplus: [unary('Softplus')],
  SpaceToDepth: [{ shapes: [[1, 2, 4, 6]], build: node('SpaceToDepth', { blocksize: int(2) }) }],
  Split: [{ shapes: [[2, 5]], build: ([x]) => mul(...(split(x, 1, [2, 2, 1]).slice(0, 2) as [Value, Value])) }],
  Sqrt: [unary('Sqrt', positive)],
  Squeeze: [{ shapes: [[2, 1, 3]], build: ([x]) => squeeze(x, [1]) }],
  Sub: binary('Sub'),
  Tan: [unary('Tan', (x) => 0.4 * x)],
  Tanh: [unary('Tanh')],
  Tile: [{ shapes: [[2, 3]], build: ([x], graph) => node('Tile')([x, integers(graph, [2, 3])]) }],
  TopK: [{ shapes: [[2, 5]], build: ([x]) => topK(x, 3, 1).values, step: 1e-3 }],
  Transpose: [{ shapes: [[2, 3, 4]], build: ([x]) => transpose(x, [2, 0, 1]) }],
  Unsqueeze: [{ shapes: [[2, 3]], build: ([x]) => unsqueeze(x, [0, -1]) }],
  Where: [
    {
      shapes: [[2, 3], [3]],
      build: ([x, y], graph) => where(constant(graph, tensor('bool', [2, 3], Uint8Array.of(1, 0, 1, 0, 0, 1))), x, y),
    },
  ],
};
it('has a check for every rule, and none for what has no rule', () => {
  expect(Object.keys(checks).sort()).toEqual(Object.keys(gradientRules).sort());
});

describe('gradient of', () => {
  for (const [op, forms] of Object.entries(checks)) {
    forms.forEach((check, i) => {
      it(`${op}, form ${i + 1}`, () => expectGradients(check));
    });
  }
});

/** Forms that rules do not know: silently wrong gradients would train towards something else. */
const refused: [what: string, check: GradientCheck, message: RegExp][] = [
  ['Max of three', { shapes: [[2], [2], [2]], build: node('Max') }, /expected two operands, found 3/],
  ['Min of one', { shapes: [[2]], build: node('Min') }, /expected two operands, found 1/],
  [
    'the value that a padding fills in',
    { shapes: [[2], []], build: ([x, value], graph) => node('Pad')([x, integers(graph, [1, 0]), value]) },
    /its input x1 counts as a constant to the gradient/,
  ],
  [
    'a statistic that a loss looks at',
    { shapes: [[2, 2], [2], [2]], build: ([x, scale, bias]) => batchNormalizationTraining(x, scale, bias).mean },
    /its input x0 counts as a constant to the gradient/,
  ],
  [
    'a way of rounding positions',
    {
      shapes: [[1, 1, 3, 4]],
      build: ([x]) => scaled(x, [1, 1, 2, 2], { nearest_mode: string('simple') }),
    },
    /the mode nearest \(simple\) has no gradient/,
  ],
  [
    'a way of placing pixels',
    {
      shapes: [[1, 1, 3, 4]],
      build: ([x]) => scaled(x, [1, 1, 2, 2], { coordinate_transformation_mode: string('centred') }),
    },
    /the coordinate transformation mode centred has no gradient/,
  ],
  ...['mul', 'min', 'max'].map((reduction): [string, GradientCheck, RegExp] => [
    `ScatterElements with ${reduction}`,
    {
      shapes: [[3], [2]],
      build: ([x, updates], graph) =>
        node('ScatterElements', { reduction: string(reduction) })([x, longs(graph, [2], [0, 2]), updates]),
    },
    new RegExp(`the reduction ${reduction} has no gradient`),
  ]),
];

describe('a gradient that would be wrong is refused', () => {
  it.each(refused)('%s', (_, { shapes, build }, message) => {
    const graph = createGraph('refused');
    const inputs = shapes.map((shape, i) => input(graph, `x${i}`, 'float32', shape));
    const loss = reduceSum(build(inputs, graph), undefined, false);
    expect(() => gradients(graph, loss, inputs)).toThrow(message);
  });
});
