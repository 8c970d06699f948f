import { describe, expect, it } from 'vitest';
import { createEditor } from '#src/onnx/editor.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, parameter } from '#src/onnx/graph.js';
import { fromHalfStorage, toHalfStorage } from '#src/onnx/halfStorage.js';
import type { Model, ModelNode } from '#src/onnx/model.js';
import * as ops from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { float32 } from '#src/tensor/tensor.js';

const zero = { kind: 'constant', value: 0 } as const;

/** y = relu(x · w) + w, with a second branch z = −x that no output needs. */
function example(): Model {
  const graph = createGraph('example');
  const x = input(graph, 'x', 'float32', [2, 2]);
  const w = parameter(graph, 'w', [2, 2], zero);
  const product = ops.matMul(x, w);
  const y = ops.add(ops.relu(product), w);
  const z = ops.neg(x);
  const model = exportModel(graph, { y, z }, { weights: new Map([['w', float32([2, 2], [1, 2, 3, 4])]]) });
  return { ...model, graph: { ...model.graph, outputs: model.graph.outputs.filter(({ name }) => name === 'y') } };
}

const nodeOf = (model: Pick<Model['graph'], 'nodes'>, op: string): ModelNode => {
  const found = model.nodes.find((node) => node.op === op);
  if (!found) throw new Error(`no ${op}`);
  return found;
};

const node = (op: string, inputs: string[], output: string, attributes: ModelNode['attributes'] = {}): ModelNode => ({
  op,
  domain: '',
  name: output,
  inputs,
  outputs: [output],
  attributes,
});

async function run(model: Model, values = [1, 0, 0, -1]): Promise<Record<string, number[]>> {
  const session = await createSession(writeModel(model));
  const results = await session.run({ x: float32([2, 2], values) });
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

describe('an editor of models', () => {
  it('knows who computes and who reads a value, and leaves an unedited model as it is', () => {
    const model = example();
    const editor = createEditor(model);
    const product = nodeOf(model.graph, 'MatMul').outputs[0];
    expect(editor.producer(product)?.op).toBe('MatMul');
    expect(editor.producer('x')).toBeUndefined();
    expect(editor.readers('w').map(({ op }) => op)).toEqual(['MatMul', 'Add']);
    expect(editor.readers('y')).toEqual([]);
    expect(editor.isRead('y')).toBe(true);
    expect(editor.isRead('z')).toBe(false);
    expect(writeModel(editor.finish())).toEqual(writeModel(model));
  });

  it('puts a node behind a value, and the model given stays as it was', async () => {
    const model = example();
    const before = writeModel(model);
    const editor = createEditor(model);
    const product = nodeOf(model.graph, 'MatMul');
    const [name] = product.outputs;
    const negative = editor.freshName(name);
    expect(negative).not.toBe(name);
    const [reader] = editor.readers(name);
    editor.insert([node('Neg', [name], negative)], reader);
    editor.redirect(name, negative, [reader]);
    const edited = editor.finish();
    // relu(-x·w) + w with x·w = [[1, 2], [-3, -4]].
    expect((await run(edited)).y).toEqual([1, 2, 6, 8]);
    expect((await run(model)).y).toEqual([2, 4, 3, 4]);
    expect(writeModel(model)).toEqual(before);
  });

  it('replaces a node by others that compute the same value', async () => {
    const editor = createEditor(example());
    const relu = nodeOf(editor, 'Relu');
    const half = editor.freshName('half');
    editor.setInitializer(half, float32([], [0.5]));
    const scaled = editor.freshName('scaled');
    editor.replace(relu, [node('Mul', [relu.inputs[0], half], scaled), node('Abs', [scaled], relu.outputs[0])]);
    expect(editor.producer(relu.outputs[0])?.op).toBe('Abs');
    expect((await run(editor.finish())).y).toEqual([1.5, 3, 4.5, 6]);
  });

  it('adds outputs, and keeps only what outputs need', async () => {
    const editor = createEditor(example());
    const [product] = nodeOf(editor, 'MatMul').outputs;
    editor.addOutput(product);
    editor.addOutput(product);
    const both = editor.finish();
    expect(both.graph.outputs.map(({ name }) => name)).toEqual(['y', product]);
    expect((await run(both))[product]).toEqual([1, 2, -3, -4]);
    editor.keepOutputs([product]);
    const cut = editor.finish();
    expect(cut.graph.nodes.map(({ op }) => op)).toEqual(['MatMul']);
    expect(await run(cut)).toEqual({ [product]: [1, 2, -3, -4] });
  });

  it('refuses what would tear the graph', () => {
    const torn = createEditor(example());
    torn.remove(nodeOf(torn, 'Relu'));
    expect(() => torn.finish()).toThrow(/is read, but nothing gives it any more/);
    const editor = createEditor(example());
    const relu = nodeOf(editor, 'Relu');
    expect(() => editor.insert([node('Neg', ['x'], relu.outputs[0])])).toThrow('is there already');
    expect(() => editor.setInitializer(relu.outputs[0], float32([1], [0]))).toThrow('is computed');
    expect(() => editor.remove({ ...relu })).toThrow('is not in the model');
    expect(() => editor.removeInitializer('x')).toThrow('no initializer x');
  });

  it('counts every value as read where a node has subgraphs, which may read it', () => {
    const model = example();
    const branch: ModelNode = {
      ...node('If', ['x'], 'branch'),
      attributes: { body: { kind: 'opaque', value: new Uint8Array() } },
    };
    const nodes = [...model.graph.nodes, branch];
    const editor = createEditor({ ...model, graph: { ...model.graph, nodes } });
    expect(editor.isRead('branch')).toBe(true);
    editor.keepOutputs(['branch']);
    expect(editor.nodes).toHaveLength(nodes.length);
    editor.remove(branch);
    expect(editor.isRead('branch')).toBe(true);
    editor.keepOutputs(['y']);
    expect(editor.isRead('branch')).toBe(false);
  });
});

describe('half storage', () => {
  it('computes the same, also where the file lists its weights as inputs or another node has the name of a stored weight', async () => {
    const model = example();
    const listed = [...model.graph.inputs, { name: 'w', type: { dtype: 'float32' as const, shape: [2, 2] } }];
    const taken = node('Identity', ['x'], 'w.half');
    const odd: Model = { ...model, graph: { ...model.graph, inputs: listed, nodes: [taken, ...model.graph.nodes] } };
    const half = toHalfStorage(odd);
    expect([...half.graph.initializers.values()].map(({ dtype }) => dtype)).toEqual(['float16']);
    expect(await run(half)).toEqual(await run(model));
    const back = fromHalfStorage(half);
    expect(back.graph.nodes).toEqual(odd.graph.nodes);
    expect(back.graph.initializers).toEqual(model.graph.initializers);
  });
});
