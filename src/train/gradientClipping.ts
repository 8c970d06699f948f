// Clipping of gradients by their common norm, as PyTorch does it.
import type { Value } from '../onnx/graph.js';
import { add, div, min, mul, reduceSum, sqrt } from '../onnx/ops.js';

/** Keeps the factor finite where all gradients are 0. */
const epsilon = 1e-6;

/** Scales all gradients, in place, by `most / (norm + 1e-6)` where that is below 1; the norm is that of all of them as one vector. */
export function clipGradients(gradients: ReadonlyMap<string, Float32Array>, most: number): void {
  let squares = 0;
  for (const gradient of gradients.values()) for (const value of gradient) squares += value * value;
  const factor = most / (Math.sqrt(squares) + epsilon);
  if (factor >= 1) return;
  for (const gradient of gradients.values()) for (let i = 0; i < gradient.length; i++) gradient[i] *= factor;
}

/** The same in a graph. */
export function clippedGradients(gradients: readonly Value[], most: number): Value[] {
  const squares = gradients.map((gradient) => sumOf(mul(gradient, gradient))).reduce(add);
  const factor = min(div(most, add(sqrt(squares), epsilon)), 1);
  return gradients.map((gradient) => mul(gradient, factor));
}

/** Of all elements, as a scalar. */
export function sumOf(value: Value): Value {
  return reduceSum(
    value,
    value.shape.map((_, axis) => axis),
    false,
  );
}
