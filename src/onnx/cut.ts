// Cuts a graph at its sums over ranks into stretches that an engine can run, the sums being done in between.

import { elementCount } from '../tensor/tensor.js';
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
  const earliest = (node: Node) => Math.max(0, ...node.inputs.map((value) => (value && depths.get(value)) ?? 0));
  const last = Math.max(0, ...nodes.map(earliest));
  // Outputs as early as they can be, or all at the end: one keeps what they are made of, the other what else is made of that.
  const ways = [earliest, () => last].map((placeOutput) =>
    arranged(nodes, last, places(nodes, outputs, earliest, placeOutput), outputs),
  );
  const { stretches, lastUses } = ways.reduce((best, way) => (way.kept < best.kept ? way : best));
  return {
    stretches: stretches.map(({ sums, placed, run }, k): Stretch => {
      const summed = new Set(sums.map(({ from }) => from));
      const given = placed
        .flatMap((node) => node.outputs)
        .filter((value) => summed.has(value.name) || (lastUses.get(value) ?? 0) > k);
      const dropped = [...lastUses].flatMap(([value, use]) => (use === k && value.producer ? [value.name] : []));
      return { model: modelOf(graph, run, given, `stretch ${k}`), sums, dropped };
    }),
    outputs: new Map(Object.entries(outputs).map(([name, value]) => [name, value.name])),
  };
}

/** The stretch of each node: sums as early as they can be, outputs as asked, everything else where it is first needed. */
function places(
  nodes: readonly Node[],
  outputs: Readonly<Record<string, Value>>,
  earliest: (node: Node) => number,
  placeOutput: (node: Node) => number,
): Map<Node, number> {
  const results = new Set(Object.values(outputs));
  const found = new Map<Node, number>();
  const firstUses = new Map<Value, number>();
  const firstUse = (value: Value) => firstUses.get(value) ?? Number.POSITIVE_INFINITY;
  for (const node of nodes.toReversed()) {
    const wanted = node.outputs.some((value) => results.has(value)) ? [placeOutput(node)] : [];
    const place = node.op === rankSum ? earliest(node) : Math.min(...node.outputs.map(firstUse), ...wanted);
    found.set(node, place);
    for (const value of node.inputs) if (value) firstUses.set(value, Math.min(firstUse(value), place));
  }
  return found;
}

/** What each stretch computes, and how long that is kept. */
interface Arrangement {
  readonly stretches: readonly {
    readonly sums: readonly RankSum[];
    readonly placed: readonly Node[];
    /** The nodes placed there, and those of earlier stretches that it repeats. */
    readonly run: readonly Node[];
  }[];
  /** The last stretch that is given a value by another; an output is needed after all of them. */
  readonly lastUses: ReadonlyMap<Value, number>;
  /** Elements that stretches are given by others. */
  readonly kept: number;
}

function arranged(
  nodes: readonly Node[],
  last: number,
  placeOf: ReadonlyMap<Node, number>,
  outputs: Readonly<Record<string, Value>>,
): Arrangement {
  const lastUses = new Map(Object.values(outputs).map((value) => [value, Number.POSITIVE_INFINITY]));
  const stretches = Array.from({ length: last + 1 }, (_, k) => {
    const here = nodes.filter((node) => placeOf.get(node) === k);
    const placed = here.filter(({ op }) => op !== rankSum);
    const run = new Set(placed);
    const visited = [...placed];
    for (let node = visited.pop(); node; node = visited.pop()) {
      for (const { producer } of node.inputs.filter((value) => value !== undefined)) {
        if (!producer || run.has(producer) || !isRepeatable(producer)) continue;
        run.add(producer);
        visited.push(producer);
      }
    }
    for (const value of [...run].flatMap(({ inputs }) => inputs))
      if (value && !(value.producer && run.has(value.producer)))
        lastUses.set(value, Math.max(lastUses.get(value) ?? 0, k));
    const sums = here.flatMap(({ op, inputs, outputs: [to] }) =>
      op === rankSum ? [{ from: inputs[0]?.name ?? '', to: to.name }] : [],
    );
    return { sums, placed, run: nodes.filter((node) => run.has(node)) };
  });
  let kept = 0;
  for (const { producer, shape } of lastUses.keys()) if (producer) kept += elementCount(shape);
  return { stretches, lastUses, kept };
}

/** Operators whose result costs less to compute again than to keep: an engine copies what it gives. */
const repeatable = new Set(
  ['Add Sub Mul Div Max Min Neg Abs Relu Clip BatchNormalization Cast Where Reshape Unsqueeze Squeeze Expand']
    .concat('Equal Greater GreaterOrEqual Less LessOrEqual And Or Not')
    .flatMap((names) => names.split(' ')),
);

/** Whether a node may run once more, of no more than one value that is as large as its result. */
function isRepeatable({ op, inputs, outputs: [output] }: Node): boolean {
  if (!repeatable.has(op)) return false;
  const size = elementCount(output.shape);
  const sizes = inputs.map((value) => (value?.producer ? elementCount(value.shape) : 0));
  return sizes.filter((one) => one * 4 > size).length <= 1;
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
