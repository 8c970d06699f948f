// Where a graph that ranks share is cut: little is given from one stretch to the next.
import { expect, it } from 'vitest';
import { type CutGraph, cutGraph } from '#src/onnx/cut.js';
import { createGraph, type Graph, input } from '#src/onnx/graph.js';
import { add, conv, mul, reduceSum, relu, sigmoid } from '#src/onnx/ops.js';
import { sumOverRanks } from '#src/onnx/ranks.js';

/** What each stretch gives, by the operators that made it. */
function given({ stretches }: CutGraph): string[] {
  return stretches.map(({ model: { graph } }) => graph.outputs.map(({ name }) => name.replace(/_\d+$/, '')).join(' '));
}

const operators = ({ stretches }: CutGraph) => stretches.map(({ model }) => model.graph.nodes.map(({ op }) => op));

const total = (graph: Graph, name: string) => reduceSum(input(graph, name, 'float32', [4]), undefined, false);

it('computes what no sum needs after the sum that its result needs', () => {
  const graph = createGraph('late', 2);
  const pixels = input(graph, 'pixels', 'float32', [1, 8, 8, 8]);
  const divisor = sumOverRanks(total(graph, 'labels'));
  const features = sigmoid(sigmoid(pixels));
  const mean = reduceSum(features, [2, 3], false);
  const cut = cutGraph(graph, { loss: mul(reduceSum(features, undefined, false), divisor), mean });
  expect(operators(cut)).toEqual([['ReduceSum'], ['Sigmoid', 'Sigmoid', 'ReduceSum', 'ReduceSum', 'Mul']]);
  expect(given(cut)[0]).toBe('reducesum');
});

it('gives an output at once where keeping what it is made of takes more', () => {
  const graph = createGraph('early', 2);
  const gradient = sigmoid(input(graph, 'pixels', 'float32', [1, 8, 8, 8]));
  const own = reduceSum(gradient, [2, 3], false);
  const summed = sumOverRanks(reduceSum(gradient, undefined, false));
  const cut = cutGraph(graph, { own, next: sumOverRanks(mul(summed, 2)) });
  expect(operators(cut)[0]).toEqual(['Sigmoid', 'ReduceSum', 'ReduceSum']);
  expect(given(cut)[0]).toBe('reducesum reducesum');
});

it('repeats what costs less than keeping it, of one value that is as large', () => {
  const graph = createGraph('repeated', 2);
  const pixels = input(graph, 'pixels', 'float32', [1, 3, 8, 8]);
  const weight = input(graph, 'weight', 'float32', [4, 3, 1, 1]);
  const convolved = conv(pixels, weight);
  const activated = relu(convolved);
  const sum = sumOverRanks(reduceSum(activated, undefined, false));
  const cut = cutGraph(graph, { result: mul(add(activated, convolved), sum) });
  expect(operators(cut)).toEqual([
    ['Conv', 'Relu', 'ReduceSum'],
    ['Relu', 'Add', 'Mul'],
  ]);
  expect(given(cut)[0]).toBe('conv reducesum');
  expect(cut.stretches[1].dropped.map((name) => name.replace(/_\d+$/, ''))).toContain('conv');
});

it('keeps what is made of two large values', () => {
  const graph = createGraph('kept', 2);
  const [a, b] = ['a', 'b'].map((name) => sigmoid(input(graph, name, 'float32', [1, 3, 8, 8])));
  const both = add(a, b);
  const sum = sumOverRanks(reduceSum(both, undefined, false));
  const cut = cutGraph(graph, { result: mul(both, sum) });
  expect(operators(cut)[1]).toEqual(['Mul']);
  expect(given(cut)[0]).toBe('add reducesum');
});
