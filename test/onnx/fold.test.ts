import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { importModel } from '#src/onnx/import.js';
import { type Attribute, type Attributes, int, ints, type Model, type ModelNode } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { float32ToFloat16 } from '#src/tensor/half.js';
import { symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';

const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): ModelNode => {
  return { op, domain: '', name: output, inputs, outputs: [output], attributes };
};
const long = (...values: number[]) => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
const half = (...values: number[]) => tensor('float16', [values.length], float32ToFloat16(Float32Array.from(values)));
const floats = (value: number[]): Attribute => ({ kind: 'floats', value });
const toFloat32 = { to: int(1) };

/** Nodes that compute `y` of `x` (float32 2×3×4) and constants. */
function modelOf(nodes: ModelNode[], initializers: Record<string, Tensor> = {}): Model {
  const graph = {
    name: 'constants',
    nodes,
    inputs: [{ name: 'x', type: { dtype: 'float32', shape: [2, 3, 4] } } as const],
    outputs: [{ name: 'y', type: { dtype: 'float32', shape: undefined } } as const],
    values: [],
    initializers: new Map(Object.entries(initializers)),
  };
  return { irVersion: 8, opsets: new Map([['', 18]]), producer: 'test', metadata: new Map(), graph };
}

const cases: [string, Model][] = [
  [
    'the largest int64 in a list',
    modelOf([
      node('Constant', [], 'starts', { value_ints: ints([1, -2]) }),
      node('Constant', [], 'ends', { value_ints: ints([2 ** 63, 2 ** 63]) }),
      node('Slice', ['x', 'starts', 'ends'], 'y'),
    ]),
  ],
  [
    'the largest int64 alone, moved by shape arithmetic',
    modelOf(
      [
        node('Constant', [], 'end', { value_int: int(2 ** 63) }),
        node('Unsqueeze', ['end', 'zero'], 'ends'),
        node('Concat', ['ends', 'ends'], 'both', { axis: int(0) }),
        node('Slice', ['x', 'one', 'both', 'axes'], 'y'),
      ],
      { zero: long(0), one: long(1, 1), axes: long(1, 2) },
    ),
  ],
  [
    'half-precision numbers that are converted',
    modelOf([node('Cast', ['h'], 'scale', toFloat32), node('Mul', ['x', 'scale'], 'y')], { h: half(1, 0.5, -2, 3) }),
  ],
  [
    'half-precision numbers that are computed with',
    modelOf(
      [
        node('Add', ['h', 'h'], 'double'),
        node('Neg', ['double'], 'negative'),
        node('Cast', ['negative'], 'scale', toFloat32),
        node('Mul', ['x', 'scale'], 'y'),
      ],
      { h: half(1, 0.5, -2, 3) },
    ),
  ],
  [
    'numbers as half-precision ones',
    modelOf([
      node('Constant', [], 'f', { value_floats: floats([1, 0.5, -2, 3]) }),
      node('Cast', ['f'], 'h', { to: int(10) }),
      node('Cast', ['h'], 'scale', toFloat32),
      node('Mul', ['x', 'scale'], 'y'),
    ]),
  ],
  [
    'shapes of half-precision constants, reshaped or not',
    modelOf(
      [
        node('Reshape', ['h', 'two'], 'square'),
        node('Shape', ['square'], 'pair'),
        node('Concat', ['pair', 'six'], 'target', { axis: int(0) }),
        node('Reshape', ['x', 'target'], 'y'),
      ],
      { h: half(1, 2, 3, 4), two: long(2, 2), six: long(6) },
    ),
  ],
  [
    'pads as PyTorch computes them',
    modelOf(
      [
        node('ConstantOfShape', ['four'], 'zeros', { value: { kind: 'tensor', value: long(0) } }),
        node('Concat', ['given', 'zeros'], 'padded', { axis: int(0) }),
        node('Reshape', ['padded', 'pairs'], 'rows'),
        node('Slice', ['rows', 'minusOne', 'farBack', 'zero', 'minusOne'], 'reversed'),
        node('Transpose', ['reversed'], 'turned', { perm: ints([1, 0]) }),
        node('Reshape', ['turned', 'minusOne'], 'pads'),
        node('Pad', ['x', 'pads'], 'y'),
      ],
      {
        four: long(4),
        given: long(1, 2),
        pairs: long(-1, 2),
        minusOne: long(-1),
        // To before the first element, as PyTorch writes it: no number holds it.
        farBack: tensor('int64', [1], BigInt64Array.of(-(2n ** 63n) + 1n)),
        zero: long(0),
      },
    ),
  ],
  [
    'sizes from shapes, by arithmetic of floating-point numbers',
    modelOf(
      [
        node('Shape', ['x'], 'shape'),
        node('Cast', ['shape'], 'floats', toFloat32),
        node('Mul', ['floats', 'scales'], 'grown'),
        node('Floor', ['grown'], 'floored'),
        node('Cast', ['floored'], 'sizes', { to: int(7) }),
        node('Expand', ['x1', 'sizes'], 'y'),
        node('Slice', ['x', 'zeros', 'ones', 'axes'], 'x1'),
      ].sort((a, b) => Number(a.outputs[0] === 'y') - Number(b.outputs[0] === 'y')),
      {
        scales: tensor('float32', [3], Float32Array.of(1, 1.7, 1)),
        zeros: long(0),
        ones: long(1),
        axes: long(1),
      },
    ),
  ],
  [
    'a shape that keeps its own sizes where -1 is asked for',
    modelOf(
      [
        node('Equal', ['wanted', 'minusOne'], 'keeps'),
        node('ConstantOfShape', ['three'], 'ones', { value: { kind: 'tensor', value: long(1) } }),
        node('Where', ['keeps', 'ones', 'wanted'], 'sizes'),
        node('Expand', ['x', 'sizes'], 'y'),
      ],
      { wanted: long(-1, 3, -1), minusOne: long(-1), three: long(3) },
    ),
  ],
  [
    'positions of what is not zero, and their number',
    modelOf(
      [
        node('ConstantOfShape', ['length'], 'ones', { value: { kind: 'tensor', value: long(1) } }),
        node('NonZero', ['ones'], 'found'),
        node('Transpose', ['found'], 'column'),
        node('Squeeze', ['column', 'one'], 'positions'),
        node('Mod', ['positions', 'two'], 'parity'),
        node('Cast', ['parity'], 'scale', toFloat32),
        node('Mul', ['x', 'scale'], 'y'),
      ],
      { length: long(4), one: long(1), two: long(2) },
    ),
  ],
  [
    'numbers written into a shape, gathered, joined and reduced',
    modelOf(
      [
        node('Shape', ['x'], 'shape'),
        node('ScatterND', ['shape', 'first', 'four'], 'changed'),
        node('Gather', ['changed', 'order'], 'ordered', { axis: int(-1) }),
        node('ReduceProd', ['ordered'], 'count', { keepdims: int(1) }),
        node('Size', ['x'], 'all'),
        node('Unsqueeze', ['all', 'zero'], 'size'),
        node('Div', ['size', 'count'], 'rest'),
        node('Tile', ['rest', 'two'], 'twice'),
        node('ReduceSum', ['twice'], 'sum', { keepdims: int(1) }),
        node('Concat', ['sum', 'minusOne'], 'target', { axis: int(0) }),
        node('Reshape', ['x', 'target'], 'y'),
      ],
      {
        first: tensor('int64', [1, 1], BigInt64Array.of(0n)),
        four: long(2),
        order: long(0, -2),
        zero: long(0),
        two: long(2),
        minusOne: long(-1),
      },
    ),
  ],
  [
    'parts of a matrix of sizes',
    modelOf(
      [
        node('Range', ['start', 'limit', 'step'], 'numbers'),
        node('Reshape', ['numbers', 'square'], 'matrix'),
        node('Split', ['matrix', 'sizes'], 'left,right', { axis: int(1) }),
        node('Expand', ['right', 'wide'], 'wider'),
        node('ReduceMax', ['wider', 'zero'], 'largest', { keepdims: int(0) }),
        node('Min', ['largest', 'six'], 'bounded'),
        node('Cast', ['bounded'], 'scale', toFloat32),
        node('Mul', ['x', 'scale'], 'y'),
      ].map((one) => ({ ...one, outputs: one.outputs[0].split(',') })),
      {
        start: tensor('int64', [], BigInt64Array.of(1n)),
        limit: tensor('int64', [], BigInt64Array.of(9n)),
        step: tensor('int64', [], BigInt64Array.of(2n)),
        square: long(2, 2),
        sizes: long(1, 1),
        wide: long(2, 4),
        zero: long(0),
        // Below the largest on the right, above it on the left.
        six: long(6),
      },
    ),
  ],
  [
    'truth of numbers',
    modelOf([
      node('Constant', [], 'f', { value_floats: floats([2, 0.5, 0, -1]) }),
      node('Cast', ['f'], 'truth', { to: int(9) }),
      node('Cast', ['truth'], 'scale', toFloat32),
      node('Mul', ['x', 'scale'], 'y'),
    ]),
  ],
  ...arithmetic(),
];

/** Numbers that nodes compute of constants and that scale the last axis of `x`, so that a wrong one shows. */
function arithmetic(): [string, Model][] {
  const numbers = { a: long(7, -7, 9, 2), b: long(2), steps: long(1, 2, 3, 4, 5, 6, 7, 8), picked: long(-1, 0, 2, 1) };
  const scalar = (value: number) => tensor('int64', [], BigInt64Array.of(BigInt(value)));
  const reals = tensor('float32', [4], Float32Array.of(0.2, -1.5, 2.25, 3.7));
  const scaled = (title: string, made: ModelNode[], initializers: Record<string, Tensor> = {}): [string, Model] => [
    title,
    modelOf([...made, node('Cast', ['result'], 'scale', toFloat32), node('Mul', ['x', 'scale'], 'y')], {
      ...numbers,
      reals,
      ...initializers,
    }),
  ];
  const two = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Equal', 'Mod'].map((op) =>
    scaled(`${op} of numbers and one number`, [node(op, ['a', 'b'], 'result')]),
  );
  const turned = ['Sub', 'Div'].map((op) =>
    scaled(`${op} of one number and numbers`, [node(op, ['b', 'a'], 'result')]),
  );
  const one = ['Ceil', 'Floor', 'Neg', 'Round'].map((op) =>
    scaled(`${op} of numbers`, [node(op, ['reals'], 'result')]),
  );
  const ends = { first: long(1), last: long(8), axis: long(0), step: long(2) };
  const range = { start: scalar(2), limit: scalar(14), delta: scalar(3) };
  return [
    ...two,
    ...turned,
    ...one,
    scaled('the integers that numbers are cut to', [node('Cast', ['reals'], 'result', { to: int(7) })]),
    scaled('every second number', [node('Slice', ['steps', 'first', 'last', 'axis', 'step'], 'result')], ends),
    scaled('a range', [node('Range', ['start', 'limit', 'delta'], 'result')], range),
    scaled('numbers by index, from the end too', [node('Gather', ['a', 'picked'], 'result')]),
    scaled('numbers by a condition', [
      node('Equal', ['a', 'b'], 'same'),
      node('Where', ['same', 'picked', 'a'], 'result'),
    ]),
    scaled(
      'a filled list',
      [node('ConstantOfShape', ['length'], 'result', { value: { kind: 'tensor', value: long(3) } })],
      {
        length: long(4),
      },
    ),
    scaled('numbers whose axes go round', [node('Transpose', ['grid'], 'result', { perm: ints([1, 2, 0]) })], {
      grid: tensor(
        'int64',
        [4, 2, 3],
        BigInt64Array.from({ length: 24 }, (_, i) => BigInt(i)),
      ),
    }),
    scaled('the last sizes of a shape', [
      node('Shape', ['x'], 'sizes', { start: int(-2) }),
      node('Concat', ['sizes', 'sizes'], 'result', { axis: int(0) }),
    ]),
  ];
}

it.each(cases)('%s, mean what they mean to the engine', async (_, model) => {
  const run = async (bytes: Uint8Array) => {
    const session = await createSession(bytes, { threads: 1 });
    const { y } = await session.run({ x: symmetricByName('x', [2, 3, 4], 1) });
    await session.release();
    return y;
  };
  const { graph, outputs, weights } = importModel(model);
  const expected = await run(writeModel(model));
  expect(expected.data.length).toBeGreaterThan(0);
  expect(outputs.y.shape).toEqual(expected.shape);
  expect(await run(writeModel(exportModel(graph, outputs, { weights })))).toEqual(expected);
});
