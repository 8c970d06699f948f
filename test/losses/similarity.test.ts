import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { pairFramesLoss, selfSimilarityLoss } from '#src/losses/similarity.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32 } from '#src/tensor/tensor.js';

it('is the same in blocks as at once, in value and gradients', async () => {
  const graph = createGraph('blocks');
  const features = (name: string, channels: number) => input(graph, name, 'float32', [2, channels, 9, 13]);
  const student = { frame: features('a', 6), neighbour: features('b', 6) };
  const teacher = { frame: features('c', 10), neighbour: features('d', 10) };
  const outputs = Object.fromEntries(
    [117, 20].flatMap((blockRows) => {
      const loss = pairFramesLoss(student, teacher, { blockRows });
      const [frame, neighbour] = gradients(graph, loss, [student.frame, student.neighbour]);
      return Object.entries({ loss, frame, neighbour }).map(([name, value]) => [`${name}${blockRows}`, value]);
    }),
  );
  const session = await createSession(writeModel(exportModel(graph, outputs)), { optimization: 'disabled' });
  const feeds = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, symmetricByName(name, shape, 1)]));
  const found = await session.run(feeds);
  for (const name of ['loss', 'frame', 'neighbour']) {
    const [whole, blocks] = [found[`${name}117`].data as Float32Array, found[`${name}20`].data as Float32Array];
    const largest = Math.max(...whole.map(Math.abs));
    expect(largest).toBeGreaterThan(0);
    blocks.forEach((value, i) => {
      expect(Math.abs(value - whole[i]) / largest).toBeLessThan(1e-5);
    });
  }
});

it('has a gradient at positions without features', async () => {
  const graph = createGraph('empty');
  const [student, teacher] = ['student', 'teacher'].map((name) => input(graph, name, 'float32', [1, 3, 2, 4]));
  const loss = selfSimilarityLoss(student, teacher, { pooling: 1 });
  const [gradient] = gradients(graph, loss, [student]);
  const session = await createSession(writeModel(exportModel(graph, { loss, gradient })), { optimization: 'disabled' });
  const found = await session.run({
    student: float32(
      [1, 3, 2, 4],
      symmetricByName('student', [1, 3, 2, 4], 1).data.map((x, i) => (i % 8 === 5 ? 0 : x)),
    ),
    teacher: symmetricByName('teacher', [1, 3, 2, 4], 1),
  });
  await session.release();
  expect(Number.isFinite(found.loss.data[0])).toBe(true);
  const values = Array.from(found.gradient.data, Number);
  expect(values.every(Number.isFinite)).toBe(true);
  expect(values.some((value) => value !== 0)).toBe(true);
});
