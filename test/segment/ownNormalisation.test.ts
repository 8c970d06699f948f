// Networks that normalise pixels by their first nodes get pixels as they are; what else begins with arithmetic does not.
import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, type Graph, input, type Value } from '#src/onnx/graph.js';
import * as ops from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { loadModel } from '#src/segment/loadModel.js';
import { float32 } from '#src/tensor/tensor.js';

const three = (graph: Graph, ...values: number[]) =>
  constant(graph, float32([1, values.length, 1, 1], Float32Array.from(values)));
const bytes = [123.675, 116.28, 103.53];
const units = [0.485, 0.456, 0.406];

const cases: [string, (graph: Graph, image: Value) => Value, 255 | 1 | undefined][] = [
  ['a division by 255', (graph, image) => ops.mul(image, three(graph, 1 / 255)), 255],
  [
    'mean and deviation of bytes',
    (graph, image) => ops.div(ops.sub(image, three(graph, ...bytes)), three(graph, 58.4, 57.1, 57.4)),
    255,
  ],
  ['a mean of bytes alone', (graph, image) => ops.sub(image, three(graph, ...bytes)), 255],
  ['bytes to -1..1', (graph, image) => ops.sub(ops.div(image, three(graph, 127.5)), three(graph, 1)), 255],
  [
    'mean and deviation of 0..1',
    (graph, image) => ops.div(ops.sub(image, three(graph, ...units)), three(graph, 0.229, 0.224, 0.225)),
    1,
  ],
  ['0..1 to -1..1', (graph, image) => ops.sub(ops.mul(image, three(graph, 2)), three(graph, 1)), 1],
  [
    '0..1 to bytes without their mean',
    (graph, image) => ops.sub(ops.mul(image, three(graph, 255)), three(graph, ...bytes)),
    1,
  ],
  [
    'what undoes a normalisation',
    (graph, image) => ops.add(ops.mul(image, three(graph, 58.4)), three(graph, ...bytes)),
    undefined,
  ],
  ['what shifts a little', (graph, image) => ops.sub(ops.mul(image, three(graph, 0.9)), three(graph, 0.1)), undefined],
  ['batch normalisation of bytes', (graph, image) => normalised(graph, image, 1, 123, 3400), 255],
  ['batch normalisation of what spreads little', (graph, image) => normalised(graph, image, 0, 100, 50), undefined],
  ['batch normalisation of 0..1', (graph, image) => normalised(graph, image, 0, 0.5, 0.05), undefined],
  [
    'what is multiplied after it was shifted',
    (graph, image) => ops.mul(ops.sub(image, three(graph, 50)), three(graph, 0.2)),
    undefined,
  ],
  ['an activation', (_, image) => ops.relu(image), undefined],
];

function normalised(graph: Graph, image: Value, bias: number, mean: number, variance: number): Value {
  const each = (value: number) => constant(graph, float32([3], Float32Array.of(value, value, value)));
  return ops.batchNormalization(image, each(1), each(bias), each(mean), each(variance));
}

function network(first: (graph: Graph, image: Value) => Value): Uint8Array {
  const graph = createGraph('own');
  const image = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  const weight = constant(graph, float32([2, 3, 1, 1], Float32Array.of(1, 2, 3, 3, 2, 1)));
  return writeModel(exportModel(graph, { logits: ops.conv(first(graph, image), weight) }));
}

it.each(cases)('%s', async (_, first, white) => {
  const { description } = await loadModel(network(first));
  const { mean, std } = description.preprocessing;
  const note = description.notes.find((line) => line.includes('said nowhere'));
  if (white === undefined) {
    expect([mean, note]).toEqual([bytes, expect.stringMatching(/ImageNet's is taken/)]);
    return;
  }
  const range = 255 / white;
  expect([mean, std]).toEqual([
    [0, 0, 0],
    [range, range, range],
  ]);
  expect(note).toMatch(new RegExp(`its first nodes do one .*pixels go in as 0\\.\\.${white} `));
});

it('what is said goes before it', async () => {
  const { description } = await loadModel(network(cases[0][1]), { mean: [1, 2, 3], std: [4, 5, 6] });
  expect(description.preprocessing).toMatchObject({ mean: [1, 2, 3], std: [4, 5, 6] });
  expect(description.notes).toEqual([]);
});
