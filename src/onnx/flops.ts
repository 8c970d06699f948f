// What one run of a graph costs: multiply–adds of its convolutions and matrix products, from the inferred shapes.
import { elementCount, type Shape } from '../tensor/tensor.js';
import { type Node, neededNodes, type Value } from './graph.js';

/** Multiply–adds; floating-point operations are twice as many. */
export interface Cost {
  readonly multiplyAdds: number;
  /** By operator, the largest first. */
  readonly byOperator: Readonly<Record<string, number>>;
}

/**
 * Counts what the outputs need. Convolutions (also transposed) and matrix products are counted; everything else
 * (normalisation, activations, resizing, pooling) takes a few operations a value, which is not counted, as is usual.
 */
export function countCost(outputs: readonly Value[]): Cost {
  const byOperator = new Map<string, number>();
  for (const node of neededNodes(outputs)) {
    const count = multiplyAddsOf(node);
    if (count > 0) byOperator.set(node.op, (byOperator.get(node.op) ?? 0) + count);
  }
  const sorted = [...byOperator].sort(([, a], [, b]) => b - a);
  return {
    multiplyAdds: sorted.reduce((sum, [, count]) => sum + count, 0),
    byOperator: Object.fromEntries(sorted),
  };
}

/** Multiply–adds of one node, 0 of all but convolutions and matrix products: every output value is a sum of products, or every input value is spread over a kernel. */
export function multiplyAddsOf({ op, inputs, outputs, attributes }: Node): number {
  const [first, second] = inputs.map((value) => value?.shape ?? []);
  const output = outputs[0].shape;
  switch (op) {
    case 'Conv':
      // The weight is O×(C/group)×kernel: each output sums over all but its first axis.
      return elementCount(output) * elementCount(second.slice(1));
    case 'ConvTranspose':
      // The weight is C×(O/group)×kernel: each input is spread over all but its first axis.
      return elementCount(first) * elementCount(second.slice(1));
    case 'MatMul':
      return elementCount(output) * lastOf(first);
    case 'Gemm': {
      const transposed = attributes.transA?.kind === 'int' && attributes.transA.value !== 0;
      return elementCount(output) * first[transposed ? 0 : 1];
    }
    default:
      return 0;
  }
}

function lastOf(shape: Shape): number {
  return shape[shape.length - 1] ?? 1;
}
