// Products and running sums over axes, by halves.
import { elementCount } from '../../tensor/tensor.js';
import type { Value } from '../graph.js';
import { inferOutputs } from '../inference/index.js';
import { reducedAxes } from '../inference/reduction.js';
import { concat, mul, reshape, slice, transpose } from '../ops.js';
import { type Lowering, type Lowerings, valueAt } from './site.js';

/** The product along the last axis: of its halves, element by element, until one is left. */
function productOfLast(x: Value): Value {
  const axis = x.shape.length - 1;
  const length = x.shape[axis];
  if (length === 1) return x;
  const half = Math.floor(length / 2);
  const part = (start: number, end: number) => slice(x, [axis], [start], [end]);
  const paired = mul(part(0, half), part(half, 2 * half));
  return productOfLast(length % 2 === 0 ? paired : concat([paired, part(2 * half, length)], axis));
}

/** Without dividing by elements, which may be zero. */
const reduceProd: Lowering = (site) => {
  const x = valueAt(site, 0);
  const axes = reducedAxes(site);
  const [{ shape }] = inferOutputs(site);
  if (axes.some((axis) => x.shape[axis] === 0)) return undefined;
  const rest = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const count = elementCount(axes.map((axis) => x.shape[axis]));
  const last = reshape(transpose(x, [...rest, ...axes]), [elementCount(x.shape) / count, count]);
  return [reshape(productOfLast(last), shape)];
};

export const reductions: Lowerings = { ReduceProd: reduceProd };
