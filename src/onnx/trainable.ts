// Tells which tensors of a model are weights: by what they feed, since a file marks none.

import { float16ToFloat32 } from '../tensor/half.js';
import { numbersOf, type Tensor } from '../tensor/tensor.js';
import { copiesAmong } from './copies.js';
import { feedInputs, type Model, type ModelNode } from './model.js';
import { type OwnOperators, ownOperator } from './ownOperator.js';

/** What a floating-point tensor of a model is for. */
export interface TensorRole {
  readonly role: 'weight' | 'statistic' | 'constant';
  /** Why, for people: `weight of Conv`, `resamples`, … */
  readonly reason: string;
  /** The weight whose values it holds too: they are one, and stay one. */
  readonly copyOf?: string | undefined;
}

/** Inputs that are weights or biases, by operator. */
const weightInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]],
  ['ConvTranspose', [1, 2]],
  ['FusedConv', [1, 2]],
  ['NhwcFusedConv', [1, 2]],
  ['Gemm', [0, 1, 2]],
  ['FusedGemm', [0, 1, 2]],
  ['MatMul', [0, 1]],
  ['FusedMatMul', [0, 1]],
  ['TransposeMatMul', [0, 1]],
  ['Einsum', [0, 1]],
  ['BatchNormalization', [1, 2]],
  ['InstanceNormalization', [1, 2]],
  ['GroupNormalization', [1, 2]],
  ['GroupNorm', [1, 2]],
  ['LayerNormalization', [1, 2]],
  ['SimplifiedLayerNormalization', [1]],
  ['SkipLayerNormalization', [2, 3, 4]],
  ['BiasGelu', [1]],
  ['FastGelu', [1]],
  ['PRelu', [1]],
  ['Gather', [0]],
  ['LSTM', [1, 2, 3]],
  ['GRU', [1, 2, 3]],
  ['RNN', [1, 2, 3]],
]);

/** Inputs that hold running statistics. */
const statisticInputs: ReadonlyMap<string, readonly number[]> = new Map([['BatchNormalization', [3, 4]]]);

/** Operators whose constant operand, after the first layer, is a bias, a scale, a position embedding or a token. */
const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div', 'Concat']);

/** Inputs that say how, not what: sizes, bounds, fill values. */
const settingInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ['Resize', [1, 2]],
  ['Upsample', [1]],
  ['Clip', [1, 2]],
  ['Pad', [2]],
  ['OneHot', [2]],
  ['Where', [0]],
]);

/** Operators that give the elements of their first input as they are, perhaps elsewhere. */
const layout = new Set(['Identity', 'Cast', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten']);

/** What a tensor of several uses counts as: the last of these. */
const precedence: readonly TensorRole['role'][] = ['constant', 'weight', 'statistic'];

/** Entries of a mask that rules out positions are at least this large. */
const maskValue = 1e4;
/** Sums of an interpolation's coefficients come this near to 1. */
const sumTolerance = 1e-3;

/**
 * The roles of all float32 and float16 tensors of a model (initializers and `Constant` nodes, by name). Weights are what
 * feeds convolutions, matrix products, normalisations, PRelu and embeddings, also through operators that do not depend on the
 * input, and the biases, scales and embeddings added on the way from there; not what resamples, normalises the input, masks,
 * pads, or is a single number that the exporter wrote out. Weights that hold the same values are copies of the first.
 * @param operators of the caller's, with weights of their own.
 */
export function tensorRoles(model: Model, operators?: OwnOperators): Map<string, TensorRole> {
  const weightsOf = (node: ModelNode) => ownOperator(operators, node)?.weights ?? weightInputs.get(node.op);
  const tensors = floatTensors(model);
  const producers = new Map<string, ModelNode>();
  for (const node of model.graph.nodes) for (const output of node.outputs) producers.set(output, node);
  const feeds = feedInputs(model.graph).map(({ name }) => name);
  /** Values that depend on the input; of those, the ones no layer has touched yet, and what only rearranges the input. */
  const dynamic = new Set(feeds);
  const beforeLayers = new Set(feeds);
  const asFed = new Set(feeds);
  const roles = new Map<string, TensorRole>();
  const give = (name: string, role: TensorRole['role'], reason: string) => {
    const known = roles.get(name);
    if (!known || precedence.indexOf(role) > precedence.indexOf(known.role)) roles.set(name, { role, reason });
  };
  const leavesOf = (value: string) => constantLeaves(value, tensors, producers);

  for (const node of model.graph.nodes) {
    const inputs = node.inputs.filter((name) => name !== '');
    const statics = (indices: readonly number[] | undefined) =>
      (indices ?? []).flatMap((index) => {
        const name = node.inputs[index];
        return name && !dynamic.has(name) ? [{ index, name }] : [];
      });
    const isDynamic = inputs.some((name) => dynamic.has(name));
    const isLayer = isDynamic && statics(weightsOf(node)).length > 0;
    if (isDynamic || node.op === 'Gather') {
      for (const { name, index } of statics(weightsOf(node))) {
        for (const leaf of leavesOf(name)) {
          const fixed =
            model.producer === 'steadyseg' && leaf.name.startsWith('constant_')
              ? 'a constant of the graph'
              : whyFixed(node, index, leaf.tensor, leaf.name === sourceOf(name, producers), asFed);
          if (fixed) give(leaf.name, 'constant', fixed);
          else give(leaf.name, 'weight', `${index === 2 ? 'bias' : 'weight'} of ${node.op}`);
        }
      }
      for (const { name } of statics(statisticInputs.get(node.op))) {
        for (const leaf of leavesOf(name)) give(leaf.name, 'statistic', `running statistic of ${node.op}`);
      }
    }
    if (isDynamic && elementwise.has(node.op)) {
      const untouched = inputs.every((name) => !dynamic.has(name) || beforeLayers.has(name));
      for (const name of inputs.filter((one) => !dynamic.has(one))) {
        for (const leaf of leavesOf(name)) {
          const fixed = untouched ? 'prepares the input' : whyNoOperand(node, leaf);
          give(leaf.name, fixed ? 'constant' : 'weight', fixed ?? `operand of ${node.op}`);
        }
      }
    }
    if (!isDynamic) continue;
    const touched = isLayer || inputs.some((name) => dynamic.has(name) && !beforeLayers.has(name));
    for (const output of node.outputs) {
      dynamic.add(output);
      if (!touched) beforeLayers.add(output);
      if (layout.has(node.op) && asFed.has(node.inputs[0])) asFed.add(output);
    }
  }
  for (const name of tensors.keys()) {
    if (!roles.has(name)) roles.set(name, { role: 'constant', reason: 'feeds no layer' });
  }
  const weights = [...tensors.values()].filter(({ name }) => roles.get(name)?.role === 'weight');
  for (const [name, copyOf] of copiesAmong(weights.map(({ name, tensor }) => [name, tensor] as const))) {
    roles.set(name, { role: 'weight', reason: `a copy of ${copyOf}`, copyOf });
  }
  return roles;
}

/** A floating-point tensor of a model and what it is for. */
export interface TensorSummary extends TensorRole {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** All floating-point tensors of a model, in the file's order, with their roles. */
export function summarizeTensors(model: Model): TensorSummary[] {
  const roles = tensorRoles(model);
  return [...floatTensors(model)].flatMap(
    ([
      name,
      {
        tensor: { dtype, shape },
      },
    ]) => {
      const role = roles.get(name);
      return role ? [{ name, dtype, shape, ...role }] : [];
    },
  );
}

interface Leaf {
  readonly name: string;
  readonly tensor: Tensor;
  /** Whether the file names it, as it does parameters; `Constant` nodes hold numbers of the code. */
  readonly isInitializer: boolean;
}

function floatTensors({ graph }: Model): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  const put = (name: string, tensor: Tensor, isInitializer: boolean) => {
    if (tensor.dtype === 'float32' || tensor.dtype === 'float16') found.set(name, { name, tensor, isInitializer });
  };
  for (const [name, tensor] of graph.initializers) put(name, tensor, true);
  for (const { op, attributes, outputs } of graph.nodes) {
    if (op === 'Constant' && attributes.value?.kind === 'tensor') put(outputs[0], attributes.value.value, false);
  }
  return found;
}

/** The floating-point tensors that a value, which does not depend on the input, is computed from. */
function constantLeaves(
  value: string,
  tensors: ReadonlyMap<string, Leaf>,
  producers: ReadonlyMap<string, ModelNode>,
): Leaf[] {
  const found: Leaf[] = [];
  const seen = new Set<string>();
  const open = [value];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const leaf = tensors.get(name);
    if (leaf) found.push(leaf);
    const producer = producers.get(name);
    if (!producer) continue;
    const settings = settingInputs.get(producer.op) ?? [];
    producer.inputs.forEach((from, index) => {
      if (from !== '' && !settings.includes(index)) open.push(from);
    });
  }
  return found;
}

/** What a value holds in another element type, or the value itself. */
function sourceOf(name: string, producers: ReadonlyMap<string, ModelNode>): string {
  const producer = producers.get(name);
  return producer?.op === 'Cast' || producer?.op === 'Identity' ? sourceOf(producer.inputs[0], producers) : name;
}

/** Why a tensor that feeds a layer is no weight; undefined when it is one. */
function whyFixed(
  node: ModelNode,
  index: number,
  tensor: Tensor,
  direct: boolean,
  asFed: ReadonlySet<string>,
): string | undefined {
  const { shape } = tensor;
  // Computed weights (standardised, spectrally normalised) come with small numbers of the code.
  if (!direct) return shape.length === 0 ? 'a number of the graph' : undefined;
  if ((node.op.includes('MatMul') || node.op.includes('Gemm')) && shape.length >= 2) {
    return isResampling(tensor) ? 'resamples: its coefficients sum to 1' : undefined;
  }
  if (node.op === 'Gather' && shape.length < 2) return 'a list of numbers';
  if (index !== 1 || !node.op.includes('Conv') || shape.length < 3) return undefined;
  if (isDiagonal(tensor) && shape.slice(2).every((size) => size === 1) && asFed.has(node.inputs[0])) {
    return 'normalises the input';
  }
  return isOneFilter(tensor) ? 'one filter for every channel' : undefined;
}

/** Why the constant operand of an elementwise operator is no weight; undefined when it is one. */
function whyNoOperand(node: ModelNode, { name, tensor, isInitializer }: Leaf): string | undefined {
  const values = valuesOf(tensor);
  if (values.length === 1) {
    return isInitializer && isParameterName(name) && node.op !== 'Concat' ? undefined : 'a number of the graph';
  }
  const distinct = new Set<number>();
  for (const value of values) {
    distinct.add(value);
    if (distinct.size > 2) break;
  }
  const list = [...distinct];
  if (list.some((value) => !(Math.abs(value) < maskValue)) && list.length <= 2) return 'a mask';
  if (list.length === 2 && list.includes(0)) return 'a mask';
  if (node.op === 'Concat' && list.length === 1) return 'a filling';
  return tensor.shape.length >= 2 && isRegularGrid(tensor.shape, values) ? 'a grid of positions' : undefined;
}

/** Whether a name is like those of state dicts; exporters name the code's own numbers otherwise. */
function isParameterName(name: string): boolean {
  return !/^\/|^onnx::|^\d+$|constant/i.test(name);
}

function valuesOf(tensor: Tensor): Float32Array | number[] {
  const { dtype, data } = tensor;
  return dtype === 'float16'
    ? float16ToFloat32(data as Uint16Array)
    : dtype === 'float32'
      ? (data as Float32Array)
      : numbersOf(tensor);
}

/** Whether the rows, or the columns, of a matrix (or of each of a stack) all sum to 1, or to 0 where they reach past an edge. */
function isResampling(tensor: Tensor): boolean {
  const [rows, columns] = tensor.shape.slice(-2);
  const values = valuesOf(tensor);
  let reached = false;
  const fits = (sum: number) => {
    const whole = Math.abs(sum - 1) <= sumTolerance;
    reached ||= whole;
    return whole || sum === 0;
  };
  let [byRow, byColumn] = [true, true];
  for (let start = 0; start < values.length && (byRow || byColumn); start += rows * columns) {
    const columnSums = new Float64Array(columns);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) {
        const value = values[start + row * columns + column];
        sum += value;
        columnSums[column] += value;
      }
      byRow = fits(sum) && byRow;
    }
    byColumn = columnSums.every(fits) && byColumn;
  }
  return reached && (byRow || byColumn);
}

/** Whether a kernel maps every channel to itself only. */
function isDiagonal(tensor: Tensor): boolean {
  const [outputs, inputs] = tensor.shape;
  if (outputs !== inputs) return false;
  const values = valuesOf(tensor);
  const size = values.length / (outputs * inputs);
  return values.every((value, i) => value === 0 || Math.floor(i / size / inputs) === Math.floor(i / size) % inputs);
}

/** Whether every channel has the same filter, and no channel enters another's: blurring, enlarging, edges. */
function isOneFilter(tensor: Tensor): boolean {
  const [outputs, inputs] = tensor.shape;
  if (outputs < 2 || !(inputs === 1 || isDiagonal(tensor))) return false;
  const values = valuesOf(tensor);
  const size = values.length / (outputs * inputs);
  const step = inputs === 1 ? size : (inputs + 1) * size;
  for (let channel = 1; channel < outputs; channel++) {
    for (let i = 0; i < size; i++) if (values[channel * step + i] !== values[i]) return false;
  }
  return true;
}

/** Whether values rise evenly along one axis and stay the same along all others. */
function isRegularGrid(shape: readonly number[], values: ArrayLike<number>): boolean {
  const moving = shape.flatMap((size, axis) => (size > 2 ? [axis] : []));
  return moving.some((axis) => {
    const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const step = values[stride] - values[0];
    if (step === 0) return false;
    for (let i = 0; i < values.length; i++) {
      const position = Math.floor(i / stride) % shape[axis];
      if (Math.abs(values[i] - values[0] - position * step) > 1e-4 * Math.abs(step) * shape[axis]) return false;
    }
    return true;
  });
}
