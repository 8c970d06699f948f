import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { addNode, constant, createGraph, type Graph, input, parameter, type Value } from '#src/onnx/graph.js';
import { type Attributes, float, int, ints, string } from '#src/onnx/model.js';
import * as ops from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Shape, type Tensor, zeros } from '#src/tensor/tensor.js';

type Build = (x: Value, graph: Graph) => Value | Value[];

const node = (op: string, inputs: (Value | undefined)[], attributes: Attributes = {}, outputs = 1) => {
  const [first] = inputs;
  if (!first) throw new Error('no input');
  return addNode(first.graph, op, inputs, attributes, outputs);
};
const values = (graph: Graph, shape: Shape) => constant(graph, symmetricByName(shape.join(), shape, 1));

/** By operator: an input shape and what is computed from it. The engine says what the shapes have to be. */
const cases: Record<string, [shape: Shape, build: Build][]> = {
  Conv: [
    [[2, 4, 9, 11], (x, g) => ops.conv(x, values(g, [6, 4, 3, 3]), undefined, { strides: [2, 3], pads: [1, 0, 2, 1] })],
    [[1, 4, 9, 11], (x, g) => ops.conv(x, values(g, [8, 1, 3, 2]), values(g, [8]), { group: 4, dilations: [2, 3] })],
    [
      [1, 1, 9, 11],
      (x, g) => node('Conv', [x, values(g, [1, 1, 4, 4])], { auto_pad: string('SAME_UPPER'), strides: ints([2, 2]) }),
    ],
    [[1, 1, 9, 11], (x, g) => node('Conv', [x, values(g, [1, 1, 2, 4])], { auto_pad: string('SAME_LOWER') })],
    [
      [1, 1, 9, 11],
      (x, g) => node('Conv', [x, values(g, [1, 1, 4, 4])], { auto_pad: string('VALID'), strides: ints([2, 2]) }),
    ],
    [[1, 2, 9], (x, g) => ops.conv(x, values(g, [3, 2, 4]), undefined, { strides: [2] })],
  ],
  QuantizeLinear: [
    [[2, 3], (x, g) => node('QuantizeLinear', [x, values(g, []), constant(g, zeros('int8', []))])],
    [[2, 3], (x, g) => node('QuantizeLinear', [x, values(g, [])])],
  ],
  DequantizeLinear: [
    [
      [2, 3],
      (x, g) =>
        node('DequantizeLinear', [node('QuantizeLinear', [x, values(g, [])])[0], values(g, [3])], { axis: int(1) }),
    ],
  ],
  ConvTranspose: [
    [
      [1, 4, 5, 6],
      (x, g) => ops.convTranspose(x, values(g, [4, 2, 4, 4]), undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }),
    ],
    [
      [1, 4, 5, 6],
      (x, g) =>
        ops.convTranspose(x, values(g, [4, 2, 3, 3]), undefined, {
          strides: [2, 3],
          outputPadding: [1, 0],
          group: 2,
          dilations: [2, 1],
        }),
    ],
  ],
  MaxPool: [
    [[1, 2, 9, 12], (x) => ops.maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })],
    [[1, 2, 9, 12], (x) => ops.maxPool(x, { kernel: [3, 2], strides: [3, 3], pads: [0, 1, 0, 1], ceil: true })],
    [[1, 2, 8, 8], (x) => ops.maxPool(x, { kernel: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1], ceil: true })],
    [[1, 2, 9, 12], (x) => node('MaxPool', [x], { kernel_shape: ints([3, 3]), dilations: ints([2, 2]) }, 2)],
  ],
  AveragePool: [[[1, 2, 9, 12], (x) => ops.averagePool(x, { kernel: [3, 3], strides: [2, 2], ceil: true })]],
  BatchNormalization: [
    [
      [2, 3, 4, 5],
      (x, g) => {
        const t = ops.batchNormalizationTraining(x, values(g, [3]), values(g, [3]));
        return [t.output, t.mean, t.variance];
      },
    ],
  ],
  GlobalAveragePool: [[[2, 3, 4, 5], ops.globalAveragePool]],
  Slice: [
    [[5, 7], (x) => ops.slice(x, [0, 1], [1, -3], [4, 100])],
    [[5, 7], (x) => ops.slice(x, [-1], [5], [0], [-2])],
    [[5, 7], (x) => ops.slice(x, [0, 1], [-1, 100], [-100, -100], [-1, -3])],
    [[5, 7], (x) => ops.slice(x, [1], [4], [2])],
  ],
  Split: [
    [[2, 7], (x) => ops.split(x, 1, [3, 4])],
    [[2, 7], (x) => node('Split', [x], { axis: int(-1), num_outputs: int(3) }, 3)],
  ],
  Pad: [
    [[2, 3, 4], (x) => ops.pad(x, [0, 1, 2, 0, 0, 1], 'constant', 3)],
    [[2, 3, 4], (x) => ops.pad(x, [0, -1, 0, 0, 0, -2])],
    [
      [2, 3, 4],
      (x, g) => node('Pad', [x, ops.integers(g, [1, 2]), undefined, ops.integers(g, [-1])], { mode: string('edge') }),
    ],
  ],
  Concat: [[[2, 3, 4], (x) => ops.concat([x, ops.slice(x, [1], [0], [2])], -2)]],
  Reshape: [
    [[2, 3, 4], (x) => ops.reshape(x, [0, -1])],
    [[2, 3, 4], (x) => ops.reshape(x, [4, 6])],
  ],
  Flatten: [[[2, 3, 4], (x) => node('Flatten', [x], { axis: int(-1) })]],
  Transpose: [
    [[2, 3, 4], (x) => ops.transpose(x, [2, 0, 1])],
    [[2, 3, 4], (x) => node('Transpose', [x])],
  ],
  Gather: [
    [
      [2, 3, 4],
      (x, g) =>
        ops.gather(x, constant(g, { dtype: 'int64', shape: [2, 2], data: BigInt64Array.of(0n, 1n, 2n, 0n) }), 1),
    ],
    [[2, 3, 4], (x, g) => ops.gather(x, ops.scalar(g, -1, 'int64'), -1)],
  ],
  Expand: [[[3, 1], (x) => ops.expand(x, [2, 1, 4])]],
  Squeeze: [
    [[1, 3, 1], (x) => ops.squeeze(x, [-1])],
    [[1, 3, 1], (x) => node('Squeeze', [x])],
  ],
  Unsqueeze: [[[2, 3], (x) => ops.unsqueeze(x, [0, -1])]],
  Tile: [[[2, 3], (x, g) => node('Tile', [x, ops.integers(g, [3, 2])])]],
  DepthToSpace: [[[1, 8, 2, 3], (x) => node('DepthToSpace', [x], { blocksize: int(2) })]],
  SpaceToDepth: [[[1, 2, 4, 6], (x) => node('SpaceToDepth', [x], { blocksize: int(2) })]],
  OneHot: [
    [
      [2, 3],
      (x, g) =>
        node('OneHot', [ops.cast(x, 'int64'), ops.scalar(g, 5, 'int64'), constant(g, float32([2], [0, 1]))], {
          axis: int(1),
        }),
    ],
  ],
  ReduceMean: [
    [[2, 3, 4], (x) => ops.reduceMean(x, [-1, 0], false)],
    [[2, 3, 4], (x) => ops.reduceMean(x)],
    [[2, 3, 4], (x) => node('ReduceMean', [x], { noop_with_empty_axes: int(1) })],
  ],
  ArgMax: [[[2, 3, 4], (x) => ops.argMax(x, -2, false)]],
  TopK: [[[2, 5], (x) => Object.values(ops.topK(x, 3, -1))]],
  CumSum: [[[2, 5], (x, g) => node('CumSum', [x, ops.scalar(g, 1, 'int64')])]],
  MatMul: [[[2, 1, 3, 4], (x, g) => ops.matMul(x, values(g, [5, 4, 2]))]],
  Gemm: [[[3, 4], (x, g) => node('Gemm', [x, values(g, [5, 3])], { transA: int(1), transB: int(1) })]],
  Resize: [
    [[1, 2, 4, 5], (x) => ops.resize(x, [1, 2, 7, 3], 'linear', 'half_pixel')],
    [
      [1, 2, 4, 5],
      (x, g) =>
        node('Resize', [x, undefined, constant(g, float32([4], [1, 1, 1.7, 0.5]))], { mode: string('nearest') }),
    ],
    [
      [1, 2, 4, 5],
      (x, g) =>
        node('Resize', [x, undefined, undefined, ops.integers(g, [9, 3])], {
          mode: string('linear'),
          axes: ints([2, 3]),
        }),
    ],
    [
      [1, 2, 4, 5],
      (x, g) =>
        node('Resize', [x, undefined, constant(g, float32([2], [2, 3]))], {
          mode: string('linear'),
          axes: ints([-1, -2]),
        }),
    ],
  ],
  GridSample: [
    [[1, 2, 4, 5], (x, g) => ops.gridSample(x, values(g, [1, 3, 6, 2]), { padding: 'border', alignCorners: true })],
  ],
  Where: [[[2, 1, 3], (x, g) => ops.where(ops.greater(x, 0), values(g, [4, 1]), 0)]],
  PRelu: [[[2, 3, 4], (x, g) => ops.pRelu(x, values(g, [3, 1]))]],
  Range: [
    [
      [1],
      (x, g) =>
        node(
          'Range',
          [2, 11, 4].map((value) => ops.scalar(g, value)),
        ).concat(ops.identity(x)),
    ],
  ],
  ConstantOfShape: [[[1], (x, g) => [...node('ConstantOfShape', [ops.integers(g, [2, 3])]), ops.identity(x)]]],
  Shape: [[[2, 3, 4], (x) => node('Shape', [x], { start: int(-2) })]],
  ScatterElements: [[[3, 4], (x) => ops.scatterElements(x, ops.cast(ops.mul(x, 0), 'int64'), x, 1, 'add')]],
  Pow: [[[2, 3], (x) => ops.pow(x, 2)]],
  Softmax: [[[2, 3], (x) => ops.softmax(x, -1)]],
};

describe('inferred types and shapes are those the engine computes', () => {
  it.each(Object.entries(cases))('%s', async (_, list) => {
    for (const [shape, build] of list) {
      const graph = createGraph('test');
      const made = build(input(graph, 'x', 'float32', shape), graph);
      const outputs = Object.fromEntries((Array.isArray(made) ? made : [made]).map((value, i) => [`out${i}`, value]));
      const session = await createSession(writeModel(exportModel(graph, outputs)));
      const results = await session.run({ x: symmetricByName('x', shape, 1) });
      await session.release();
      const types = (list: Record<string, { dtype: Tensor['dtype']; shape: Shape }>) =>
        Object.fromEntries(Object.entries(list).map(([name, { dtype, shape }]) => [name, [dtype, ...shape]]));
      expect(types(outputs)).toEqual(types(results));
    }
  });
});

describe('what does not fit is refused at once, with the names of the values', () => {
  const graph = createGraph('test');
  const x = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  const weight = parameter(graph, 'conv1.weight', [4, 5, 3, 3], { kind: 'constant', value: 0 });
  const other = input(graph, 'mask', 'float32', [1, 3, 8, 7]);
  const labels = input(graph, 'labels', 'int64', [1, 8, 8]);
  const refusals: [string, () => unknown, string][] = [
    [
      'channels',
      () => ops.conv(x, weight),
      'Conv(image: float32 1×3×8×8, conv1.weight: float32 4×5×3×3): expected 5 input channels (5 × 1 groups), found 3',
    ],
    [
      'groups',
      () => ops.conv(x, ops.slice(weight, [1], [0], [1]), undefined, { group: 3 }),
      '4 output channels do not divide into 3 groups',
    ],
    [
      'window',
      () => ops.maxPool(x, { kernel: [9, 9] }),
      'MaxPool(image: float32 1×3×8×8): the window 9×9 does not fit into 8×8',
    ],
    [
      'broadcast',
      () => ops.add(x, other),
      'Add(image: float32 1×3×8×8, mask: float32 1×3×8×7): the shapes do not broadcast at axis 3: 8 and 7',
    ],
    [
      'element type',
      () => ops.mul(x, labels),
      'Mul(image: float32 1×3×8×8, labels: int64 1×8×8): expected one element type, found float32 and int64',
    ],
    ['concat', () => ops.concat([x, other], 1), 'mask differs from image outside axis 1'],
    [
      'inner size',
      () => ops.matMul(other, x),
      'MatMul(mask: float32 1×3×8×7, image: float32 1×3×8×8): the inner sizes differ: 7 and 8',
    ],
    ['reshape', () => ops.reshape(x, [5, -1]), 'cannot reshape 1×3×8×8 to [5, -1]'],
    ['axis', () => ops.softmax(x, 4), 'Softmax(image: float32 1×3×8×8): the axis 4 does not exist in rank 4'],
    ['permutation', () => ops.transpose(x, [0, 1, 1, 2]), '[0, 1, 1, 2] is no permutation of 4 axes'],
    ['step', () => ops.slice(x, [2], [0], [8], [0]), 'a step of 0'],
    ['split', () => ops.split(x, 1, [1, 1]), 'cannot split axis 1 of 3 into [1, 1]'],
    ['gather', () => ops.gather(x, other, 1), 'expected integer indices, found that mask is float32'],
    ['expand', () => ops.expand(other, [1, 3, 8, 8]), 'the shapes do not broadcast at axis 3: 7 and 8'],
    ['top k', () => ops.topK(x, 9, 3), 'asked for 9 of 8 elements'],
    [
      'batch norm',
      () => ops.batchNormalizationTraining(x, input(graph, 'scale', 'float32', [4]), other),
      'expected a scale of 3 values, found 4',
    ],
    ['slope', () => ops.pRelu(input(graph, 'row', 'float32', [8]), x), 'the slope does not broadcast to the input'],
    ['condition', () => ops.where(x, 1, 0), 'expected a bool condition, found float32'],
    [
      'unknown operator',
      () => addNode(graph, 'Rellu', [x]),
      'the operator Rellu has no shape rule; did you mean Relu?',
    ],
    [
      'attribute kind',
      () => addNode(graph, 'Flatten', [x], { axis: float(1) }),
      'expected the attribute axis to be an integer, found float',
    ],
    [
      'other graph',
      () => ops.add(x, input(createGraph('second'), 'y', 'float32', [1])),
      'the input y belongs to the graph second, not test',
    ],
    ['name', () => input(graph, 'image', 'float32', [1]), 'the graph test already has a value named image'],
    [
      'parameter',
      () => parameter(graph, 'conv1.weight', [1], { kind: 'constant', value: 0 }),
      'conv1.weight is declared as 4×5×3×3 and again as 1',
    ],
    [
      'depth to space',
      () => addNode(graph, 'DepthToSpace', [x], { blocksize: int(2) }),
      'expected channels in multiples of 4, found 3',
    ],
    [
      'transposed convolution',
      () => ops.convTranspose(x, input(graph, 'single', 'float32', [3, 1, 1, 1]), undefined, { pads: [4, 0, 4, 0] }),
      'the pads leave 0×8 of the output',
    ],
    ['resize', () => ops.resize(x, [1, 3, 16], 'linear', 'half_pixel'), 'expected 4 sizes, found 3'],
  ];
  it.each(refusals)('%s', (_, build, message) => expect(build).toThrow(message));
});
