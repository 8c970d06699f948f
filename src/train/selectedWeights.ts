// Which weights train: those that the patterns name.
import { UsageError } from '../base/errors.js';
import { fitsPattern } from '../base/namePattern.js';
import { suggest } from '../base/suggest.js';

export interface WeightSelection {
  /** Patterns of weights that are trained; default: all. */
  readonly train?: readonly string[] | undefined;
  /** Patterns of weights that are not. */
  readonly freeze?: readonly string[] | undefined;
}

/** @param network what the weights are of, for messages. @throws UsageError for a pattern that fits none of the names. */
export function selectedWeights(
  names: readonly string[],
  { train = ['*'], freeze = [] }: WeightSelection,
  network: string,
): ReadonlySet<string> {
  for (const pattern of [...train, ...freeze]) {
    if (pattern === '*' || names.some((name) => fitsPattern(name, pattern))) continue;
    const near = suggest(pattern, names);
    throw new UsageError(
      `${network}: expected a pattern that fits one of its ${names.length} weights, found "${pattern}"${near ? `; did you mean ${near}?` : ''}`,
    );
  }
  const fits = (name: string, patterns: readonly string[]) => patterns.some((pattern) => fitsPattern(name, pattern));
  return new Set(names.filter((name) => fits(name, train) && !fits(name, freeze)));
}
