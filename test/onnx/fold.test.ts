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
    'truth of numbers',
    modelOf([
      node('Constant', [], 'f', { value_floats: floats([2, 0.5, 0, -1]) }),
      node('Cast', ['f'], 'truth', { to: int(9) }),
      node('Cast', ['truth'], 'scale', toFloat32),
      node('Mul', ['x', 'scale'], 'y'),
    ]),
  ],
];

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
