// Dense inverse search as a source of flow, computed in worker threads.
import { type InverseSearchPreset, inverseSearchPresets } from './dis/denseInverseSearch.js';
import type { FlowSource } from './source.js';
import { threadedFlow } from './threads.js';

/** What `inverseSearchFlow` takes. */
export interface InverseSearchOptions {
  /** What is spent on a pair. Default `medium`. */
  readonly preset?: InverseSearchPreset | undefined;
  /** Worker threads. Default: one a core. */
  readonly threads?: number | undefined;
}

/**
 * Flow by `denseInverseSearch`, from the frames' grey values. The threads start with the first call.
 * @throws SteadysegError from `flow`, naming the frames, for frames of different sizes and for those too small.
 */
export function inverseSearchFlow({ preset = 'medium', threads }: InverseSearchOptions = {}): FlowSource {
  const { finestLevel, stride, iterations, refinements } = inverseSearchPresets[preset];
  return threadedFlow<InverseSearchPreset>({
    name:
      `dis-${preset} finest_scale=${finestLevel} patch_size=8 patch_stride=${stride} grad_descent_iter=${iterations} ` +
      `variational_refinement_iter=${refinements}`,
    worker: new URL('./inverseSearchWorker.js', import.meta.url),
    settings: preset,
    threads,
  });
}
