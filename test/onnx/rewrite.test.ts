import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, detach, input, parameter, type Value } from '#src/onnx/graph.js';
import { abs, add, conv, mul, reduceSum, relu } from '#src/onnx/ops.js';
import { rewriteGraph } from '#src/onnx/rewrite.js';
import { withWinograd } from '#src/onnx/winograd.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';

async function run(outputs: Record<string, Value>, feeds: Record<string, Tensor>): Promise<Record<string, number[]>> {
  const [{ graph }] = Object.values(outputs);
  const session = await createSession(writeModel(exportModel(graph, outputs)), { optimization: 'disabled' });
  const found = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

it('copies a graph, detached values included, with some nodes written otherwise', async () => {
  const graph = createGraph('original');
  const x = input(graph, 'x', 'float32', [2]);
  const w = parameter(graph, 'w', [2], { kind: 'constant', value: 0 });
  const y = mul(add(relu(x), constant(graph, float32([2], [1, 2]))), mul(w, detach(w)));
  const nodes = graph.nodes.length;
  const copy = rewriteGraph(graph, (node, [from]) => (node.op === 'Relu' && from ? [abs(from)] : undefined));
  expect(graph.nodes.length).toBe(nodes);
  expect([...copy.graph.parameters.keys()]).toEqual(['w']);
  const outputs = copy.values({ y });
  const [ofW] = gradients(copy.graph, reduceSum(outputs.y, undefined, false), [copy.value(w)]);
  const feeds = { x: float32([2], [-3, 4]), w: float32([2], [5, 7]) };
  // (|x| + [1, 2]) · w · w, of which one factor w counts as a constant.
  expect(await run({ ...outputs, ofW }, feeds)).toEqual({ y: [100, 294], ofW: [20, 42] });
  expect(await run({ y }, feeds)).toEqual({ y: [25, 294] });
  expect(() => copy.value(outputs.y)).toThrow('is not in the graph original');
});

it('writes wide convolutions by Winograd’s method, transforming shared weights once, biases and the rest as they are', async () => {
  const channels = 96;
  const graph = createGraph('convolutions');
  const [first, second] = ['first', 'second'].map((name) => input(graph, name, 'float32', [1, channels, 24, 24]));
  const weight = input(graph, 'weight', 'float32', [channels, channels, 3, 3]);
  const bias = input(graph, 'bias', 'float32', [channels]);
  const same = { pads: [1, 1, 1, 1] };
  const originals = {
    biased: conv(first, weight, bias, same),
    plain: conv(second, weight, undefined, same),
    strided: conv(first, weight, bias, { ...same, strides: [2, 2] }),
  };
  const { graph: fast, values, recomputed } = withWinograd(graph);
  expect(fast.nodes.filter(({ op }) => op === 'Conv').length).toBe(1);
  expect(recomputed.size).toBe(4);
  const feeds = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, symmetricByName(name, shape, 1)]));
  const [direct, transformed] = [await run(originals, feeds), await run(values(originals), feeds)];
  expect(transformed.strided).toEqual(direct.strided);
  for (const name of ['biased', 'plain']) {
    expect(transformed[name]).not.toEqual(direct[name]);
    const error = Math.max(...direct[name].map((value, i) => Math.abs(value - transformed[name][i])));
    expect(error / Math.max(...direct[name])).toBeLessThan(1e-5);
  }
});
