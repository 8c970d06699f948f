// What gradient rules share: sums over what was broadcast, and writing out what still is.
import type { Value } from '../onnx/graph.js';
import { cast, expand, mul, reduceSum, reshape } from '../onnx/ops.js';
import type { Shape } from '../tensor/tensor.js';
import { sameShape } from '../tensor/tensor.js';

/** Sums a gradient of shape `broadcastShape` (or one that broadcasts to it) back to the shape of what was broadcast. */
export function sumTo(gradient: Value, shape: Shape, broadcastShape: Shape): Value {
  const rank = broadcastShape.length;
  const lead = rank - shape.length;
  const own: Shape = [...Array(rank - gradient.shape.length).fill(1), ...gradient.shape];
  const summed = broadcastShape.flatMap((size, axis) =>
    axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : [],
  );
  if (summed.length === 0) return gradient;
  // Along an axis that is not written out, the sum is a multiplication by its length.
  const repeats = summed.reduce((product, axis) => (own[axis] === 1 ? product * broadcastShape[axis] : product), 1);
  const present = summed.filter((axis) => own[axis] !== 1);
  let sum = own.length === gradient.shape.length ? gradient : reshape(gradient, own);
  if (present.length > 0) sum = cast(reduceSum(widened(sum), present), gradient.dtype);
  if (repeats > 1) sum = mul(sum, repeats);
  return lead === 0 ? sum : reshape(sum, sum.shape.slice(lead));
}

/** The value written out at the given shape. */
export function writeOut(value: Value, shape: Shape): Value {
  return sameShape(value.shape, shape) ? value : expand(value, shape);
}

/** The value in float32 where it is float16: sums over many positions lose too much in that. */
export function widened(value: Value): Value {
  return value.dtype === 'float16' ? cast(value, 'float32') : value;
}
