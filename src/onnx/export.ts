// Turns a graph into a model: the nodes that its outputs need, weights as initializers or as inputs.
import { SteadysegError } from '../base/errors.js';
import { formatShape, sameShape, type Tensor } from '../tensor/tensor.js';
import { type Graph, type Node, neededNodes, stopGradient, type Value } from './graph.js';
import type { Model, ModelNode, ValueInfo } from './model.js';

/** What `exportModel` takes besides the outputs. */
export interface ExportOptions {
  /** By state-dict name. Parameters found here become initializers, the others inputs that are fed at every run. */
  readonly weights?: ReadonlyMap<string, Tensor>;
  readonly metadata?: ReadonlyMap<string, string>;
}

/** The oldest file format version that goes with opset 18. */
const irVersion = 8;

/**
 * A model that computes `outputs` (by the name each gets in the file).
 * @throws SteadysegError when weights of another shape are given.
 */
export function exportModel(
  graph: Graph,
  outputs: Readonly<Record<string, Value>>,
  options: ExportOptions = {},
): Model {
  const needed = neededNodes(Object.values(outputs));
  const used = new Set<Value>(Object.values(outputs));
  for (const node of needed) for (const value of node.inputs) if (value) used.add(value);

  const initializers = new Map<string, Tensor>();
  const inputs = graph.inputs.map(info);
  for (const value of graph.constants) {
    if (value.constant && used.has(value)) initializers.set(value.name, value.constant);
  }
  for (const [name, { value }] of graph.parameters) {
    if (!used.has(value)) continue;
    const weights = options.weights?.get(name);
    if (weights) {
      if (weights.dtype !== value.dtype || !sameShape(weights.shape, value.shape)) {
        throw new SteadysegError(
          `${name}: expected ${value.dtype} ${formatShape(value.shape)}, found ${weights.dtype} ${formatShape(weights.shape)}`,
        );
      }
      initializers.set(name, weights);
    } else {
      inputs.push(info(value));
    }
  }
  const kept = graph.nodes.filter((node) => needed.has(node));
  const nodes = kept.map(modelNode);
  // ONNX Runtime begins with the last result: what takes few steps comes first, so that what it needs is freed early.
  const steps = stepsTo(kept);
  const byDistance = Object.entries(outputs).sort(([, a], [, b]) => (steps.get(b) ?? 0) - (steps.get(a) ?? 0));
  for (const [name, value] of byDistance) if (name !== value.name) nodes.push(identityNode(value.name, name));
  const named = Object.entries(outputs).map(([name, value]) => ({ ...info(value), name }));
  // The engine cannot infer the shapes of what hangs on a computed shape.
  const values = kept.filter(({ op }) => op === 'Unsqueeze').flatMap((node) => node.outputs.map(info));
  return {
    irVersion,
    opsets: new Map([['', graph.opset], ...domainsOf(nodes)]),
    producer: 'steadyseg',
    metadata: options.metadata ?? new Map(),
    graph: { name: graph.name, nodes, inputs, outputs: named, values, initializers },
  };
}

/** How many nodes the longest way to each value has; `nodes` in order of execution. */
function stepsTo(nodes: readonly Node[]): Map<Value, number> {
  const steps = new Map<Value, number>();
  for (const node of nodes) {
    const before = Math.max(0, ...node.inputs.map((value) => (value && steps.get(value)) ?? 0));
    for (const output of node.outputs) steps.set(output, before + 1);
  }
  return steps;
}

/** Version 1 of every operator domain besides ONNX's own. */
function domainsOf(nodes: readonly ModelNode[]): [string, number][] {
  return [...new Set(nodes.map((node) => node.domain))].flatMap((domain) => (domain === '' ? [] : [[domain, 1]]));
}

function info(value: Value): ValueInfo {
  return { name: value.name, type: { dtype: value.dtype, shape: value.shape } };
}

function modelNode(node: Node): ModelNode {
  return {
    ...(node.op === stopGradient ? { op: 'Identity', domain: '' } : { op: node.op, domain: node.domain }),
    name: node.name,
    inputs: node.inputs.map((value) => value?.name ?? ''),
    outputs: node.outputs.map((value) => value.name),
    attributes: node.attributes,
  };
}

function identityNode(from: string, to: string): ModelNode {
  return { op: 'Identity', domain: '', name: to, inputs: [from], outputs: [to], attributes: {} };
}
