// What a gradient rule sees and returns.

import type { Node, Value } from '../onnx/graph.js';
import { expand, mul, reduceSum, reshape } from '../onnx/ops.js';
import type { Shape } from '../tensor/tensor.js';
import { sameShape } from '../tensor/tensor.js';

/**
 * A part of a value's gradient. A dense part may have size 1 where the value does not: it stands for the same number along
 * that axis, and is only written out where an operator needs it. A product is `left`·`right`ᵀ, not computed yet: a sum of
 * products is one product of longer matrices. A scattered part adds `updates` at `indices` along an axis.
 */
export type Contribution =
  | { readonly kind: 'dense'; readonly value: Value }
  | { readonly kind: 'product'; readonly left: Value; readonly right: Value }
  | { readonly kind: 'scattered'; readonly indices: Value; readonly updates: Value; readonly axis: number };

/** A node on the way back from the loss. */
export interface GradientSite {
  readonly node: Node;
  /** The input at `index`; an error of the graph when it is left out. */
  input(index: number): Value;
  readonly output: Value;
  /** Gradient of output `index` at the output's full shape; undefined when nothing flows into it. */
  full(index: number): Value | undefined;
  /** Gradient of the first output, possibly with size-1 axes that broadcast. */
  readonly gradient: Value;
  /** Whether anyone asked for a gradient that flows through this input. */
  wants(index: number): boolean;
  /** An attribute's number or numbers, or the fallback. */
  number(name: string, fallback: number): number;
  numbers(name: string, fallback: readonly number[]): readonly number[];
  string(name: string, fallback: string): string;
}

/** Adds nodes that compute contributions to the gradients of the inputs; undefined where none flows or none is wanted. */
export type GradientRule = (site: GradientSite) => (Contribution | Value | undefined)[];

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
  if (present.length > 0) sum = reduceSum(sum, present);
  if (repeats > 1) sum = mul(sum, repeats);
  return lead === 0 ? sum : reshape(sum, sum.shape.slice(lead));
}

/** The value written out at the given shape. */
export function writeOut(value: Value, shape: Shape): Value {
  return sameShape(value.shape, shape) ? value : expand(value, shape);
}
