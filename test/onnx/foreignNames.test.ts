// Names of a file that are also names of every object: operators, attributes, inputs.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { foldConstants } from '#src/onnx/fold.js';
import { constant, createGraph, type Value } from '#src/onnx/graph.js';
import { importModel } from '#src/onnx/import.js';
import type { Attribute, Model } from '#src/onnx/model.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { float32, tensor } from '#src/tensor/tensor.js';

const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'];

function model({
  op = 'Neg',
  domain = '',
  name = 'x',
  attributes = {} as Record<string, Attribute>,
  version = 18,
} = {}): Model {
  const value = (of: string) => ({ name: of, type: { dtype: 'float32' as const, shape: [2] } });
  return {
    irVersion: 8,
    opsets: new Map([['', version]]),
    producer: 'test',
    metadata: new Map(),
    graph: {
      name: 'graph',
      nodes: [{ op, domain, name: 'node', inputs: [name], outputs: ['y'], attributes }],
      inputs: [value(name)],
      outputs: [value('y')],
      values: [],
      initializers: new Map(),
    },
  };
}

describe.each(names)('the name %s', (name) => {
  it('is no operator', () => {
    for (const domain of ['', 'com.microsoft', name]) {
      for (const version of [9, 18]) {
        const given = readModel(writeModel(model({ op: name, domain, version })));
        expect(() => importModel(given)).toThrow(/node.*(operator|not supported)/);
      }
    }
  });

  it('is an input like any other', async () => {
    const given = readModel(writeModel(model({ name })));
    const { outputs } = importModel(given);
    expect(outputs.y.shape).toEqual([2]);
    const session = await createSession(writeModel(given));
    const feeds = Object.fromEntries([[name, float32([2], [1, -2])]]);
    expect([...(await session.run(feeds)).y.data]).toEqual([-1, 2]);
    await expect(session.run({})).rejects.toThrow(`expected a feed for the input "${name}"`);
    await session.release();
  });

  it('is an attribute like any other, of this node alone', () => {
    const attributes = Object.fromEntries([[name, { kind: 'int', value: 3 } as const]]);
    const [node] = readModel(writeModel(model({ attributes }))).graph.nodes;
    expect(Object.entries(node.attributes)).toEqual([[name, { kind: 'int', value: 3 }]]);
    expect(node.attributes.kind).toBeUndefined();
    expect(readModel(writeModel(model())).graph.nodes[0].attributes[name]).toBeUndefined();
  });
});

it('has no gradient rule', () => {
  const { graph, outputs } = importModel(readModel(writeModel(model())));
  for (const name of names) {
    for (const node of graph.nodes) Object.assign(node, { op: name });
    expect(() => gradients(graph, outputs.y, [graph.inputs[0]])).toThrow();
  }
});

describe('integers beyond 2^53', () => {
  const attribute = (value: bigint, list: boolean) => {
    const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string('end');
    writer.tag(list ? 8 : 3, WireType.Varint).int64(value);
    return writer
      .tag(20, WireType.Varint)
      .int32(list ? 7 : 2)
      .finish();
  };

  it.each([
    [2n ** 53n + 1n, 'opaque'],
    [-(2n ** 60n) - 1n, 'opaque'],
    [2n ** 60n, 'known'],
    [2n ** 63n - 1n, 'known'],
    [-(2n ** 63n), 'known'],
  ])('come back as they came: %i', (value, kind) => {
    for (const list of [false, true]) {
      const bytes = attribute(value, list);
      const given = model({ attributes: { end: { kind: 'opaque', value: bytes } } });
      const read = readModel(writeModel(given));
      expect(read.graph.nodes[0].attributes.end.kind).toBe(kind === 'opaque' ? kind : list ? 'ints' : 'int');
      expect(Buffer.from(writeModel(read)).includes(Buffer.from(bytes))).toBe(true);
    }
  });

  it('are not computed with', () => {
    const graph = createGraph('integers');
    const large = constant(graph, tensor('int64', [1], BigInt64Array.of(2n ** 53n + 1n)));
    const one = constant(graph, tensor('int64', [1], BigInt64Array.of(1n)));
    const half = constant(graph, tensor('int64', [1], BigInt64Array.of(2n ** 52n)));
    const fold = (op: string, ...inputs: Value[]) => foldConstants({ op, inputs, attributes: {}, outputCount: 1 });
    expect(fold('Add', one, one)?.[0].data).toEqual(BigInt64Array.of(2n));
    expect(fold('Sub', large, one)).toBeUndefined();
    expect(fold('Add', half, half)).toBeUndefined();
    expect(fold('Identity', large)).toBeUndefined();
  });
});
