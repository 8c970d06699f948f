import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { averagePool, reduceSum } from '#src/onnx/ops.js';

it('the gradient of average pooling spreads once, also over rows that no window reaches', () => {
  const graph = createGraph('pool');
  const x = input(graph, 'x', 'float32', [1, 2, 6, 8]);
  const loss = reduceSum(averagePool(x, { kernel: [2, 3], strides: [2, 3] }), undefined, false);
  gradients(graph, loss, [x]);
  const count = (op: string) => graph.nodes.filter((node) => node.op === op).length;
  expect([count('ConvTranspose'), count('Div')]).toEqual([1, 1]);
});
