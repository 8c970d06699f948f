// Matrix products with transposed operands, and sums of them.
import { addNode, microsoftDomain, type Value } from '../onnx/graph.js';
import { int } from '../onnx/model.js';
import { add, concat } from '../onnx/ops.js';

/** a·b with either transposed in passing: the engine's own operator, which spares writing the transposed matrix. */
export function product(a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value {
  const attributes = { transA: int(transposeA ? 1 : 0), transB: int(transposeB ? 1 : 0) };
  return addNode(a.graph, 'FusedMatMul', [a, b], attributes, 1, { domain: microsoftDomain })[0];
}

/** Values moved to join two operands an element of the sum that this saves writing, reading twice and writing again. */
const worthwhileMoves = 1.5;

/** Σ left·rightᵀ. Where the results are large against their operands, one product of joined operands spares adding them. */
export function sumOfProducts(products: readonly { readonly left: Value; readonly right: Value }[]): Value {
  const [{ left, right }] = products;
  const axis = left.shape.length - 1;
  const [rows, columns] = [left.shape[axis - 1], right.shape[axis - 1]];
  const length = products.reduce((sum, one) => sum + one.left.shape[axis], 0);
  const joins = length * (rows + columns) < worthwhileMoves * products.length * rows * columns;
  if (joins) {
    const joined = (side: 'left' | 'right') =>
      concat(
        products.map((one) => one[side]),
        axis,
      );
    return product(joined('left'), joined('right'), false, true);
  }
  return products.map((one) => product(one.left, one.right, false, true)).reduce((a, b) => add(a, b));
}
