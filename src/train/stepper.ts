// What takes the steps of a run: the CPU changes the weights, or the device that they stay on.
import type { Tensor } from '../tensor/tensor.js';
import type { StepGradients } from './state.js';

/** Takes steps: gradients of some batches, then one update by them. */
export interface Stepper {
  /** As `computeGradients`; there are no gradients to see where they stay on a device. */
  compute(batches: readonly Readonly<Record<string, Tensor>>[]): Promise<StepGradients>;
  /** As `applyGradients`, with those that were computed last. */
  apply(gradients: StepGradients['gradients'], rate: number): Promise<void>;
  /** Brings the weights and what is remembered of them into the state, where a device holds them. */
  settle(): Promise<void>;
  release(): Promise<void>;
}
