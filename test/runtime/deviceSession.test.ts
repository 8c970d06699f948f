// Values that stay between two runs on the CPU, in memory that is used again.
import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { mul, neg } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createMemoryPool } from '#src/runtime/memoryPool.js';
import { createDeviceSession } from '#src/runtime/session.js';
import { float32, numbersOf } from '#src/tensor/tensor.js';

function model(): Uint8Array {
  const graph = createGraph('two');
  const x = input(graph, 'x', 'float32', [2, 3]);
  return writeModel(exportModel(graph, { negative: neg(x), double: mul(x, 2) }));
}

it('keeps values in memory that is used again once they are released', async () => {
  const pool = createMemoryPool();
  const taken: ArrayBuffer[] = [];
  const memory = {
    ...pool,
    take(bytes: number) {
      const one = pool.take(bytes);
      taken.push(one);
      return one;
    },
  };
  const session = await createDeviceSession(model(), { kept: ['negative'], memory });
  const x = float32([2, 3], [1, 2, 3, 4, 5, 6]);
  const first = await session.run({ x });
  expect(numbersOf(first.returned.double)).toEqual([2, 4, 6, 8, 10, 12]);
  const second = await session.run({ x: first.kept.negative });
  expect(numbersOf(second.returned.double)).toEqual([-2, -4, -6, -8, -10, -12]);
  expect(Array.from(new Float32Array(taken[0]))).toEqual([-1, -2, -3, -4, -5, -6]);
  first.kept.negative.release();
  const third = await session.run({ x: second.kept.negative });
  expect(numbersOf(third.returned.double)).toEqual([2, 4, 6, 8, 10, 12]);
  expect(taken.map((one) => taken.indexOf(one))).toEqual([0, 1, 0]);
  await session.release();
});

it('keeps values without a pool, too', async () => {
  const session = await createDeviceSession(model(), { kept: ['negative'] });
  const { kept } = await session.run({ x: float32([2, 3], [1, 2, 3, 4, 5, 6]) });
  const again = await session.run({ x: kept.negative });
  expect(numbersOf(again.returned.double)).toEqual([-2, -4, -6, -8, -10, -12]);
  await session.release();
});
