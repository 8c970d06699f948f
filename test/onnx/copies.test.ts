// Weights that a file holds twice, as exporters write them that fold the reshaping of a weight: one weight, trained as one.
import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { copiesAmong } from '#src/onnx/copies.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { importModel } from '#src/onnx/import.js';
import { conv, matMul, mul, reduceSum } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { tensorRoles } from '#src/onnx/trainable.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';
import { onnxStudent } from '#src/train/openStudent.js';

const kernel = symmetricByName('kernel', [4, 4, 1, 1], 0.5);
const matrix = float32([4, 4], kernel.data);

it('copies are tensors of the same values in any shape, but no vectors, short ones or those filled with one value', () => {
  const other = symmetricByName('other', [4, 4], 0.5);
  const nearly = float32(
    [4, 4],
    Float32Array.from(kernel.data, (value, i) => (i === 15 ? -value : value)),
  );
  const filled = float32([4, 4], new Float32Array(16).fill(1));
  const short = float32([2, 2], [1, 2, 3, 4]);
  const tensors: [string, Tensor][] = [
    ...Object.entries({
      kernel,
      other,
      nearly,
      matrix,
      filled,
      refilled: filled,
      short,
      again: short,
      flat: float32([1, 16], kernel.data),
      bias: float32([16], kernel.data),
    }),
  ];
  expect([...copiesAmong(tensors)]).toEqual([
    ['matrix', 'kernel'],
    ['flat', 'kernel'],
  ]);
});

/** A network in which one weight convolves, and as a matrix mixes columns. */
function network(second: Tensor<'float32'>): Uint8Array {
  const graph = createGraph('twice');
  const image = input(graph, 'image', 'float32', [1, 3, 4, 4]);
  const x = conv(image, constant(graph, symmetricByName('first', [4, 3, 1, 1], 0.5), 'first'));
  const y = conv(x, constant(graph, kernel, 'kernel'));
  return writeModel(exportModel(graph, { scores: matMul(y, constant(graph, second, 'matrix')) }));
}

/** The gradients of the sum of the squares of what the network gives. */
async function slopes(model: Uint8Array): Promise<Readonly<Record<string, Tensor>>> {
  const { graph, outputs, weights } = importModel(readModel(model));
  const { scores } = outputs;
  const loss = reduceSum(mul(scores, scores), undefined, false);
  const values = [...graph.parameters.values()].map(({ value }) => value);
  const found = gradients(graph, loss, values);
  const named = Object.fromEntries([...graph.parameters.keys()].map((name, i) => [`of ${name}`, found[i]]));
  const session = await createSession(writeModel(exportModel(graph, named, { weights })));
  const result = await session.run({ image: symmetricByName('image', [1, 3, 4, 4], 1) });
  await session.release();
  return Object.fromEntries([...weights.keys()].map((name) => [name, result[`of ${name}`]]));
}

it('the gradient of a weight is that of all its uses', async () => {
  const together = await slopes(network(matrix));
  expect(Object.keys(together).sort()).toEqual(['first', 'kernel']);
  // A value that is a little off makes the second a weight of its own.
  const off = Float32Array.from(kernel.data, (value, i) => (i === 0 ? value + 1e-6 : value));
  const apart = await slopes(network(float32([4, 4], off)));
  expect(Object.keys(apart).sort()).toEqual(['first', 'kernel', 'matrix']);
  for (const [i, value] of [...(together.kernel.data as Float32Array)].entries()) {
    expect(value).toBeCloseTo(Number(apart.kernel.data[i]) + Number(apart.matrix.data[i]), 4);
  }
});

it('a student trains it once, and the file gets it back in every place', async () => {
  const student = await onnxStudent(network(matrix), { scores: 'logits' });
  expect([...student.weights.keys()].sort()).toEqual(['first', 'kernel']);
  const trained = symmetricByName('trained', [4, 4, 1, 1], 0.7);
  const written = readModel(
    student.toModel(new Map([...student.weights, ['kernel', trained]]), { size: [4, 4], description: {} }),
  );
  expect(written.graph.initializers.get('kernel')).toEqual(trained);
  expect(written.graph.initializers.get('matrix')).toEqual(float32([4, 4], trained.data));
  expect(tensorRoles(written).get('matrix')).toEqual({ role: 'weight', reason: 'a copy of kernel', copyOf: 'kernel' });
});
