// What an optimiser is: how one gradient changes one weight, and what is remembered of it from step to step.

/** What a step asks of a rule. */
export interface Update {
  /** Learning rate. */
  readonly rate: number;
  readonly weightDecay: number;
  /** Updates done before this one. */
  readonly step: number;
}

/**
 * A rule changes `weight` and its `memory` in place: one array a slot, of the weight's length, 0 at first. Arithmetic is float64
 * on float32 values, rounded where PyTorch stores: the same weights to a few units in the last place, and bit for bit on a resume.
 */
export interface UpdateRule {
  /** Names of what it remembers of each weight; checkpoints use them. */
  readonly slots: readonly string[];
  update(weight: Float32Array, gradient: Float32Array, memory: readonly Float32Array[], update: Update): void;
}
