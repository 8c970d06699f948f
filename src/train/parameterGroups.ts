// Which rate and weight decay each trained weight has.
import { UsageError } from '../base/errors.js';
import { fitsPattern } from '../base/namePattern.js';
import { suggest } from '../base/suggest.js';
import type { Shape } from '../tensor/tensor.js';

/** What weights of a group have in place of the others'. */
export interface GroupFactors {
  /** Factor on the learning rate. */
  readonly rate: number;
  /** Factor on the weight decay. */
  readonly weightDecay: number;
}

export interface GroupOptions {
  readonly weightDecay: number;
  /** Whether weights of one axis (scales and biases of normalisations, biases of convolutions) decay, too. */
  readonly decayNormsAndBiases: boolean;
  /** By pattern of the names; a weight takes the first that it fits. */
  readonly groups: Readonly<Record<string, GroupFactors>>;
}

/** How a weight is updated. */
export interface ParameterGroup {
  /** Factor on the learning rate. */
  readonly rateFactor: number;
  readonly weightDecay: number;
}

/** Weights that learn faster than a pretrained backbone. */
export interface Heads {
  includes(name: string): boolean;
  /** Factor on their rate. */
  readonly factor: number;
}

export const noHeads: Heads = { includes: () => false, factor: 1 };

/**
 * The group of each weight, by name.
 * @param heads their factor counts besides that of a group.
 * @throws UsageError for a pattern that no weight fits.
 */
export function parameterGroups(
  weights: ReadonlyMap<string, Shape>,
  { weightDecay, decayNormsAndBiases, groups }: GroupOptions,
  heads: Heads,
): Map<string, ParameterGroup> {
  const patterns = Object.keys(groups);
  for (const pattern of patterns) refuseUnused(pattern, [...weights.keys()]);
  return new Map(
    [...weights].map(([name, shape]) => {
      const pattern = patterns.find((one) => fitsPattern(name, one));
      const { rate, weightDecay: decay } = pattern === undefined ? { rate: 1, weightDecay: 1 } : groups[pattern];
      const rateFactor = heads.includes(name) ? heads.factor * rate : rate;
      return [name, { rateFactor, weightDecay: shape.length > 1 || decayNormsAndBiases ? weightDecay * decay : 0 }];
    }),
  );
}

function refuseUnused(pattern: string, names: readonly string[]): void {
  if (names.some((name) => fitsPattern(name, pattern))) return;
  const near = suggest(pattern, names);
  const hint = near ? `did you mean ${near}?` : `they are ${names.slice(0, 3).join(', ')}, …`;
  throw new UsageError(
    `optimizer.groups: expected a pattern that the name of a trained weight fits, found "${pattern}"; ${hint}`,
  );
}
