// Compares gradients with central differences of the loss, computed by running the graph.

import { expect } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, type Graph, input, type Value } from '#src/onnx/graph.js';
import { mul, reduceSum } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { createRandom } from '#src/tensor/random.js';
import { elementCount, type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';

export interface GradientCheck {
  /** Shapes of the inputs that are differentiated. */
  readonly shapes: readonly Shape[];
  readonly build: (inputs: Value[], graph: Graph) => Value;
  /** Draws an input's elements from a standard normal number; the identity by default. Keeps kinks and poles away. */
  readonly draw?: (normal: number, index: number) => number;
  /** Step of the central differences. */
  readonly step?: number;
}

/** The loss is a random weighting of the output, so that every output element is told apart. */
export async function expectGradients({ shapes, build, draw = (x) => x, step = 1e-2 }: GradientCheck): Promise<void> {
  const graph = createGraph('check');
  const inputs = shapes.map((shape, i) => input(graph, `x${i}`, 'float32', shape));
  const output = build(inputs, graph);
  const weights = input(graph, 'weights', 'float32', output.shape);
  const loss = reduceSum(mul(output, weights), undefined, false);
  const computed = gradients(graph, loss, inputs);
  const outputs = { loss, ...Object.fromEntries(computed.map((value, i) => [`gradient${i}`, value])) };
  const session = await createSession(writeModel(exportModel(graph, outputs)), {
    optimization: 'disabled',
    threads: 1,
  });

  const random = createRandom(17);
  const normals = (shape: Shape) => Float32Array.from({ length: elementCount(shape) }, () => random.normal());
  const feeds: Record<string, Tensor<'float32'>> = { weights: tensor('float32', output.shape, normals(output.shape)) };
  shapes.forEach((shape, i) => {
    feeds[`x${i}`] = tensor(
      'float32',
      shape,
      normals(shape).map((x) => draw(x, i)),
    );
  });
  const found = await session.run(feeds);
  for (const [i, shape] of shapes.entries()) {
    const { data } = feeds[`x${i}`];
    expect(found[`gradient${i}`].shape).toEqual(shape);
    const gradient = found[`gradient${i}`].data as Float32Array;
    const expected = new Float32Array(data.length);
    for (let k = 0; k < data.length; k++) {
      const original = data[k];
      const lossAt = async (value: number) => {
        data[k] = value;
        return Number((await session.run(feeds, ['loss'])).loss.data[0]);
      };
      const [above, below] = [await lossAt(original + step), await lossAt(original - step)];
      expected[k] = (above - below) / (Math.fround(original + step) - Math.fround(original - step));
      data[k] = original;
    }
    const scale = Math.max(1, ...expected.map(Math.abs));
    expected.forEach((value, k) => {
      expect(
        Math.abs(gradient[k] - value) / scale,
        `input ${i}, element ${k}: ${gradient[k]} against ${value}`,
      ).toBeLessThan(5e-3);
    });
  }
  await session.release();
}
