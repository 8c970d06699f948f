// How distillation losses weigh three frames (SPEC section 3).
import type { Value } from '../onnx/graph.js';
import { add, mul } from '../onnx/ops.js';

/** The same thing of three consecutive frames. */
export interface ThreeFrames<T> {
  readonly front: T;
  readonly centre: T;
  readonly back: T;
}

/** centre + 0.4 · (front + back). */
export function overThreeFrames<T>({ front, centre, back }: ThreeFrames<T>, loss: (frame: T) => Value): Value {
  return add(loss(centre), mul(add(loss(front), loss(back)), 0.4));
}
