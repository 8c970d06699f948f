// The optimiser of a run: an update rule, and for each weight its rate and decay.
import type { Shape } from '../tensor/tensor.js';
import { type AdamOptions, adam } from './optimizers/adam.js';
import { adamW } from './optimizers/adamW.js';
import { type SgdOptions, sgd } from './optimizers/sgd.js';
import type { UpdateRule } from './optimizers/updateRule.js';
import { type GroupOptions, type Heads, noHeads, type ParameterGroup, parameterGroups } from './parameterGroups.js';

/** An update rule by name. */
export type RuleOptions =
  | ({ readonly method: 'sgd' } & SgdOptions)
  | ({ readonly method: 'adam' | 'adamw' } & AdamOptions);

export type OptimizerOptions = RuleOptions &
  GroupOptions & {
    /** Largest norm of all gradients together; default: any. */
    readonly clipNorm?: number | undefined;
    /** Decay of the exponential mean of the weights that a run results in; default: none, the last weights are the result. */
    readonly averaging?: number | undefined;
  };

/** What changes the weights of a run. */
export interface Optimizer {
  readonly rule: UpdateRule;
  /** Of every trained weight, by name. */
  readonly groups: ReadonlyMap<string, ParameterGroup>;
  readonly clipNorm: number | undefined;
  readonly averaging: number | undefined;
}

/** The published ones (SPEC section 4). */
export const publishedSgd = {
  method: 'sgd',
  momentum: 0.9,
  weightDecay: 1e-4,
  decayNormsAndBiases: true,
  groups: {},
} as const satisfies OptimizerOptions;

/**
 * An optimiser for weights of these names and shapes.
 * @param heads which weights are heads, and the factor on their rate; default: none.
 * @throws UsageError for a group that no weight belongs to.
 */
export function createOptimizer(
  options: OptimizerOptions,
  weights: ReadonlyMap<string, Shape>,
  heads: Heads = noHeads,
): Optimizer {
  const { clipNorm, averaging } = options;
  return { rule: ruleOf(options), groups: parameterGroups(weights, options, heads), clipNorm, averaging };
}

function ruleOf(options: RuleOptions): UpdateRule {
  switch (options.method) {
    case 'sgd':
      return sgd(options);
    case 'adam':
      return adam(options);
    case 'adamw':
      return adamW(options);
  }
}
