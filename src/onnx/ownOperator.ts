// Operators of files that a caller knows and the library does not, or otherwise.
import { lookUp } from '../base/lookUp.js';
import { addNode, type OperatorRules, type Value } from './graph.js';
import type { Lowering, LoweringSite } from './lowering/site.js';

/** An operator of a caller's. */
export interface OwnOperator {
  /**
   * Adds a node of a file to a graph and returns its outputs: built of operators that the library knows, or as it is, with
   * its rules (`keepOperator`). Undefined leaves the node to the library.
   */
  readonly build: Lowering;
  /** Which of its inputs are weights, where they do not depend on the network's input. */
  readonly weights?: readonly number[] | undefined;
}

/** By name; those outside ONNX's own domain by `domain.name`, such as `com.microsoft.CDist`. */
export type OwnOperators = Readonly<Record<string, OwnOperator>>;

/** The operator of a caller's that a node is of. */
export function ownOperator(
  operators: OwnOperators | undefined,
  { op, domain }: { readonly op: string; readonly domain: string },
): OwnOperator | undefined {
  return operators && lookUp(operators, domain === '' ? op : `${domain}.${op}`);
}

/** The node as it is in the file, for the engine to run, with the rules that the library needs. */
export function keepOperator(site: LoweringSite, rules: OperatorRules): Value[] {
  const { graph, op, domain, inputs, attributes, outputCount } = site;
  return addNode(graph, op, inputs, attributes, outputCount, { domain, rules });
}
