// Copies a graph with some of its nodes written otherwise: what passes over whole graphs are made of.
import { createGraph, type Graph, type Node, type Value } from './graph.js';

/** A copy of a graph. */
export interface RewrittenGraph {
  readonly graph: Graph;
  /** What a value of the original has become. */
  value(original: Value): Value;
  /** Likewise of several, by name. */
  values(originals: Readonly<Record<string, Value>>): Record<string, Value>;
}

/**
 * @param rewrite adds to the copy what stands for a node, given its inputs there, and returns its outputs; undefined leaves
 * the node as it is.
 */
export function rewriteGraph(
  original: Graph,
  rewrite: (node: Node, inputs: readonly (Value | undefined)[]) => readonly Value[] | undefined,
): RewrittenGraph {
  const graph = createGraph(original.name, original.ranks);
  graph.opset = original.opset;
  for (const name of original.names) graph.names.add(name);
  const copies = new Map<Value, Value>();
  const copy = (value: Value): Value => {
    const copied = { ...value, graph };
    copies.set(value, copied);
    return copied;
  };
  const copyOf = (value: Value): Value => {
    const copied = copies.get(value);
    if (!copied) throw new Error(`the value ${value.name} is not in the graph ${original.name}`);
    return copied;
  };
  graph.inputs.push(...original.inputs.map(copy));
  graph.constants.push(...original.constants.map(copy));
  for (const [name, declared] of original.parameters) {
    graph.parameters.set(name, { ...declared, value: copy(declared.value) });
  }
  for (const node of original.nodes) {
    const inputs = node.inputs.map((value) => value && copyOf(value));
    const rewritten = rewrite(node, inputs);
    if (rewritten) {
      node.outputs.forEach((output, i) => void copies.set(output, rewritten[i]));
      continue;
    }
    copyNode(graph, node, inputs, copies);
  }
  for (const statistics of original.batchStatistics) {
    graph.batchStatistics.push({
      ...statistics,
      runningMean: copyOf(statistics.runningMean),
      runningVariance: copyOf(statistics.runningVariance),
      batchMean: copyOf(statistics.batchMean),
      batchVariance: copyOf(statistics.batchVariance),
    });
  }
  return {
    graph,
    value: copyOf,
    values: (originals) => Object.fromEntries(Object.entries(originals).map(([name, value]) => [name, copyOf(value)])),
  };
}

/** Adds a node as it is to another graph, of inputs there; its outputs are entered among the copies. */
export function copyNode(
  graph: Graph,
  node: Node,
  inputs: readonly (Value | undefined)[],
  copies: Map<Value, Value>,
): void {
  const outputs: Value[] = [];
  const copied: Node = { ...node, inputs, outputs };
  for (const output of node.outputs) {
    const value = { ...output, graph, producer: copied };
    copies.set(output, value);
    outputs.push(value);
  }
  graph.nodes.push(copied);
}
