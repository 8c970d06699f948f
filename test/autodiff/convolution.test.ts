// How weight gradients of convolutions are computed; that they are right, rules.test.ts tells.
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, neededNodes } from '#src/onnx/graph.js';
import { conv, mul, reduceSum } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';

const [channels, outputs, dilation] = [5, 6, 2];

/** The gradient of a 3×3 convolution of one picture with respect to its weights. */
function weightGradient(height: number, width: number, inputs = channels) {
  const graph = createGraph('test');
  const x = input(graph, 'x', 'float32', [1, inputs, height, width]);
  const weight = input(graph, 'weight', 'float32', [outputs, inputs, 3, 3]);
  const y = conv(x, weight, undefined, { pads: Array(4).fill(dilation), dilations: [dilation, dilation] });
  const towards = input(graph, 'towards', 'float32', y.shape);
  const [gradient] = gradients(graph, reduceSum(mul(y, towards), undefined, false), [weight]);
  const count = (op: string) => [...neededNodes([gradient])].filter((node) => node.op === op).length;
  return { graph, gradient, count };
}

describe('the weight gradient of a convolution', () => {
  it('gathers all taps for one product of each, with one table for all convolutions of a shape and one layout of a value', () => {
    const { count, graph } = weightGradient(40, 30);
    expect([count('Gather'), count('MatMul'), count('Slice')]).toEqual([1, 1, 0]);
    expect(graph.constants.filter(({ shape }) => shape.length === 2 && shape[1] === 40 * 30).length).toBe(1);
    const twice = createGraph('twice');
    const x = input(twice, 'x', 'float32', [1, channels, 8, 8]);
    const weights = ['a', 'b'].map((name) => input(twice, name, 'float32', [outputs, channels, 3, 3]));
    const [a, b] = weights.map((weight) => reduceSum(conv(x, weight), undefined, false));
    const found = gradients(twice, mul(a, b), weights);
    expect([...neededNodes(found)].filter(({ op, inputs }) => op === 'Transpose' && inputs[0] === x).length).toBe(1);
    expect(twice.constants.filter(({ dtype, shape }) => dtype === 'int32' && shape[0] === 9).length).toBe(1);
  });

  it('takes them one by one where they would be too large together or have more columns than rows, and is the sum of products all the same', async () => {
    const [height, width] = [432, 440];
    const { count, graph, gradient } = weightGradient(height, width);
    expect([count('Gather'), count('MatMul')]).toEqual([0, 9]);
    const many = weightGradient(40, 30, outputs + 1);
    expect([many.count('Gather'), many.count('MatMul')]).toEqual([0, 9]);
    const feeds = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, symmetricByName(name, shape, 1)]));
    const session = await createSession(writeModel(exportModel(graph, { gradient })), { optimization: 'disabled' });
    const found = (await session.run(feeds)).gradient.data;
    await session.release();
    const { x, towards } = feeds;
    const [o, c, row, column] = [4, 3, 2, 0];
    let wanted = 0;
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < width; u++) {
        const [w, z] = [v + (row - 1) * dilation, u + (column - 1) * dilation];
        if (w < 0 || w >= height || z < 0 || z >= width) continue;
        wanted += Number(x.data[(c * height + w) * width + z]) * Number(towards.data[(o * height + v) * width + u]);
      }
    }
    expect(Number(found[((o * channels + c) * 3 + row) * 3 + column])).toBeCloseTo(wanted, 1);
  });
});
