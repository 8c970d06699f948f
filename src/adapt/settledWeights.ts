// Weights of dead channels, which an adaptation need not compute with.
import type { Size } from '../media/image.js';
import { inference } from '../nets/mode.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input } from '../onnx/graph.js';
import { withoutVanishedWeights } from '../onnx/vanishing.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Student } from '../train/student.js';

/**
 * Steps after which what is vanished stays so. Until then Adam, which minds no gradient's size, brings some back to life: of ESPNet's
 * 10827 vanished weights 654, the last of them between the 50th step and the 75th, and none in the 425 that follow.
 */
export const settledAfter = 75;

/** The student's weights with those that vanished as 0: steps are then as much faster as frames are, and what is alive learns the same. */
export function settledWeights<T extends Tensor>(
  student: Student,
  { height, width }: Size,
  weights: ReadonlyMap<string, T>,
): Map<string, T> {
  const graph = createGraph(student.name);
  const { logits } = student.build(input(graph, 'frame', 'float32', [1, 3, height, width]), inference);
  const { initializers } = withoutVanishedWeights(exportModel(graph, { logits }, { weights })).graph;
  return new Map([...weights].map(([name, weight]) => [name, (initializers.get(name) as T | undefined) ?? weight]));
}
