// A change to the compiled code that is a mistake, and the tests that must see it.

export interface Mutation {
  /** Below dist/, without `.js`. */
  readonly file: string;
  /** Every place in the file that reads so is changed. */
  readonly from: string;
  readonly to: string;
  /** What vitest is told to run. */
  readonly tests: string;
}

/** Changes to one file, each by itself. */
export function changes(
  file: string,
  tests: string,
  pairs: readonly (readonly [from: string, to: string])[],
): Mutation[] {
  return pairs.map(([from, to]) => ({ file, from, to, tests }));
}
