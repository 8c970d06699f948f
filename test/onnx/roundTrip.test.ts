import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, parameter } from '#src/onnx/graph.js';
import { importModel } from '#src/onnx/import.js';
import { feedInputs, type Model } from '#src/onnx/model.js';
import { conv, relu, slice } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Shape, type Tensor } from '#src/tensor/tensor.js';
import { largestDifference } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

async function run(model: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await createSession(model, { threads: 2 });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

it('a graph of ours is written, read, imported and written again, and computes the same', async () => {
  const graph = createGraph('small');
  const x = input(graph, 'x', 'float32', [1, 1, 4, 4]);
  const weight = parameter(graph, 'w', [2, 1, 3, 3], { kind: 'constant', value: 0 });
  const y = slice(relu(conv(x, weight, undefined, { pads: [1, 1, 1, 1] })), [3], [-1], [-5], [-1]);
  const weights = new Map([['w', symmetricByName('w', [2, 1, 3, 3], 1)]]);
  const metadata = new Map([['key', 'wert ü']]);
  const bytes = writeModel(exportModel(graph, { y }, { weights, metadata }));
  const read = readModel(bytes, 'small.onnx');
  expect(read.opsets.get('')).toBe(18);
  expect(read.metadata).toEqual(metadata);
  expect(read.graph.outputs).toEqual([{ name: 'y', type: { dtype: 'float32', shape: [1, 2, 4, 4] } }]);
  expect(writeModel(read)).toEqual(bytes);
  const imported = importModel(read);
  expect([...imported.graph.parameters.keys()]).toEqual(['w']);
  expect(imported.weights).toEqual(weights);
  const again = writeModel(exportModel(imported.graph, imported.outputs, { weights: imported.weights }));
  const feeds = { x: symmetricByName('x', [1, 1, 4, 4], 1) };
  const expected = await run(bytes, feeds);
  expect(expected.y.data.some((value) => value !== 0)).toBe(true);
  expect(await run(again, feeds)).toEqual(expected);
});

it('weights that are not given are inputs, and those of another shape are refused', () => {
  const graph = createGraph('small');
  const weight = parameter(graph, 'w', [3], { kind: 'constant', value: 0 });
  const y = relu(weight);
  expect(feedInputs(exportModel(graph, { y }).graph).map(({ name }) => name)).toEqual(['w']);
  const weights = new Map([['w', float32([2], [1, 2])]]);
  expect(() => exportModel(graph, { y }, { weights })).toThrow('w: expected float32 3, found float32 2');
});

const models = ['espnet_camvid_360x480', 'espnetv2_s2_cityscapes_512x1024'];
describeWithShared(
  'foreign models',
  models.map((name) => `models/${name}.onnx`),
  () => {
    it.each(models)(
      '%s is read and written, and imported and exported, without a change of its output',
      async (name) => {
        const original = readFileSync(sharedPath('models', `${name}.onnx`));
        const model = readModel(original, name);
        const [{ name: image, type }] = feedInputs(model.graph);
        const shape = (type?.shape ?? []) as Shape;
        const feeds = { [image]: symmetricByName('image', shape, 2) };
        const expected = await run(original, feeds);
        const rewritten = await run(writeModel(model), feeds);
        const { graph, outputs, weights } = importModel(model);
        const found = await run(writeModel(exportModel(graph, outputs, { weights })), feeds);
        for (const output of Object.keys(expected)) {
          expect(largestDifference(rewritten[output], expected[output])).toBe(0);
          expect(largestDifference(found[output], expected[output])).toBeLessThan(1e-4);
        }
      },
    );

    it('are imported at another size', async () => {
      const model = readModel(readFileSync(sharedPath('models', `${models[0]}.onnx`)), models[0]);
      const [{ name: image }] = feedInputs(model.graph);
      const { graph, outputs, weights } = importModel(model, { inputShapes: { [image]: [1, 3, 128, 192] } });
      const [[output, value]] = Object.entries(outputs);
      const feeds = { [image]: symmetricByName('image', [1, 3, 128, 192], 2) };
      const results = await run(writeModel(exportModel(graph, outputs, { weights })), feeds);
      expect(results[output].shape).toEqual(value.shape);
    });
  },
);

it('a model that leaves sizes open says which, and an operator it cannot follow is named', () => {
  const graph = createGraph('small');
  const model = exportModel(graph, { y: relu(input(graph, 'x', 'float32', [1, 3])) });
  const open: Model = {
    ...model,
    graph: { ...model.graph, inputs: [{ name: 'x', type: { dtype: 'float32', shape: ['n', null] } }] },
  };
  expect(() => importModel(open)).toThrow('the input x has the open size n×?; give one');
  expect(importModel(open, { inputShapes: { x: [2, 5] } }).outputs.y.shape).toEqual([2, 5]);
  const nodes = [{ ...model.graph.nodes[0], op: 'Relu7', name: 'act' }];
  expect(() => importModel({ ...model, graph: { ...model.graph, nodes } })).toThrow(
    'node act (Relu7): the operator Relu7 has no shape rule; did you mean Relu?',
  );
  expect(() => importModel({ ...model, opsets: new Map([['', 6]]) })).toThrow('expected opset 7 or newer, found 6');
});
