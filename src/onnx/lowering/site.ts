// What a lowering sees and returns.
import type { Graph, Value } from '../graph.js';
import { refuse, type Site } from '../inference/rule.js';

/** A node of a file about to be added to a graph. */
export interface LoweringSite extends Site {
  readonly graph: Graph;
  readonly domain: string;
  readonly inputs: readonly (Value | undefined)[];
  /** Operator set of the file. */
  readonly opset: number;
}

/** Builds a node's outputs of plainer operators, or gives undefined where the node is plain as it is. */
export type Lowering = (site: LoweringSite) => readonly (Value | undefined)[] | undefined;

/** Lowerings by operator. */
export type Lowerings = Readonly<Record<string, Lowering>>;

/** The input at `index`, which must be there. */
export function valueAt(site: LoweringSite, index: number): Value {
  const value = site.inputs[index];
  if (!value) throw refuse(site, `input ${index} is missing`);
  return value;
}
