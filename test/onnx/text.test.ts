import { expect, it } from 'vitest';
import { batchNorm } from '#src/nets/batchNorm.js';
import { convolution } from '#src/nets/convolution.js';
import { inference } from '#src/nets/mode.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { concat, leakyRelu, mul, resize, split } from '#src/onnx/ops.js';
import { toText } from '#src/onnx/text.js';

it('a graph can be read as text', () => {
  const graph = createGraph('example');
  const image = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  const features = leakyRelu(
    batchNorm(convolution(image, 'conv1', { channels: 4, kernel: 3, stride: 2 }), 'bn1', inference),
    0.1,
  );
  const [left, right] = split(features, 1, [1, 3]);
  resize(concat([mul(left, 0.1), right], 1), [1, 4, 8, 8], 'linear', 'align_corners');
  expect(toText(graph)).toMatchInlineSnapshot(`
    "graph example (opset 18)
      input image: float32 1×3×8×8
      weight conv1.weight: float32 4×3×3×3
      weight bn1.weight: float32 4
      weight bn1.bias: float32 4
      statistic bn1.running_mean: float32 4
      statistic bn1.running_var: float32 4
      conv_2: float32 1×4×4×4 = Conv(image, conv1.weight) {strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1], group: 1}
      batchnormalization_7: float32 1×4×4×4 = BatchNormalization(conv_2, bn1.weight, bn1.bias, bn1.running_mean, bn1.running_var) {epsilon: 0.00001}
      leakyrelu_8: float32 1×4×4×4 = LeakyRelu(batchnormalization_7) {alpha: 0.1}
      split_10: float32 1×1×4×4, split_11: float32 1×3×4×4 = Split(leakyrelu_8, [1, 3]) {axis: 1}
      mul_13: float32 1×1×4×4 = Mul(split_10, 0.1)
      concat_14: float32 1×4×4×4 = Concat(mul_13, split_11) {axis: 1}
      resize_16: float32 1×4×8×8 = Resize(concat_14, -, -, [1, 4, 8, 8]) {mode: linear, coordinate_transformation_mode: align_corners}"
  `);
});
