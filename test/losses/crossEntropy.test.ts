import { expect, it } from 'vitest';
import { weightedMean } from '#src/losses/crossEntropy.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { elementCount, tensor } from '#src/tensor/tensor.js';

it('the mean over millions of pixels is exact to float32', async () => {
  const shape = [4, 1, 769, 769];
  const graph = createGraph('mean');
  const [x, weight] = [input(graph, 'x', 'float32', shape), input(graph, 'weight', 'float32', shape)];
  const model = writeModel(exportModel(graph, { mean: weightedMean(x, weight) }));
  const session = await createSession(model, { optimization: 'disabled', threads: 1 });
  const feeds = {
    x: new Float32Array(elementCount(shape)).map((_, i) => 1 + Math.sin(i)),
    weight: new Float32Array(elementCount(shape)).map((_, i) => 0.8 + (i % 7) / 20),
  };
  const { mean } = await session.run({
    x: tensor('float32', shape, feeds.x),
    weight: tensor('float32', shape, feeds.weight),
  });
  await session.release();
  let [sum, total] = [0, 0];
  for (let i = 0; i < feeds.x.length; i++) {
    sum += feeds.x[i] * feeds.weight[i];
    total += feeds.weight[i];
  }
  expect(Math.abs(Number(mean.data[0]) / (sum / total) - 1)).toBeLessThan(1e-6);
});
