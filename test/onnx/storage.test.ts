// Weights stored smaller: how far they may move, and what stays as it is.
import { describe, expect, it } from 'vitest';
import { fromByteStorage, toByteStorage } from '#src/onnx/byteStorage.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, parameter } from '#src/onnx/graph.js';
import { fromHalfStorage, toHalfStorage } from '#src/onnx/halfStorage.js';
import type { Model } from '#src/onnx/model.js';
import { conv, mul } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Tensor, tensor } from '#src/tensor/tensor.js';

const [outputs, inputs] = [8, 16];
const size = inputs * 9;
/** Channels of sizes far apart; in the fourth the largest weight is negative and stands alone; the fifth is 0. */
const scales = [1, 0.01, 100, 1, 0, 2, 3, 4];

function weights(): Map<string, Tensor> {
  const even = symmetricByName('weight', [outputs, inputs, 3, 3], 1);
  const data = even.data.map((value, i) => value * scales[Math.floor(i / size)]);
  data[3 * size + 7] = -5;
  const gain = float32([outputs, 1, 1], Array(outputs).fill(1.2345678));
  return new Map<string, Tensor>([
    ['weight', tensor('float32', even.shape, data)],
    ['gain', gain],
    ['bias', float32([outputs], Array(outputs).fill(1 / 3))],
    ['large', float32([1, outputs, 1, 1], Array(outputs).fill(65_520))],
  ]);
}

function model(): Model {
  const graph = createGraph('stored');
  const constant = { kind: 'constant', value: 0 } as const;
  const declare = (name: string, shape: readonly number[]) => parameter(graph, name, shape, constant);
  const x = input(graph, 'x', 'float32', [1, inputs, 5, 5]);
  const y = conv(x, declare('weight', [outputs, inputs, 3, 3]), declare('bias', [outputs]));
  const result = mul(mul(y, declare('gain', [outputs, 1, 1])), declare('large', [1, outputs, 1, 1]));
  return exportModel(graph, { result }, { weights: weights() });
}

const values = ({ graph }: Model, name: string) => Array.from(graph.initializers.get(name)?.data ?? [], Number);

async function run(content: Model): Promise<number[]> {
  const session = await createSession(writeModel(content), { threads: 1 });
  const { result } = await session.run({ x: symmetricByName('x', [1, inputs, 5, 5], 1) });
  await session.release();
  return Array.from(result.data, Number);
}

describe('weights as int8', () => {
  it("move by at most 1/254 of their channel's largest, which stays; smaller tensors stay as they are", async () => {
    const [original, stored] = [model(), toByteStorage(model())];
    expect([...stored.graph.initializers.values()].filter(({ dtype }) => dtype === 'int8').length).toBe(1);
    const back = fromByteStorage(stored);
    const [before, after] = [original, back].map((one) => values(one, 'weight'));
    expect(after.length).toBe(outputs * size);
    for (let channel = 0; channel < outputs; channel++) {
      const row = before.slice(channel * size, (channel + 1) * size);
      const largest = Math.max(...row.map(Math.abs));
      const moved = row.map((value, i) => Math.abs(value - after[channel * size + i]));
      expect(Math.max(...moved)).toBeLessThanOrEqual((largest / 254) * (1 + 1e-5));
      expect(moved[row.findIndex((value) => Math.abs(value) === largest)]).toBeLessThanOrEqual(1e-6 * largest);
    }
    for (const name of ['gain', 'bias', 'large']) expect(values(back, name)).toEqual(values(original, name));
    expect(await run(stored)).toEqual(await run(back));
  });
});

describe('weights as float16', () => {
  it('move by at most half a unit of it; biases and what is beyond its range stay as they are', async () => {
    const [original, stored] = [model(), toHalfStorage(model())];
    const back = fromHalfStorage(stored);
    const [before, after] = [original, back].map((one) => values(one, 'weight'));
    const relative = before.map((value, i) => Math.abs(after[i] - value) / Math.max(Math.abs(value), 2 ** -14));
    expect(Math.max(...relative)).toBeLessThanOrEqual(2 ** -11);
    expect(Math.max(...relative)).toBeGreaterThan(2 ** -13);
    expect(values(back, 'gain')[0]).toBe(1.234375);
    for (const name of ['bias', 'large']) expect(values(back, name)).toEqual(values(original, name));
    expect(await run(stored)).toEqual(await run(back));
  });
});
