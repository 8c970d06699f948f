// Turns a model, ours or foreign, into a graph at concrete sizes: shapes are inferred, shape arithmetic is computed.
import { messageOf, SteadysegError } from '../base/errors.js';
import { elementCount, float32, formatShape, int64, type Shape, type Tensor } from '../tensor/tensor.js';
import { foldConstants } from './fold.js';
import { addNode, constant, createGraph, defaultOpset, type Graph, input, parameter, type Value } from './graph.js';
import { inferOutputs } from './inference/index.js';
import { feedInputs, int, type Model, type ModelNode } from './model.js';
import { reshape } from './ops.js';
import { flattenedSoftmaxAxis, upgradeNode } from './upgrade.js';

export interface ImportOptions {
  /** Sizes of inputs by name; needed where the file leaves dimensions open. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
}

export interface ImportedGraph {
  readonly graph: Graph;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Content of the graph's parameters by name. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** Inputs of a batch normalisation that are statistics, not weights. */
const statisticInputs = [3, 4];

/** Float inputs that decide the shape of what is computed, by operator: they have to be constants. */
const shapeInputs: Readonly<Record<string, readonly number[]>> = { Resize: [1, 2], Upsample: [1] };

/**
 * The graph of a model. Float32 initializers become parameters of the same name, other initializers constants.
 * @throws SteadysegError naming the node when an operator or opset is not supported, or an input's size is open.
 */
export function importModel(model: Model, options: ImportOptions = {}): ImportedGraph {
  const opset = model.opsets.get('') ?? defaultOpset;
  const graph = createGraph(model.graph.name || 'imported');
  graph.opset = Math.max(opset, defaultOpset);
  const values = new Map<string, Value | undefined>([['', undefined]]);
  const weights = new Map<string, Tensor>();

  for (const { name, type } of feedInputs(model.graph)) {
    const shape = options.inputShapes?.[name] ?? type?.shape;
    if (!type || !shape?.every((size) => typeof size === 'number')) {
      throw new SteadysegError(
        `the input ${name} has the open size ${shape ? formatShape(shape.map((size) => size ?? '?')) : '?'}; give one`,
      );
    }
    values.set(name, input(graph, name, type.dtype, shape));
  }
  const statistics = new Set(
    model.graph.nodes.flatMap((node) =>
      node.op === 'BatchNormalization' ? statisticInputs.map((i) => node.inputs[i]) : [],
    ),
  );
  const fixed = new Set(
    model.graph.nodes.flatMap((node) => (shapeInputs[node.op] ?? []).map((index) => node.inputs[index])),
  );
  for (const [name, content] of model.graph.initializers) {
    if (content.dtype === 'float32' && content.shape.length > 0 && !fixed.has(name)) {
      const role = statistics.has(name) ? 'statistic' : 'weight';
      values.set(name, parameter(graph, name, content.shape, { kind: 'constant', value: 0 }, role));
      weights.set(name, content);
    } else {
      values.set(name, constant(graph, content, name));
    }
  }
  for (const node of model.graph.nodes) importNode(graph, values, node, opset);

  const outputs = Object.fromEntries(
    model.graph.outputs.map(({ name }) => {
      const value = values.get(name);
      if (!value) throw new SteadysegError(`nothing computes the output ${name}`);
      return [name, value];
    }),
  );
  return { graph, outputs, weights };
}

function importNode(graph: Graph, values: Map<string, Value | undefined>, original: ModelNode, opset: number): void {
  try {
    if (original.op === 'Constant' && original.domain === '') {
      values.set(original.outputs[0], constant(graph, constantContent(original), original.outputs[0]));
      return;
    }
    const node = original.domain === '' ? upgradeNode(original, opset) : original;
    const inputs = node.inputs.map((from) => {
      if (typeof from !== 'string') return constant(graph, from);
      if (!values.has(from)) throw new SteadysegError(`nothing computes its input ${from}`);
      return values.get(from);
    });
    // Dropout does nothing outside training.
    if (node.op === 'Dropout' || (node.op === 'Identity' && inputs[0])) {
      values.set(node.outputs[0], inputs[0]);
      return;
    }
    const flattened = node.domain === '' ? flattenedSoftmaxAxis(original, opset) : undefined;
    if (flattened !== undefined && inputs[0]) {
      values.set(node.outputs[0], flattenedSoftmax(node.op, inputs[0], flattened));
      return;
    }
    const site = { op: node.op, inputs, attributes: node.attributes, outputCount: node.outputs.length };
    if (node.outputs.length === 1) {
      const content = foldConstants(site, inferOutputs(site)[0]);
      if (content) {
        values.set(node.outputs[0], constant(graph, content, node.outputs[0]));
        return;
      }
    }
    const outputs = addNode(graph, node.op, inputs, node.attributes, node.outputs.length, {
      domain: node.domain,
      name: node.name,
      outputNames: node.outputs,
    });
    outputs.forEach((value, i) => {
      values.set(node.outputs[i], value);
    });
  } catch (thrown) {
    throw new SteadysegError(`node ${original.name || original.outputs[0]} (${original.op}): ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function flattenedSoftmax(op: string, x: Value, axis: number): Value {
  const first = axis < 0 ? axis + x.shape.length : axis;
  if (first === x.shape.length - 1) return addNode(x.graph, op, [x], { axis: int(-1) })[0];
  const flat = reshape(x, [elementCount(x.shape.slice(0, first)), elementCount(x.shape.slice(first))]);
  return reshape(addNode(x.graph, op, [flat], { axis: int(-1) })[0], x.shape);
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
