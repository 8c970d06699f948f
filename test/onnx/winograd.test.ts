import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { conv, mul, reduceSum } from '#src/onnx/ops.js';
import { suitsWinograd, transformWeights, winogradConvolution } from '#src/onnx/winograd.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';

describe('a Winograd convolution', () => {
  for (const [height, width, dilation] of [
    [8, 12, 1],
    [7, 13, 2],
    [16, 9, 4],
    [3, 2, 4],
  ]) {
    it(`equals the direct one at ${height}×${width}, dilation ${dilation}, in value and gradients`, async () => {
      const graph = createGraph('forms');
      const x = input(graph, 'x', 'float32', [2, 5, height, width]);
      const weight = input(graph, 'weight', 'float32', [3, 5, 3, 3]);
      const towards = input(graph, 'towards', 'float32', [2, 3, height, width]);
      const geometry = { pads: Array(4).fill(dilation), dilations: [dilation, dilation] };
      const forms = {
        direct: conv(x, weight, undefined, geometry),
        winograd: winogradConvolution(x, transformWeights(weight), dilation),
      };
      const outputs = Object.fromEntries(
        Object.entries(forms).flatMap(([form, value]) => {
          const [ofInput, ofWeight] = gradients(graph, reduceSum(mul(value, towards), undefined, false), [x, weight]);
          return Object.entries({ value, ofInput, ofWeight }).map(([name, result]) => [`${form}.${name}`, result]);
        }),
      );
      const session = await createSession(writeModel(exportModel(graph, outputs)), { optimization: 'disabled' });
      const found = await session.run(
        Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, symmetricByName(name, shape, 1)])),
      );
      for (const name of ['value', 'ofInput', 'ofWeight']) {
        const direct = found[`direct.${name}`].data as Float32Array;
        const winograd = found[`winograd.${name}`].data as Float32Array;
        const size = Math.sqrt(direct.reduce((sum, value) => sum + value * value, 0));
        const difference = Math.sqrt(direct.reduce((sum, value, i) => sum + (value - winograd[i]) ** 2, 0));
        expect(size).toBeGreaterThan(1);
        expect(difference / size, name).toBeLessThan(5e-6);
      }
      await session.release();
    });
  }

  it('is chosen for wide layers on large maps only', () => {
    const suits = (channels: number, height: number, width: number, dilation = 1, stride = 1, group = 1) => {
      const x = input(createGraph('x'), 'x', 'float32', [1, channels, height, width]);
      const pads = Array(4).fill(dilation);
      const window = { kernel: [3, 3], strides: [stride, stride], pads, dilations: [dilation, dilation], group };
      return suitsWinograd(x, channels, window);
    };
    expect(suits(512, 32, 64, 4)).toBe(true);
    expect(suits(512, 32, 64, 4, 2)).toBe(false);
    expect(suits(512, 32, 64, 4, 1, 2)).toBe(false);
    expect(suits(64, 64, 128)).toBe(false);
    expect(suits(512, 3, 5, 4)).toBe(false);
  });
});
