// A portable graph computes what the original does, in operators that are more common.
import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { addNode, createGraph, input, microsoftDomain, type Value } from '#src/onnx/graph.js';
import { type Attributes, int, ints } from '#src/onnx/model.js';
import { add, after, filled, mul, reshape, scatterElements } from '#src/onnx/ops.js';
import { portableGraph } from '#src/onnx/portable.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';

/** The output of a graph of one input as it is, and in its portable form, whose operators are told, too. */
async function both(x: Tensor, build: (x: Value) => Value) {
  const graph = createGraph('original');
  const output = build(input(graph, 'x', x.dtype, x.shape));
  const portable = portableGraph(graph);
  const run = async (value: Value) => {
    const model = exportModel(value.graph, { y: value });
    const session = await createSession(writeModel(model), { optimization: 'disabled', threads: 1 });
    const { y } = await session.run({ x });
    await session.release();
    return { y, operators: new Set(model.graph.nodes.map(({ op, domain }) => domain + op)) };
  };
  const [original, written] = [await run(output), await run(portable.value(output))];
  return { original: original.y, written: written.y, operators: written.operators };
}

/** The second output of pooling, written to where it says: places alone have another type in the portable form. */
function scattered(x: Value, attributes: Attributes): Value {
  const [largest, places] = addNode(x.graph, 'MaxPool', [x], attributes, 2);
  const count = largest.shape.reduce((product, length) => product * length, 1);
  const numbers = reshape(add(mul(largest, largest), 1), [count]);
  return scatterElements(filled(x.graph, [5000], 0), reshape(places, [count]), numbers, 0, 'add');
}

/** Few different values, so that many of a window are equal. */
function coarse(shape: Shape): Tensor {
  const { data } = symmetricByName('x', shape, 3);
  return tensor(
    'float32',
    shape,
    (data as Float32Array).map((value) => Math.round(value) - 2),
  );
}

describe('a portable graph', () => {
  const window = (kernel: number[], strides: number[], pads: number[], more: Attributes = {}): Attributes => ({
    ...{ kernel_shape: ints(kernel), strides: ints(strides), pads: ints(pads) },
    ...more,
  });
  const windows: [string, Attributes][] = [
    ['of 3×3', window([3, 3], [2, 2], [1, 1, 1, 1])],
    ['of 2×3, uneven', window([2, 3], [1, 2], [1, 0, 0, 2])],
    ['dilated', window([3, 2], [2, 1], [1, 1, 1, 0], { dilations: ints([2, 3]) })],
    ['with a last one that is partly beyond the edge', window([3, 3], [2, 3], [0, 0, 0, 0], { ceil_mode: int(1) })],
    ['that leave a rest', window([2, 2], [3, 3], [0, 0, 0, 0])],
  ];
  it.each(windows)('finds the first maximum of windows %s', async (_, attributes) => {
    const { original, written, operators } = await both(coarse([2, 3, 11, 14]), (x) => scattered(x, attributes));
    expect(written).toEqual(original);
    expect(new Set(Array.from(original.data as Float32Array)).size).toBeGreaterThan(3);
    expect(operators).not.toContain('ConstantOfShape');
  });

  it('multiplies turned matrices', async () => {
    const turned = { transA: int(1), transB: int(0) };
    const { original, written, operators } = await both(
      symmetricByName('x', [2, 5, 4], 2),
      (x) => addNode(x.graph, 'FusedMatMul', [x, x], turned, 1, { domain: microsoftDomain })[0],
    );
    written.data.forEach((value, i) => void expect(value).toBeCloseTo(original.data[i] as number, 5));
    expect(operators).toEqual(new Set(['Transpose', 'MatMul', 'Identity']));
  });

  it('leaves out what only says when something is computed', async () => {
    const { original, written, operators } = await both(symmetricByName('x', [2, 3], 2), (x) =>
      after(mul(x, 2), mul(x, 3)),
    );
    expect(written).toEqual(original);
    expect(operators).toEqual(new Set(['Mul', 'Identity']));
  });
});
