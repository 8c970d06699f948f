// The graph that networks, losses and gradients are built in: values with element type and shape, and nodes that connect them.
import { SteadysegError } from '../base/errors.js';
import { type DType, formatShape, type Shape, type Tensor } from '../tensor/tensor.js';
import { inferOutputs } from './inference/index.js';
import type { ShapeRule } from './inference/rule.js';
import type { Attributes } from './model.js';

/** A value of a graph: an input, a parameter, a constant or the output of a node. */
export interface Value {
  readonly graph: Graph;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The node that computes it; undefined for inputs, parameters and constants. */
  readonly producer?: Node;
  /** Its content, when it is a constant. */
  readonly constant?: Tensor;
}

/** One operator application. Left-out optional inputs are undefined. */
export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  /** Of an operator that the library does not know. */
  readonly rules?: OperatorRules | undefined;
}

/** What the library has to know of an operator, where a caller brings one. */
export interface OperatorRules {
  /** Element types and shapes of the outputs; it throws for inputs that do not fit. */
  readonly outputs: ShapeRule;
  /** Without, nothing can be trained through it. */
  readonly gradient?: GradientRule | undefined;
}

/**
 * A part of a value's gradient. A dense part may have size 1 where the value does not: it stands for the same number along
 * that axis, and is only written out where an operator needs it. A product is `left`·`right`ᵀ, not computed yet: a sum of
 * products is one product of longer matrices. A scattered part adds `updates` at `indices` along an axis.
 */
export type Contribution =
  | { readonly kind: 'dense'; readonly value: Value }
  | { readonly kind: 'product'; readonly left: Value; readonly right: Value }
  | { readonly kind: 'scattered'; readonly indices: Value; readonly updates: Value; readonly axis: number };

/** A node on the way back from the loss. */
export interface GradientSite {
  readonly node: Node;
  /** The input at `index`; an error of the graph when it is left out. */
  input(index: number): Value;
  readonly output: Value;
  /** Gradient of output `index` at the output's full shape; undefined when nothing flows into it. */
  full(index: number): Value | undefined;
  /** Gradient of the first output, possibly with size-1 axes that broadcast. */
  readonly gradient: Value;
  /** Whether anyone asked for a gradient that flows through this input. */
  wants(index: number): boolean;
  /** An attribute's number, or the fallback. */
  number(name: string, fallback: number): number;
  /** An attribute's numbers, or the fallback. */
  numbers(name: string, fallback: readonly number[]): readonly number[];
  /** An attribute's text, or the fallback. */
  string(name: string, fallback: string): string;
}

/** Adds nodes that compute contributions to the gradients of the inputs; undefined where none flows or none is wanted. */
export type GradientRule = (site: GradientSite) => (Contribution | Value | undefined)[];

/** How a parameter starts when no weights are given. `fan` is fan-in (uniform) or fan-out (normal) of the convolution. */
export type Initialization =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  /** Normal with standard deviation √(2/fan): Kaiming, for ReLU. */
  | { readonly kind: 'kaimingNormal'; readonly fan: number }
  /** Uniform in ±1/√fan: PyTorch's default for convolutions (Kaiming uniform with a = √5) and their biases. */
  | { readonly kind: 'uniform'; readonly fan: number };

/** A declared parameter: trained weights, or statistics that batch normalisation keeps. */
export interface Parameter {
  readonly value: Value;
  readonly role: 'weight' | 'statistic';
  readonly initialization: Initialization;
}

/** Batch statistics that a training-mode batch normalisation computes, and the parameters they flow into. */
export interface BatchStatistics {
  readonly runningMean: Value;
  readonly runningVariance: Value;
  readonly batchMean: Value;
  /** Biased (divided by the count). */
  readonly batchVariance: Value;
  /** Values a channel is normalised over: N·H·W. */
  readonly count: number;
}

/** A graph of operators, its inputs, and the parameters it declares. */
export interface Graph {
  readonly name: string;
  /** How many processes run the graph at once, each on samples of its own of one batch (onnx/ranks.ts). */
  readonly ranks: number;
  /** In order of creation, which is an order of execution. */
  readonly nodes: Node[];
  readonly inputs: Value[];
  /** By state-dict name. */
  readonly parameters: Map<string, Parameter>;
  readonly constants: Value[];
  /** In order of execution. A shared layer that runs twice stands here twice. */
  readonly batchStatistics: BatchStatistics[];
  /** Version of ONNX's operator set. */
  opset: number;
  readonly names: Set<string>;
}

/** The operator set of graphs built here; the oldest whose operators (reductions with axes as input, additive scatter) the library uses. */
export const defaultOpset = 18;

/** ONNX Runtime's own operators, which every build of it has. */
export const microsoftDomain = 'com.microsoft';

/** The identity, through which no gradient flows: an operator of this library's own, which is `Identity` in a model. */
export const stopGradient = 'StopGradient';
/** The domain of operators of this library's own. */
export const ownDomain = 'steadyseg';

/** An empty graph. @param ranks how many processes share its batch. */
export function createGraph(name: string, ranks = 1): Graph {
  return {
    name,
    ranks,
    nodes: [],
    inputs: [],
    parameters: new Map(),
    constants: [],
    batchStatistics: [],
    opset: defaultOpset,
    names: new Set(),
  };
}

/** Declares an input that is fed at every run. @throws SteadysegError when the name is taken. */
export function input(graph: Graph, name: string, dtype: DType, shape: Shape): Value {
  const value: Value = { graph, name: takeName(graph, name), dtype, shape };
  graph.inputs.push(value);
  return value;
}

/** Declares a float32 parameter by its state-dict name, or returns the one declared before, so that two passes share weights. */
export function parameter(
  graph: Graph,
  name: string,
  shape: Shape,
  initialization: Initialization,
  role: Parameter['role'] = 'weight',
): Value {
  const declared = graph.parameters.get(name);
  if (declared) {
    if (formatShape(declared.value.shape) !== formatShape(shape)) {
      throw new SteadysegError(
        `the parameter ${name} is declared as ${formatShape(declared.value.shape)} and again as ${formatShape(shape)}`,
      );
    }
    return declared.value;
  }
  const value: Value = { graph, name: takeName(graph, name), dtype: 'float32', shape };
  graph.parameters.set(name, { value, role, initialization });
  return value;
}

/** A constant. */
export function constant(graph: Graph, content: Tensor, name?: string): Value {
  const value: Value = {
    graph,
    name: name === undefined ? freshName(graph, 'constant') : takeName(graph, name),
    dtype: content.dtype,
    shape: content.shape,
    constant: content,
  };
  graph.constants.push(value);
  return value;
}

/** What `addNode` takes besides operator, inputs and attributes. */
export interface NodeOptions {
  readonly domain?: string;
  /** Names of the outputs; fresh ones by default. */
  readonly outputNames?: readonly string[];
  /** Name of the node, for error messages; its first output's name by default. */
  readonly name?: string;
  /** Of an operator that the library does not know, or in place of its own rules. */
  readonly rules?: OperatorRules | undefined;
}

/**
 * Adds a node and returns its outputs, with element types and shapes inferred.
 * @throws SteadysegError naming the node and its inputs when they do not fit the operator.
 */
export function addNode(
  graph: Graph,
  op: string,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes = {},
  outputCount = 1,
  options: NodeOptions = {},
): Value[] {
  for (const value of inputs) {
    if (value && value.graph !== graph) {
      throw new SteadysegError(
        `${op}: the input ${value.name} belongs to the graph ${value.graph.name}, not ${graph.name}`,
      );
    }
  }
  const infer = options.rules?.outputs ?? inferOutputs;
  const types = infer({ op, inputs, attributes, outputCount });
  const outputs: Value[] = [];
  const names = types.map((_, i) =>
    options.outputNames ? takeName(graph, options.outputNames[i]) : freshName(graph, op.toLowerCase()),
  );
  const node: Node = {
    op,
    domain: options.domain ?? '',
    name: options.name || names[0],
    inputs,
    outputs,
    attributes,
    rules: options.rules,
  };
  types.forEach(({ dtype, shape }, i) => {
    outputs.push({ graph, name: names[i], dtype, shape, producer: node });
  });
  graph.nodes.push(node);
  return outputs;
}

/** The same value, through which no gradient flows. */
export function detach(value: Value): Value {
  return addNode(value.graph, stopGradient, [value], {}, 1, { domain: ownDomain })[0];
}

/** The nodes that values depend on. */
export function neededNodes(values: readonly Value[]): Set<Node> {
  const needed = new Set<Node>();
  const open = [...values];
  for (let value = open.pop(); value; value = open.pop()) {
    const { producer } = value;
    if (!producer || needed.has(producer)) continue;
    needed.add(producer);
    for (const from of producer.inputs) if (from) open.push(from);
  }
  return needed;
}

function takeName(graph: Graph, name: string): string {
  if (graph.names.has(name)) throw new SteadysegError(`the graph ${graph.name} already has a value named ${name}`);
  graph.names.add(name);
  return name;
}

function freshName(graph: Graph, stem: string): string {
  let number = graph.names.size;
  while (graph.names.has(`${stem}_${number}`)) number++;
  return takeName(graph, `${stem}_${number}`);
}

/** `name: float32 1×3×64×64`, for messages and dumps. */
export function describeValue(value: Value): string {
  return `${value.name}: ${value.dtype} ${formatShape(value.shape)}`;
}
