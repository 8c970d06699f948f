import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { importModel } from '#src/onnx/import.js';
import { type Attributes, float, int, ints, type Model, string } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Shape, type Tensor } from '#src/tensor/tensor.js';
import { largestDifference } from '../goldens.js';

interface Old {
  readonly opset: number;
  readonly op: string;
  readonly attributes?: Attributes;
  readonly outputs?: number;
  readonly constants?: readonly Tensor[];
  readonly shape?: Shape;
}

/** A model of one node on `x`, in an older operator set. */
function oldModel({ opset, op, attributes = {}, outputs = 1, constants = [], shape = [2, 3, 4, 5] }: Old): Model {
  const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
  return {
    irVersion: 4,
    opsets: new Map([['', opset]]),
    producer: 'test',
    metadata: new Map(),
    graph: {
      name: op,
      nodes: [
        {
          op,
          domain: '',
          name: 'only',
          inputs: ['x', ...constants.map((_, i) => `c${i}`)],
          outputs: names,
          attributes,
        },
      ],
      inputs: [{ name: 'x', type: { dtype: 'float32', shape } }],
      outputs: names.map((name) => ({
        name,
        type: { dtype: op === 'ArgMax' || (name === 'y1' && op === 'TopK') ? 'int64' : 'float32', shape: undefined },
      })),
      values: [],
      initializers: new Map(constants.map((content, i) => [`c${i}`, content])),
    },
  };
}

const cases: [string, Old][] = [
  [
    'Slice by attributes',
    { opset: 9, op: 'Slice', attributes: { axes: ints([1, 3]), starts: ints([1, -2]), ends: ints([3, 100]) } },
  ],
  [
    'Slice to the end, as exporters write it',
    {
      opset: 9,
      op: 'Slice',
      attributes: { axes: ints([1, 3]), starts: ints([1, -2]), ends: ints([2 ** 63, 2 ** 63]) },
    },
  ],
  [
    'Pad by attributes',
    {
      opset: 10,
      op: 'Pad',
      attributes: { pads: ints([0, 0, 1, 2, 0, 0, 0, 1]), value: float(3), mode: string('constant') },
    },
  ],
  [
    'Pad without a value',
    { opset: 9, op: 'Pad', attributes: { pads: ints([0, 0, 1, 2, 0, 0, 0, 1]), mode: string('reflect') } },
  ],
  ['Clip by attributes', { opset: 10, op: 'Clip', attributes: { min: float(-0.2), max: float(0.4) } }],
  ['Clip on one side', { opset: 9, op: 'Clip', attributes: { max: float(0.4) } }],
  ['ReduceSum by attribute', { opset: 12, op: 'ReduceSum', attributes: { axes: ints([2, -1]), keepdims: int(0) } }],
  ['ReduceMean by attribute', { opset: 17, op: 'ReduceMean', attributes: { axes: ints([1]) } }],
  ['Squeeze', { opset: 11, op: 'Squeeze', attributes: { axes: ints([0]) }, shape: [1, 3, 1] }],
  ['Unsqueeze', { opset: 12, op: 'Unsqueeze', attributes: { axes: ints([0, 2]) } }],
  ['Split by attribute', { opset: 11, op: 'Split', attributes: { axis: int(1), split: ints([1, 2]) }, outputs: 2 }],
  ['Split in equal parts', { opset: 13, op: 'Split', attributes: { axis: int(2) }, outputs: 2 }],
  ['TopK by attribute', { opset: 9, op: 'TopK', attributes: { k: int(2), axis: int(-1) }, outputs: 2 }],
  ['Softmax over all axes from 1', { opset: 11, op: 'Softmax' }],
  ['Softmax over all axes from 2', { opset: 9, op: 'Softmax', attributes: { axis: int(2) } }],
  ['Softmax over all axes from 1, the last time', { opset: 12, op: 'Softmax', attributes: { axis: int(1) } }],
  ['Softmax over the last axis', { opset: 12, op: 'LogSoftmax', attributes: { axis: int(-1) } }],
  [
    'Upsample, nearest',
    { opset: 9, op: 'Upsample', attributes: { mode: string('nearest') }, constants: [float32([4], [1, 1, 2, 3])] },
  ],
  [
    'Upsample, linear',
    { opset: 9, op: 'Upsample', attributes: { mode: string('linear') }, constants: [float32([4], [1, 1, 2, 2])] },
  ],
  [
    'Resize by scales alone',
    { opset: 10, op: 'Resize', attributes: { mode: string('nearest') }, constants: [float32([4], [1, 1, 2, 1])] },
  ],
  ['ArgMax', { opset: 9, op: 'ArgMax', attributes: { axis: int(1) } }],
];

it.each(cases)('%s keeps its meaning', async (_, old) => {
  const model = oldModel(old);
  const x = symmetricByName('x', old.shape ?? [2, 3, 4, 5], 1);
  const { graph, outputs, weights } = importModel(model);
  const run = async (bytes: Uint8Array) => {
    const session = await createSession(bytes);
    const results = await session.run({ x });
    await session.release();
    return results;
  };
  const expected = await run(writeModel(model));
  const found = await run(writeModel(exportModel(graph, outputs, { weights })));
  for (const name of Object.keys(expected)) {
    expect(outputs[name].shape).toEqual(expected[name].shape);
    expect(largestDifference(found[name], expected[name])).toBeLessThan(1e-6);
  }
});
