// Adds a model, ours or foreign, to a graph at concrete sizes: shapes are inferred, shape arithmetic is computed.

import { messageOf, SteadysegError } from '../base/errors.js';
import { lookUp } from '../base/lookUp.js';
import { float32, formatShape, int64, type Shape, sameShape, type Tensor } from '../tensor/tensor.js';
import { normalizeBatch, type StatisticsMode } from './batchStatistics.js';
import { foldConstants } from './fold.js';
import { freeNode, recordSize, type TracedSizes, tracedSizes } from './freeSizes.js';
import { addNode, constant, createGraph, defaultOpset, type Graph, input, parameter, type Value } from './graph.js';
import { lower } from './lowering/index.js';
import { type Attributes, feedInputs, type Model, type ModelGraph, type ModelNode, type ValueInfo } from './model.js';
import { reshape } from './ops.js';
import { type OwnOperators, ownOperator } from './ownOperator.js';
import { readSubgraph } from './read.js';
import { tensorRoles } from './trainable.js';
import { upgradeNode } from './upgrade.js';

/** A model in a graph. Every time it is applied it uses the same parameters and constants. */
export interface AddedModel {
  /** Content of its parameters by name: weights and running statistics (`tensorRoles`). */
  readonly weights: ReadonlyMap<string, Tensor>;
  /**
   * Adds its nodes, fed with values of the same graph by input name. Where the file fixes batch, height or width and a
   * value has others, constants that were traced from those sizes follow. Batch normalisations use their running statistics,
   * or the batch's own when asked to.
   * @returns every value of the file by name, the outputs among them.
   * @throws SteadysegError naming the node that does not allow it.
   */
  apply(inputs: Readonly<Record<string, Value>>, options?: ApplyOptions): ReadonlyMap<string, Value>;
}

export interface ApplyOptions {
  /** What batch normalisations normalise by; `fixed`, the running statistics, by default. */
  readonly statistics?: StatisticsMode | undefined;
  /** Whether batches are normalised by the engine's own operator (default), which only CPUs have. */
  readonly fused?: boolean | undefined;
}

/**
 * Declares the parameters and constants of a model (float32: see `widenModel`) in a graph.
 * @param operators of the caller's, which go before the library's.
 */
export function addModel(graph: Graph, model: Model, operators?: OwnOperators): AddedModel {
  const opset = model.opsets.get('') ?? defaultOpset;
  graph.opset = Math.max(opset, graph.opset);
  const roles = tensorRoles(model, operators);
  const weights = new Map<string, Tensor>();
  const shared = new Map<string, Value>();
  const declare = (name: string, content: Tensor) => {
    const { role, copyOf = '' } = roles.get(name) ?? { role: 'constant' };
    const original = shared.get(copyOf);
    if (original) {
      shared.set(name, sameShape(original.shape, content.shape) ? original : reshape(original, content.shape));
    } else if (role === 'constant') {
      shared.set(name, constant(graph, content, freeName(graph, name)));
    } else {
      shared.set(name, parameter(graph, name, content.shape, { kind: 'constant', value: 0 }, role));
      weights.set(name, content);
    }
  };
  for (const [name, content] of model.graph.initializers) declare(name, content);
  for (const node of model.graph.nodes) {
    if (node.op === 'Constant' && node.domain === '') declareConstant(node, declare);
  }
  let applications = 0;
  return {
    weights,
    apply(inputs, { statistics = 'fixed', fused = true } = {}) {
      applications++;
      const traced = tracedFor(model, inputs, operators);
      const values = new Map<string, Value | undefined>([['', undefined], ...shared]);
      for (const { name } of feedInputs(model.graph)) {
        const value = lookUp(inputs, name);
        if (!value) throw new SteadysegError(`expected a value for the input ${name}, found none`);
        values.set(name, value);
        if (traced) recordSize(traced, name, value.shape);
      }
      for (const node of model.graph.nodes) {
        if (node.op === 'Constant' && node.domain === '') continue;
        const name = node.name || node.outputs[0];
        const named = applications === 1 ? node : { ...node, name: `${name} (${applications})` };
        if (statistics !== 'fixed' && normalizeNode(values, node, fused, statistics === 'local')) continue;
        importNode(graph, values, named, { opset, traced, operators });
        for (const output of node.outputs) {
          const value = values.get(output);
          if (traced && value) recordSize(traced, output, value.shape);
        }
      }
      const known = new Map<string, Value>();
      for (const [name, value] of values) if (value) known.set(name, value);
      for (const { name } of model.graph.outputs) {
        if (!known.has(name)) throw new SteadysegError(`nothing computes the output ${name}`);
      }
      return known;
    },
  };
}

/** What `importModel` takes besides the model. */
export interface ImportOptions {
  /** Sizes of inputs by name; needed where the file leaves dimensions open. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
  /** Operators of the caller's, which go before the library's. */
  readonly operators?: OwnOperators | undefined;
}

/** A graph of one model, its outputs, and the content of its parameters by name. */
export interface ImportedGraph {
  readonly graph: Graph;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/**
 * The graph of a model alone, with inputs of its own names.
 * @throws SteadysegError naming the node when an operator or opset is not supported, or an input's size is open.
 */
export function importModel(model: Model, { inputShapes = {}, operators }: ImportOptions = {}): ImportedGraph {
  const graph = createGraph(model.graph.name || 'imported');
  const inputs: Record<string, Value> = Object.create(null);
  for (const info of feedInputs(model.graph)) {
    const shape = lookUp(inputShapes, info.name) ?? fixedShape(info);
    if (!info.type || !shape) {
      const open = info.type?.shape;
      throw new SteadysegError(
        `the input ${info.name} has the open size ${open ? formatShape(open.map((size) => size ?? '?')) : '?'}; give one`,
      );
    }
    inputs[info.name] = input(graph, info.name, info.type.dtype, shape);
  }
  const { weights, apply } = addModel(graph, model, operators);
  const values = apply(inputs);
  const outputs = Object.fromEntries(
    model.graph.outputs.flatMap(({ name }) => {
      const value = values.get(name);
      return value ? [[name, value]] : [];
    }),
  );
  return { graph, outputs, weights };
}

/** The shape an input has in the file, when all of it is fixed. */
function fixedShape({ type }: ValueInfo): Shape | undefined {
  const shape = type?.shape;
  return shape?.every((size) => typeof size === 'number') ? (shape as Shape) : undefined;
}

/** The sizes of a model as exported, when it is fed with others than those. */
function tracedFor(
  model: Model,
  inputs: Readonly<Record<string, Value>>,
  operators: OwnOperators | undefined,
): TracedSizes | undefined {
  const feeds = feedInputs(model.graph);
  const changed = feeds.filter((info) => {
    const shape = info.type?.shape;
    const now = lookUp(inputs, info.name)?.shape;
    return (
      shape &&
      now?.length === shape.length &&
      shape.some((size, axis) => typeof size === 'number' && size !== now[axis])
    );
  });
  if (changed.length === 0) return undefined;
  const shapes = new Map<string, Shape>();
  const before: Record<string, Shape> = {};
  for (const { name, type } of feeds) {
    const now = lookUp(inputs, name)?.shape ?? [];
    // Axes that the file leaves open are not changed by the trace.
    before[name] = type?.shape?.map((size, axis) => (typeof size === 'number' ? size : now[axis])) ?? now;
  }
  const scratch = createGraph('as exported');
  const fed = Object.fromEntries(
    feeds.map(({ name, type }) => [name, input(scratch, name, type?.dtype ?? 'float32', before[name])]),
  );
  for (const [name, { shape }] of addModel(scratch, model, operators).apply(fed)) shapes.set(name, shape);
  const [{ name }] = changed;
  return tracedSizes(shapes, before[name], inputs[name].shape);
}

/** A name of the file if it is free, else one made from it. */
function freeName(graph: Graph, name: string): string {
  let free = name;
  for (let number = 2; graph.names.has(free); number++) free = `${name}_${number}`;
  return free;
}

/** How the nodes of a file are understood. */
interface Reading {
  readonly opset: number;
  readonly traced: TracedSizes | undefined;
  readonly operators: OwnOperators | undefined;
}

function importNode(graph: Graph, values: Map<string, Value | undefined>, original: ModelNode, reading: Reading): void {
  const { opset, traced, operators } = reading;
  try {
    const upgraded = original.domain === '' ? upgradeNode(original, opset) : original;
    const given = upgraded.inputs.map((from) => {
      if (typeof from !== 'string') return constant(graph, from);
      if (!values.has(from)) throw new SteadysegError(`nothing computes its input ${from}`);
      return values.get(from);
    });
    const { op, domain, name, outputs: outputNames } = upgraded;
    const { inputs, attributes } = traced
      ? freeNode(graph, { ...upgraded, names: original.inputs, inputs: given }, traced)
      : { inputs: given, attributes: upgraded.attributes };
    if (op === 'If' && domain === '') {
      const branch = takenBranch(inputs[0], attributes);
      const inner = importBranch(graph, values, branch, reading);
      branch.outputs.forEach((output, i) => {
        values.set(outputNames[i], inner.get(output.name));
      });
      return;
    }
    const site = { graph, op, domain, opset, inputs, attributes, outputCount: outputNames.length };
    const own = ownOperator(operators, site)?.build(site);
    const folded = domain === '' ? foldConstants(site)?.map((content) => constant(graph, content)) : undefined;
    const plain = own ?? folded ?? lower(site);
    if (plain) {
      plain.forEach((value, i) => {
        if (outputNames[i]) values.set(outputNames[i], value);
      });
      return;
    }
    const outputs = addNode(graph, op, inputs, attributes, outputNames.length, {
      domain,
      name,
      outputNames: outputNames.map((output) => freeName(graph, output || `${op.toLowerCase()}_unused`)),
    });
    outputs.forEach((value, i) => {
      if (outputNames[i]) values.set(outputNames[i], value);
    });
  } catch (thrown) {
    const place = placeOf(original);
    const way = traced
      ? `; the model was exported for ${traced.input.before}, not ${traced.input.now}: use that size and batch, or export it with dynamic axes`
      : '';
    throw new SteadysegError(`${place}: ${messageOf(thrown)}${way}`, { cause: thrown });
  }
}

/** What a node is called in errors; files may leave it without name and outputs. */
function placeOf({ name, outputs, op }: ModelNode): string {
  return `node ${name || outputs[0] || 'without a name'} (${op})`;
}

/** Normalises by the batch what a BatchNormalization would by its running statistics. False for other nodes. */
function normalizeNode(
  values: Map<string, Value | undefined>,
  node: ModelNode,
  fused: boolean,
  alone: boolean,
): boolean {
  if (node.op !== 'BatchNormalization' || node.domain !== '' || node.outputs.length > 1) return false;
  const [x, scale, bias, runningMean, runningVariance] = node.inputs.map((name) => values.get(name));
  if (!x || !scale || !bias || !runningMean || !runningVariance) return false;
  const epsilon = node.attributes.epsilon?.kind === 'float' ? node.attributes.epsilon.value : 1e-5;
  const parameters = { scale, bias, runningMean, runningVariance, epsilon };
  values.set(node.outputs[0], normalizeBatch(x, parameters, fused, alone));
  return true;
}

/** The branch of an `If` whose condition is known once sizes are. */
function takenBranch(condition: Value | undefined, attributes: Attributes): ModelGraph {
  if (!condition?.constant) {
    throw new SteadysegError(`which branch is taken depends on ${condition?.name ?? 'nothing'}, which is no constant`);
  }
  const name = Number(condition.constant.data[0]) !== 0 ? 'then_branch' : 'else_branch';
  const branch = readSubgraph(attributes[name]);
  if (!branch) throw new SteadysegError(`its ${name} is no graph`);
  return branch;
}

/** The values of a graph inside a node, which sees those around it. */
function importBranch(
  graph: Graph,
  around: ReadonlyMap<string, Value | undefined>,
  branch: ModelGraph,
  reading: Reading,
): ReadonlyMap<string, Value | undefined> {
  const values = new Map(around);
  const declare = (name: string, content: Tensor) => void values.set(name, constant(graph, content));
  for (const [name, content] of branch.initializers) declare(name, content);
  for (const node of branch.nodes) {
    if (node.op === 'Constant' && node.domain === '') declareConstant(node, declare);
    else importNode(graph, values, node, reading);
  }
  return values;
}

function declareConstant(node: ModelNode, declare: (name: string, content: Tensor) => void): void {
  try {
    declare(node.outputs[0], constantContent(node));
  } catch (thrown) {
    throw new SteadysegError(`${placeOf(node)}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function constantContent(node: ModelNode): Tensor {
  const { value, value_float: single, value_int: whole, value_ints: list, value_floats: floats } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (single?.kind === 'float') return float32([], [single.value]);
  if (whole?.kind === 'int') return int64([], [whole.value]);
  if (list?.kind === 'ints') return int64([list.value.length], list.value);
  if (floats?.kind === 'floats') return float32([floats.value.length], floats.value);
  throw new SteadysegError('its value has a form that is not supported');
}
