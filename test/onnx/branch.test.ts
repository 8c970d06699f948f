import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { importModel } from '#src/onnx/import.js';
import { type Attribute, type Attributes, int, type Model, type ModelNode } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { int64, type Tensor } from '#src/tensor/tensor.js';

const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): ModelNode => {
  return { op, domain: '', name: output, inputs, outputs: [output], attributes };
};

function modelOf(nodes: ModelNode[], output: string, initializers: Record<string, Tensor>, feeds: string[]): Model {
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producer: 'test',
    metadata: new Map(),
    graph: {
      name: 'graph',
      nodes,
      inputs: feeds.map((name) => ({ name, type: { dtype: 'float32', shape: [2, 3, 4] } })),
      outputs: [{ name: output, type: { dtype: 'float32', shape: undefined } }],
      values: [],
      initializers: new Map(Object.entries(initializers)),
    },
  };
}

/** A graph as an attribute holds it. */
function subgraph(name: string, model: Model): Attribute {
  const reader = new BinaryReader(writeModel(model));
  let graph = new Uint8Array();
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 7) graph = Uint8Array.from(reader.bytes());
    else reader.skip(wire, field);
  }
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(name);
  writer.tag(6, WireType.LengthDelimited).bytes(graph);
  writer.tag(20, WireType.Varint).int32(5);
  return { kind: 'opaque', value: writer.finish() };
}

/** Whether an axis has one element, as exporters ask before they squeeze it. */
function asking(axis: number): Model {
  const thenBranch = modelOf(
    [node('Squeeze', ['x', 'axes'], 'squeezed')],
    'squeezed',
    { axes: int64([1], [axis]) },
    [],
  );
  const constant = { kind: 'tensor', value: int64([1], [-1]) } as const;
  const elseBranch = modelOf(
    [node('Constant', [], 'flat', { value: constant }), node('Reshape', ['x', 'flat'], 'flattened')],
    'flattened',
    {},
    [],
  );
  const branches = {
    then_branch: subgraph('then_branch', thenBranch),
    else_branch: subgraph('else_branch', elseBranch),
  };
  return modelOf(
    [
      node('Shape', ['x'], 'shape'),
      node('Gather', ['shape', 'axis'], 'size', { axis: int(0) }),
      node('Equal', ['size', 'one'], 'isOne'),
      node('If', ['isOne'], 'y', branches),
    ],
    'y',
    { axis: int64([], [axis]), one: int64([], [1]) },
    ['x'],
  );
}

it.each([
  ['is taken', [2, 1, 4]],
  ['is not taken', [2, 3, 4]],
])('a branch on a size %s, as the engine does', async (_, shape) => {
  const model = asking(1);
  const open = {
    ...model.graph,
    inputs: [{ name: 'x', type: { dtype: 'float32', shape: [null, null, null] } as const }],
  };
  const x = symmetricByName('x', shape, 1);
  const run = async (bytes: Uint8Array) => {
    const session = await createSession(bytes);
    const { y } = await session.run({ x });
    await session.release();
    return y;
  };
  const { graph, outputs, weights } = importModel({ ...model, graph: open }, { inputShapes: { x: shape } });
  const expected = await run(writeModel({ ...model, graph: open }));
  expect(outputs.y.shape).toEqual(expected.shape);
  expect(await run(writeModel(exportModel(graph, outputs, { weights })))).toEqual(expected);
});

it('a branch that hangs on the picture is refused', () => {
  const model = asking(1);
  const nodes = [
    node('ReduceMax', ['x'], 'largest', { keepdims: int(0) }),
    node('Cast', ['largest'], 'isOne', { to: int(9) }),
    ...model.graph.nodes.slice(-1),
  ];
  expect(() => importModel({ ...model, graph: { ...model.graph, nodes } })).toThrow(
    /node y \(If\): which branch is taken depends on isOne, which is no constant/,
  );
});
