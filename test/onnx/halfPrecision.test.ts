// A network's graph in float16: which values become so, and that the others stay.
import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, type Node, parameter, type Value } from '#src/onnx/graph.js';
import { halfPrecisionGraph } from '#src/onnx/halfPrecision.js';
import { add, averagePool, batchNormalization, clip, conv, div, matMul, mul, relu, sub } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32 } from '#src/tensor/tensor.js';

const shape = [1, 4, 6, 6];
const layer = (x: Value, name = 'w') => conv(x, parameter(x.graph, name, [4, 4, 1, 1], { kind: 'constant', value: 1 }));
const channels = (x: Value, name: string, value: number) =>
  parameter(x.graph, name, [4], { kind: 'constant', value }, 'statistic');
const normalised = (x: Value) =>
  batchNormalization(
    x,
    channels(x, 'scale', 1),
    channels(x, 'bias', 0),
    channels(x, 'mean', 0),
    channels(x, 'variance', 1),
    1e-5,
  );

/** A network as it is, and what its output has become. */
function halved(build: (x: Value) => Value) {
  const graph = createGraph('network');
  const original = build(input(graph, 'x', 'float32', shape));
  const { value, graph: copy } = halfPrecisionGraph(graph);
  return { original, output: value(original), graph: copy };
}
/** The node that computes a value, casts aside. */
const producer = (value: Value): Node | undefined =>
  value.producer?.op === 'Cast' ? producer(value.producer.inputs[0] ?? value) : value.producer;

describe('float16', () => {
  it('is what layers take and give, and what stands between them', () => {
    const networks: ((x: Value) => Value)[] = [
      layer,
      (x) => relu(layer(x)),
      (x) => relu(normalised(layer(x))),
      (x) => add(layer(x), normalised(layer(x))),
      (x) => clip(layer(x), 0, 6),
      (x) => mul(layer(x), 0.5),
      (x) => matMul(x, constant(x.graph, float32([6, 2], Array(12).fill(0.25)))),
    ];
    for (const build of networks) expect(halved(build).output.dtype).toBe('float16');
  });

  it('is not what sums, divides, or is out of its range', () => {
    const networks: ((x: Value) => Value)[] = [
      (x) => relu(x),
      (x) => normalised(x),
      (x) => averagePool(layer(x), { kernel: [2, 2] }),
      (x) => div(layer(x), 3),
      (x) => sub(layer(x), 3),
      (x) => add(layer(x), x),
      (x) => add(layer(x), 1e-6),
      (x) => add(layer(x), -1e9),
    ];
    for (const build of networks) {
      const node = producer(halved(build).output);
      expect(
        node?.inputs.map((value) => value?.dtype),
        node?.op,
      ).not.toContain('float16');
    }
  });

  it('is cast to once, and leaves inputs and parameters float32', () => {
    const { graph, output } = halved((x) => add(layer(x), layer(x)));
    expect(graph.nodes.filter(({ op }) => op === 'Cast').length).toBe(2);
    expect(graph.inputs[0].dtype).toBe('float32');
    expect(graph.parameters.get('w')?.value.dtype).toBe('float32');
    expect(output.dtype).toBe('float16');
  });

  it('computes the same, as exactly as it can', async () => {
    const build = (x: Value) => averagePool(relu(normalised(add(layer(x), layer(relu(layer(x)))))), { kernel: [2, 2] });
    const { original, output } = halved(build);
    const feeds = {
      ...{ x: symmetricByName('x', shape, 2), w: symmetricByName('w', [4, 4, 1, 1], 1) },
      ...{ scale: symmetricByName('scale', [4], 1), bias: symmetricByName('bias', [4], 1) },
      ...{ mean: symmetricByName('mean', [4], 1), variance: float32([4], [1, 2, 3, 4]) },
    };
    const run = async (value: Value) => {
      const session = await createSession(writeModel(exportModel(value.graph, { y: value })), { threads: 1 });
      const { y } = await session.run(feeds);
      await session.release();
      return y.data as Float32Array;
    };
    const [full, half] = [await run(original), await run(output)];
    const errors = full.map((value, i) => Math.abs(value - half[i]));
    expect(Math.max(...errors)).toBeLessThan(1e-2);
    expect(Math.max(...errors)).toBeGreaterThan(1e-6);
  });
});
