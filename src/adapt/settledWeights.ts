// Weights of dead channels, which an adaptation need not compute with.
import type { Size } from '../media/image.js';
import { inference } from '../nets/mode.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input } from '../onnx/graph.js';
import { withoutVanishedWeights } from '../onnx/vanishing.js';
import type { Tensor } from '../tensor/tensor.js';
import type { TrainingState } from '../train/state.js';
import type { Student } from '../train/student.js';

/**
 * Steps that a training has with vanished weights as they are: Adam, which minds no gradient's size, brings some back to life. Of
 * ESPNet's 10827 on CamVid val 654, the last between the 50th step and the 75th, and none in the 425 that followed.
 */
export const settledAfter = 75;

/** The weights with those that vanished as 0, of which train: steps then take less time. */
export function settledWeights<T extends Tensor>(
  student: Student,
  { height, width }: Size,
  weights: ReadonlyMap<string, T>,
): Map<string, T> {
  const graph = createGraph(student.name);
  const { logits } = student.build(input(graph, 'pixels', 'float32', [1, 3, height, width]), inference);
  const { initializers } = withoutVanishedWeights(exportModel(graph, { logits }, { weights })).graph;
  const trains = (name: string) => student.trains?.(name) ?? true;
  return new Map(
    [...weights].map(([name, weight]) => {
      const settled = trains(name) ? (initializers.get(name) as T | undefined) : undefined;
      return [name, settled ?? weight];
    }),
  );
}

/** Sets what vanished to 0, with all that the optimiser remembers of it, which would bring it back bit by bit. */
export function settle({ parameters, slots }: TrainingState, student: Student, size: Size): void {
  for (const [name, { data: settled }] of settledWeights(student, size, parameters)) {
    const own = parameters.get(name)?.data;
    if (!own || own === settled) continue;
    const memories = [...slots.values()].flatMap((slot) => slot.get(name) ?? []);
    for (const [i, value] of own.entries()) {
      if (value !== settled[i]) for (const content of [own, ...memories]) content[i] = 0;
    }
  }
}
