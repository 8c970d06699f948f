// How the values of a model's graph hang together: which node computes a name, which nodes read it, what is constant.
import { float32, int64, type Tensor } from '../tensor/tensor.js';
import type { ModelGraph, ModelNode } from './model.js';

/** The graph by the names of its values. */
export interface Wiring {
  /** The node that computes a value; undefined for inputs and initializers. */
  producer(name: string): ModelNode | undefined;
  /** The nodes that read a value, in the order of the file. */
  readers(name: string): readonly ModelNode[];
  /** The content of an initializer or of a `Constant` node; undefined for what is computed. */
  constant(name: string): Tensor | undefined;
}

/** Looks through a graph once. */
export function wiringOf(graph: ModelGraph): Wiring {
  const producers = new Map<string, ModelNode>();
  const readers = new Map<string, ModelNode[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (name !== '') producers.set(name, node);
    for (const name of new Set(node.inputs)) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  return {
    producer: (name) => producers.get(name),
    readers: (name) => readers.get(name) ?? [],
    constant(name) {
      const stored = graph.initializers.get(name);
      const node = producers.get(name);
      return stored ?? (node && constantValue(node));
    },
  };
}

/** The tensor that a `Constant` node gives; undefined for other nodes, and for forms that are not read (strings, sparse). */
export function constantValue(node: ModelNode): Tensor | undefined {
  if (node.op !== 'Constant' || node.domain !== '') return undefined;
  const { value, value_float: single, value_int: whole, value_ints: list, value_floats: floats } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (single?.kind === 'float') return float32([], [single.value]);
  if (whole?.kind === 'int') return int64([], [whole.value]);
  if (list?.kind === 'ints') return int64([list.value.length], list.value);
  if (floats?.kind === 'floats') return float32([floats.value.length], floats.value);
  return undefined;
}
