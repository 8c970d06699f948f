// What the way back computes again, or at once instead of one by one.
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Node, neededNodes, type Value } from '#src/onnx/graph.js';
import { add, exp, matMul, mul, reduceSum, sin } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Shape } from '#src/tensor/tensor.js';

/** Gradients of Σ towards·build(x, y) with respect to both, and the nodes they need. */
async function gradientsOf(
  shapes: { x: Shape; y: Shape },
  build: (x: Value, y: Value, recomputed: Set<Value>) => Value,
) {
  const graph = createGraph('test');
  const [x, y] = [input(graph, 'x', 'float32', shapes.x), input(graph, 'y', 'float32', shapes.y)];
  const recomputed = new Set<Value>();
  const output = build(x, y, recomputed);
  const towards = input(graph, 'towards', 'float32', output.shape);
  const [ofX, ofY] = gradients(graph, reduceSum(mul(output, towards), undefined, false), [x, y], { recomputed });
  const session = await createSession(writeModel(exportModel(graph, { ofX, ofY })), { optimization: 'disabled' });
  const found = await session.run(
    Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, symmetricByName(name, shape, 1)])),
  );
  await session.release();
  return {
    nodes: [...neededNodes([ofX, ofY])],
    ofX: [...found.ofX.data].map(Number),
    ofY: [...found.ofY.data].map(Number),
  };
}

describe('a value marked as recomputed', () => {
  const build = (marked: boolean) => (x: Value, y: Value, recomputed: Set<Value>) => {
    const inner = sin(mul(x, y));
    const outer = exp(inner);
    if (marked) for (const value of [inner, outer]) recomputed.add(value);
    return mul(outer, add(outer, x));
  };
  const shapes = { x: [3, 4], y: [3, 4] };

  it('is computed once more, after the gradient that needs it, and changes no gradient by a bit', async () => {
    const [kept, again] = [await gradientsOf(shapes, build(false)), await gradientsOf(shapes, build(true))];
    expect(again.ofX).toEqual(kept.ofX);
    expect(again.ofY).toEqual(kept.ofY);
    for (const op of ['Exp', 'Sin']) {
      const late = (nodes: readonly Node[]) => nodes.filter((node) => node.op === op && dependsOn(node, 'towards'));
      expect(late(kept.nodes).length).toBe(0);
      expect(late(again.nodes).length).toBe(1);
    }
  });
});

describe('the sum of products', () => {
  it('is one product of joined operands where results are large, and the same', async () => {
    // Wide results of short products, and the other way round.
    for (const [rows, length, products] of [
      [24, 2, 1],
      [2, 24, 2],
    ]) {
      const shapes = { x: [2, rows, rows], y: [2, rows, length] };
      const twice = await gradientsOf(shapes, (x, y) => add(matMul(x, y), matMul(x, mul(y, 2))));
      const once = await gradientsOf(shapes, (x, y) => matMul(x, mul(y, 3)));
      twice.ofX.forEach((value, i) => {
        expect(value).toBeCloseTo(once.ofX[i], 5);
      });
      const transposed = twice.nodes.filter(
        ({ op, attributes: { transB } }) => op === 'FusedMatMul' && transB?.kind === 'int' && transB.value === 1,
      );
      expect(transposed.length).toBe(products);
    }
  });
});

/** Whether the node needs the value of that name. */
function dependsOn(node: Node, name: string): boolean {
  return [...neededNodes([node.outputs[0]])].some((one) => one.inputs.some((value) => value?.name === name));
}
