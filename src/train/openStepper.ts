// A run's stepper, by its device: WebGPU keeps the weights, from others gradients come back to the CPU at every step.
import type { Collective } from '../collective/collective.js';
import { keepsOutputs } from '../runtime/deviceSession.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { openDeviceStepper } from './deviceStepper.js';
import { openStep } from './openStep.js';
import type { Optimizer } from './optimizer.js';
import { applyGradients, computeGradients, type TrainingState } from './state.js';
import type { TrainingStep } from './step.js';
import type { Stepper } from './stepper.js';

/** @throws SteadysegError where the device cannot run the step. */
export async function openStepper(
  step: TrainingStep,
  optimizer: Optimizer,
  state: TrainingState,
  collective: Collective,
  options: Pick<SessionOptions, 'device' | 'threads' | 'fallback'>,
): Promise<Stepper> {
  // What ranks exchange goes through the CPU.
  if (keepsOutputs(options.device) && collective.size === 1) return openDeviceStepper(step, optimizer, state, options);
  const runner = await openStep(step, collective, options);
  return {
    compute: (batches) => computeGradients(step, runner, state, batches),
    apply: async (gradients, rate) => applyGradients(state, gradients, optimizer, rate),
    settle: async () => {},
    release: () => runner.release(),
  };
}
