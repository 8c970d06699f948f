import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import { addModel } from '#src/onnx/import.js';
import type { Model } from '#src/onnx/model.js';
import {
  averagePool,
  concat,
  conv,
  expand,
  matMul,
  mul,
  reduceMean,
  relu,
  reshape,
  resize,
  slice,
  softmax,
  transpose,
} from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Shape, Tensor } from '#src/tensor/tensor.js';
import { largestDifference } from '../goldens.js';

type Body = (x: Value) => Value;

/** A network written for one input shape, all of its sizes constants. */
function traced(shape: Shape, body: Body): Model {
  const graph = createGraph('traced');
  const x = input(graph, 'x', 'float32', shape);
  const w = constant(graph, symmetricByName('w', [4, 3, 3, 3], 1), 'w');
  return exportModel(graph, { y: body(conv(x, w, undefined, { pads: [1, 1, 1, 1] })) });
}

async function run(model: Model, feeds: Record<string, Tensor>): Promise<Tensor> {
  const session = await createSession(writeModel(model), { threads: 1, optimization: 'disabled' });
  const { y } = await session.run(feeds);
  await session.release();
  return y;
}

/** The model as exported for `from`, at another shape. */
function freed(model: Model, to: Shape): Model {
  const graph = createGraph('freed');
  const x = input(graph, 'x', 'float32', to);
  const { apply, weights } = addModel(graph, model);
  const y = apply({ x }).get('y');
  if (!y) throw new Error('no output');
  return exportModel(graph, { y }, { weights });
}

const attention: Body = (x) => {
  const [batch, channels, height, width] = x.shape;
  const tokens = transpose(reshape(x, [batch, 2, channels / 2, height * width]), [0, 1, 3, 2]);
  const heads = reshape(tokens, [batch * 2, height * width, channels / 2]);
  const scores = softmax(matMul(heads, transpose(heads, [0, 2, 1])), 2);
  const mixed = reshape(matMul(scores, heads), [batch, 2, height * width, channels / 2]);
  return reshape(transpose(mixed, [0, 1, 3, 2]), [batch, channels, height, width]);
};

const pooled: Body = (x) => {
  const [batch, channels, height, width] = x.shape;
  const pool = averagePool(x, { kernel: [height, width] });
  return concat(
    [
      x,
      expand(pool, [batch, channels, height, width]),
      resize(pool, [batch, channels, height, width], 'nearest', 'asymmetric'),
    ],
    1,
  );
};

const resampled: Body = (x) => {
  const [batch, channels, height, width] = x.shape;
  const half = resize(relu(x), [batch, channels, height / 2, width / 2], 'linear', 'half_pixel');
  return slice(resize(half, [batch, channels, height, width], 'linear', 'half_pixel'), [2, 3], [1, 0], [height, width]);
};

const token: Body = (x) => {
  const [batch, channels, height, width] = x.shape;
  const rows = transpose(reshape(x, [batch, channels, height * width]), [0, 2, 1]);
  const learned = constant(x.graph, symmetricByName('token', [1, 1, channels], 1), 'token');
  return concat([learned, rows], 1);
};

const bodies: [string, Body][] = [
  ['attention by reshapes', attention],
  ['a pool over the whole map', pooled],
  ['resizing to sizes', resampled],
];

it.each(bodies)('%s: other sizes and batches compute what an export at them would', async (_, body) => {
  const model = traced([1, 3, 8, 12], body);
  for (const shape of [
    [1, 3, 16, 12],
    [1, 3, 10, 20],
    [3, 3, 8, 12],
    [2, 3, 14, 8],
  ]) {
    const x = symmetricByName('x', shape, 1);
    const found = await run(freed(model, shape), { x });
    const expected = await run(traced(shape, body), { x });
    expect(found.shape).toEqual(expected.shape);
    expect(largestDifference(found, expected)).toBeLessThan(1e-5);
  }
});

it('a token is repeated for every sample', async () => {
  const model = traced([1, 3, 4, 4], token);
  const x = symmetricByName('x', [2, 3, 4, 4], 1);
  const found = await run(freed(model, [2, 3, 4, 4]), { x });
  expect(found.shape).toEqual([2, 17, 4]);
  const half = x.data.length / 2;
  const second = await run(model, { x: { dtype: 'float32', shape: [1, 3, 4, 4], data: x.data.slice(half) } });
  expect(largestDifference({ ...second, data: (found.data as Float32Array).slice(17 * 4) }, second)).toBeLessThan(1e-5);
});

it('a square map of sizes that differ now is told apart by axis', async () => {
  const model = traced([1, 3, 8, 8], attention);
  const shape = [1, 3, 6, 10];
  const x = symmetricByName('x', shape, 1);
  const difference = largestDifference(
    await run(freed(model, shape), { x }),
    await run(traced(shape, attention), { x }),
  );
  expect(difference).toBeLessThan(1e-5);
});

it('what has no meaning at another size, or would mix samples, is refused by node, with the way out', () => {
  const fixedMatrix: Body = (x) => matMul(x, constant(x.graph, symmetricByName('m', [12, 5], 1), 'm'));
  const way =
    'the model was exported for 1×3×8×12, not 1×3×8×20: use that size and batch, or export it with dynamic axes';
  expect(() => freed(traced([1, 3, 8, 12], fixedMatrix), [1, 3, 8, 20])).toThrow(way);
  const part: Body = (x) => slice(x, [3], [0], [6]);
  expect(() => freed(traced([1, 3, 8, 12], part), [1, 3, 8, 20])).toThrow(
    'the slice of axis 3 to 6 of 12 stays as exported',
  );
  const overAll: Body = (x) => mul(x, reduceMean(x, undefined, true));
  expect(() => freed(traced([1, 3, 8, 12], overAll), [2, 3, 8, 12])).toThrow('would mix the samples of a batch');
  const position: Body = (x) => mul(x, constant(x.graph, symmetricByName('p', [1, 1, 8, 12], 1), 'p'));
  expect(() => freed(traced([1, 3, 8, 12], position), [1, 3, 8, 20])).toThrow('the shapes do not broadcast');
});
