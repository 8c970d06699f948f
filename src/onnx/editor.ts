// Edits a model: finds who computes and who reads a value, and puts in, replaces and takes out nodes; the model it starts from stays as it is.
import type { Tensor } from '../tensor/tensor.js';
import type { Model, ModelGraph, ModelNode, ValueInfo } from './model.js';

/** A model being edited. Nodes are known by identity: those of the model, and those put in. */
export interface ModelEditor {
  /** In order of execution. */
  readonly nodes: readonly ModelNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** The node that computes a value; undefined for inputs, initializers and names that no value has. */
  producer(value: string): ModelNode | undefined;
  /** The nodes that read a value, each once. */
  readers(value: string): readonly ModelNode[];
  /** Whether a node reads a value or it is an output of the graph; also where a node has subgraphs, which may read any. */
  isRead(value: string): boolean;
  /** A name that no value and no node has: the stem, or the stem with a number. */
  freshName(stem: string): string;
  /** Adds an initializer, or gives it another content. @throws Error when another kind of value has the name. */
  setInitializer(name: string, content: Tensor): void;
  /** Takes an initializer out; also as an input, where the file lists it as one. */
  removeInitializer(name: string): void;
  /** Puts nodes before all others, or before a node. @throws Error when a value of theirs has a name that is taken. */
  insert(nodes: readonly ModelNode[], before?: ModelNode): void;
  /** Puts nodes in the place of one. They may compute values of the same names. */
  replace(node: ModelNode, by: readonly ModelNode[]): void;
  /** Takes a node out. */
  remove(node: ModelNode): void;
  /** Lets nodes (by default all that read `from`) read another value instead. Outputs of the graph keep their values. */
  redirect(from: string, to: string, readers?: readonly ModelNode[]): void;
  /** Makes a value an output of the graph, if it is none. Its type is what the file says of it, or left open. */
  addOutput(value: string): void;
  /** Makes values the only outputs of the graph, and takes out the nodes that they do not need. */
  keepOutputs(values: readonly string[]): void;
  /** The edited model. @throws Error when a node or an output reads a value that is there no more. */
  finish(): Model;
}

/** Begins to edit a model. */
export function createEditor(model: Model): ModelEditor {
  const { graph } = model;
  let { inputs, outputs } = graph;
  const initializers = new Map(graph.initializers);
  const nodes: ModelNode[] = [];
  const producers = new Map<string, ModelNode>();
  const readers = new Map<string, Set<ModelNode>>();
  const names = new Set(namesOf(graph));
  let subgraphs = 0;

  const add = (added: readonly ModelNode[], place: number) => {
    for (const node of added) {
      for (const value of node.outputs.filter(isNamed)) {
        if (producers.has(value) || initializers.has(value))
          throw new Error(`${node.op}: the value ${value} is there already`);
        producers.set(value, node);
      }
      for (const value of node.inputs.filter(isNamed)) {
        const known = readers.get(value);
        if (known) known.add(node);
        else readers.set(value, new Set([node]));
      }
      for (const name of [node.name, ...node.outputs]) names.add(name);
      if (hasSubgraph(node)) subgraphs++;
    }
    nodes.splice(place, 0, ...added);
  };
  const placeOf = (node: ModelNode) => {
    const place = nodes.indexOf(node);
    if (place < 0) throw new Error(`the node ${node.name} (${node.op}) is not in the model`);
    return place;
  };
  const take = (node: ModelNode) => {
    const place = placeOf(node);
    nodes.splice(place, 1);
    for (const value of node.outputs) producers.delete(value);
    for (const value of node.inputs) readers.get(value)?.delete(node);
    if (hasSubgraph(node)) subgraphs--;
    return place;
  };
  const isOutput = (value: string) => outputs.some(({ name }) => name === value);
  const outputOf = (value: string): ValueInfo =>
    [...outputs, ...graph.outputs, ...graph.values, ...inputs].find(({ name }) => name === value) ?? {
      name: value,
      type: undefined,
    };

  const editor: ModelEditor = {
    nodes,
    initializers,
    producer: (value) => producers.get(value),
    readers: (value) => [...(readers.get(value) ?? [])],
    isRead: (value) => (readers.get(value)?.size ?? 0) > 0 || isOutput(value) || subgraphs > 0,
    freshName(stem) {
      let name = stem;
      for (let number = 1; names.has(name); number++) name = `${stem}_${number}`;
      names.add(name);
      return name;
    },
    setInitializer(name, content) {
      if (producers.has(name)) throw new Error(`the value ${name} is computed, so it cannot be an initializer`);
      initializers.set(name, content);
      names.add(name);
    },
    removeInitializer(name) {
      if (!initializers.delete(name)) throw new Error(`the model has no initializer ${name}`);
      inputs = inputs.filter((input) => input.name !== name);
    },
    insert: (added, before) => add(added, before ? placeOf(before) : 0),
    replace: (node, by) => add(by, take(node)),
    remove: (node) => void take(node),
    redirect(from, to, which = editor.readers(from)) {
      for (const node of which) {
        editor.replace(node, [{ ...node, inputs: node.inputs.map((value) => (value === from ? to : value)) }]);
      }
    },
    addOutput(value) {
      if (!isOutput(value)) outputs = [...outputs, outputOf(value)];
    },
    keepOutputs(values) {
      outputs = values.map(outputOf);
      const needed = neededNodes(nodes, values);
      for (const node of nodes.filter((one) => !needed.has(one))) take(node);
    },
    finish() {
      const edited = { ...graph, nodes: [...nodes], inputs, outputs, initializers: new Map(initializers) };
      const before = unknownValues(graph);
      const lost = [...unknownValues(edited)].find((value) => !before.has(value));
      if (lost !== undefined) throw new Error(`the value ${lost} is read, but nothing gives it any more`);
      return { ...model, graph: edited };
    },
  };
  add(graph.nodes, 0);
  return editor;
}

/** Left-out optional inputs and outputs have an empty name. */
const isNamed = (value: string) => value !== '';

/** What this library keeps as it was read may be a subgraph, which reads values of the graph around it. */
function hasSubgraph({ attributes }: ModelNode): boolean {
  return Object.values(attributes).some(({ kind }) => kind === 'opaque');
}

/** The nodes that values depend on: all before a node that has subgraphs. */
function neededNodes(nodes: readonly ModelNode[], values: readonly string[]): Set<ModelNode> {
  const wanted = new Set(values);
  const needed = new Set<ModelNode>();
  let all = false;
  for (const node of nodes.toReversed()) {
    if (!all && !node.outputs.some((value) => wanted.has(value))) continue;
    needed.add(node);
    all ||= hasSubgraph(node);
    for (const value of node.inputs.filter(isNamed)) wanted.add(value);
  }
  return needed;
}

function* namesOf({ inputs, initializers, nodes }: ModelGraph): Iterable<string> {
  for (const { name } of inputs) yield name;
  yield* initializers.keys();
  for (const { name, outputs } of nodes) yield* [name, ...outputs];
}

/** Values that nodes or outputs read and nothing gives. */
function unknownValues({ inputs, initializers, nodes, outputs }: ModelGraph): Set<string> {
  const given = new Set([
    ...inputs.map(({ name }) => name),
    ...initializers.keys(),
    ...nodes.flatMap((node) => node.outputs),
    '',
  ]);
  const read = [...nodes.flatMap((node) => node.inputs), ...outputs.map(({ name }) => name)];
  return new Set(read.filter((name) => !given.has(name)));
}
