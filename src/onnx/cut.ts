// Cuts a graph at its sums over ranks into stretches that an engine can run, the sums being done in between.

import { exportModel } from './export.js';
import { createGraph, type Graph, type Node, neededNodes, type Value } from './graph.js';
import type { Model } from './model.js';
import { rankSum } from './ranks.js';
import { copyNode } from './rewrite.js';

/** A sum over ranks: the value that is summed, and the name that its sum is known by. */
export interface RankSum {
  readonly from: string;
  readonly to: string;
}

/** What runs between two sums. */
export interface Stretch {
  readonly model: Model;
  /** What is summed after it. */
  readonly sums: readonly RankSum[];
  /** Values that nothing needs after it. */
  readonly dropped: readonly string[];
}

/** A graph in stretches, in order. What one gives goes by its name into the next ones. */
export interface CutGraph {
  readonly stretches: readonly Stretch[];
  /** The names of the outputs' values. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** As few stretches as can be: sums that do not need each other, such as those of two frames, are done at once. */
export function cutGraph(graph: Graph, outputs: Readonly<Record<string, Value>>): CutGraph {
  const needed = neededNodes(Object.values(outputs));
  const nodes = graph.nodes.filter((node) => needed.has(node));
  const depths = depthsOf(nodes);
  const depthOf = (value: Value) => depths.get(value) ?? 0;
  const isSum = ({ op }: Node) => op === rankSum;
  const inputDepth = (node: Node) => Math.max(0, ...node.inputs.map((value) => (value ? depthOf(value) : 0)));

  /** The last stretch that needs a value; an output is needed after all of them. */
  const lastUses = new Map<Value, number>();
  for (const node of nodes) {
    for (const value of node.inputs)
      if (value) lastUses.set(value, Math.max(lastUses.get(value) ?? 0, inputDepth(node)));
  }
  for (const value of Object.values(outputs)) lastUses.set(value, Number.POSITIVE_INFINITY);

  const count = 1 + Math.max(0, ...nodes.map(inputDepth));
  const stretches = Array.from({ length: count }, (_, depth): Stretch => {
    const here = nodes.filter((node) => inputDepth(node) === depth);
    const sums = here.filter(isSum).map(({ inputs, outputs: [to] }) => ({ from: inputs[0]?.name ?? '', to: to.name }));
    const summed = new Set(sums.map(({ from }) => from));
    const body = here.filter((node) => !isSum(node));
    const given = body
      .flatMap((node) => node.outputs)
      .filter((value) => summed.has(value.name) || (lastUses.get(value) ?? 0) > depth);
    const dropped = [...lastUses].flatMap(([value, last]) => (last === depth && value.producer ? [value.name] : []));
    return { model: modelOf(graph, body, given, `stretch ${depth}`), sums, dropped };
  });
  return { stretches, outputs: new Map(Object.entries(outputs).map(([name, value]) => [name, value.name])) };
}

/** How many sums lie on the way to each value, at most. */
function depthsOf(nodes: readonly Node[]): Map<Value, number> {
  const depths = new Map<Value, number>();
  for (const node of nodes) {
    const before = Math.max(0, ...node.inputs.map((value) => (value && depths.get(value)) ?? 0));
    for (const output of node.outputs) depths.set(output, before + (node.op === rankSum ? 1 : 0));
  }
  return depths;
}

/** A model of some nodes of a graph; what they need of others are its inputs. */
function modelOf(original: Graph, nodes: readonly Node[], given: readonly Value[], name: string): Model {
  const graph = createGraph(`${original.name}, ${name}`);
  graph.opset = original.opset;
  const copies = new Map<Value, Value>();
  const parameters = new Map([...original.parameters].map(([key, { value }]) => [value, key]));
  const copyOf = (value: Value): Value => {
    const known = copies.get(value);
    if (known) return known;
    const { producer: _, ...content } = value;
    const copy = { ...content, graph };
    copies.set(value, copy);
    const key = parameters.get(value);
    const declared = key === undefined ? undefined : original.parameters.get(key);
    if (key !== undefined && declared) graph.parameters.set(key, { ...declared, value: copy });
    else if (value.constant) graph.constants.push(copy);
    else graph.inputs.push(copy);
    return copy;
  };
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => value && copyOf(value));
    copyNode(graph, node, inputs, copies);
  }
  return exportModel(graph, Object.fromEntries(given.map((value) => [value.name, copyOf(value)])));
}
