// What an optimiser is: how one gradient changes one weight, and what is remembered of it from step to step.
import type { Value } from '../../onnx/graph.js';
import { add, mul } from '../../onnx/ops.js';

/** What a step asks of a rule; scalars are numbers, or values of a graph. */
export interface Update<Scalar> {
  /** Learning rate. */
  readonly rate: Scalar;
  readonly weightDecay: number;
  /** What `factors` says of the step. */
  readonly factors: readonly Scalar[];
}

/** A weight after an update, and what is remembered of it. */
export interface UpdatedWeight {
  readonly weight: Value;
  readonly memory: readonly Value[];
}

/** A rule, as numbers and as a graph: one formula, written out for each. */
export interface UpdateRule {
  /** Names of what it remembers of each weight, one array a slot, of the weight's length, 0 at first; checkpoints use them. */
  readonly slots: readonly string[];
  /** Numbers that are the same for all weights of a step. @param step updates done before it. */
  factors(step: number): readonly number[];
  /**
   * Changes `weight` and its `memory` in place. Arithmetic is float64 on float32 values, rounded where PyTorch stores: the same
   * weights to a few units in the last place, and bit for bit on a resume.
   */
  update(weight: Float32Array, gradient: Float32Array, memory: readonly Float32Array[], update: Update<number>): void;
  /** The same in a graph, for devices that weights stay on: float32 throughout. */
  updated(weight: Value, gradient: Value, memory: readonly Value[], update: Update<Value>): UpdatedWeight;
}

/** The gradient with weight decay in it. */
export function decayed(weight: Value, gradient: Value, weightDecay: number): Value {
  return weightDecay === 0 ? gradient : add(gradient, mul(weight, weightDecay));
}
