// Which operators of a network run in integers, and which values become bytes for that.
import { createEditor, type ModelEditor } from '../onnx/editor.js';
import type { Model, ModelNode } from '../onnx/model.js';
import { type TensorRole, tensorRoles } from '../onnx/trainable.js';
import type { Tensor } from '../tensor/tensor.js';

/** An operator that the engine computes on bytes, once those stand before and after it. */
export interface IntegerOperator {
  /** Known by the name of the value it gives. */
  readonly name: string;
  readonly node: ModelNode;
  /** The activation that is part of it: it ends at zero, which is where the bytes end too. */
  readonly activation: ModelNode | undefined;
  /** What it reads besides weights. */
  readonly inputs: readonly string[];
  /** What it gives, after the activation. */
  readonly output: string;
  /** Its weights: which input they are, and their axis of output channels. */
  readonly weights: { readonly index: number; readonly axis: number } | undefined;
}

/** Operators that pick or move elements: what goes in and comes out has one scale. */
const moving = new Set([
  ...['MaxPool', 'Resize', 'Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice', 'Split', 'Gather'],
  ...['Expand', 'DepthToSpace', 'SpaceToDepth', 'Identity'],
]);

/** Operators without weights whose bytes have scales of their own. */
const combining = new Set(['Add', 'Mul', 'Concat', 'AveragePool', 'GlobalAveragePool', 'LeakyRelu', 'Sigmoid']);

/** Where integer operators are in a network. */
export interface Placement {
  readonly operators: readonly IntegerOperator[];
  /** Values that become bytes, each with the operator that gives it as such; undefined where it is float before. */
  readonly values: ReadonlyMap<string, IntegerOperator | undefined>;
  /** Values that share a scale, by a value that stands for them all. */
  representative(value: string): string;
}

/** Which of the operators that can run in integers do: all but some, or one by itself. */
export type Selection = { readonly left: ReadonlySet<string> } | { readonly only: string };

/**
 * Operators that run in integers: convolutions and products with weights; and what lies between them, where all it reads comes
 * out of integer operators and an integer operator reads it. One by itself needs nothing around it.
 */
export function placeIntegers(model: Model, selection: Selection): Placement {
  const editor = createEditor(model);
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const roles = tensorRoles(model);
  const alone = 'only' in selection;
  const isSelected = (name: string) => (alone ? name === selection.only : !selection.left.has(name));
  const taken = new Set<ModelNode>();
  const possible = new Map<string, IntegerOperator>();
  const given = new Map<string, IntegerOperator>();
  for (const node of model.graph.nodes) {
    if (taken.has(node)) continue;
    const operator = operatorOf(node, editor, outputs, roles);
    if (!operator || !isSelected(operator.name)) continue;
    // In order of execution: what gives its inputs was decided before.
    if (!alone && !operator.weights && !operator.inputs.every((input) => given.has(input))) continue;
    possible.set(operator.name, operator);
    given.set(operator.output, operator);
    if (operator.activation) taken.add(operator.activation);
  }
  const readBy = (value: string) => [...possible.values()].some(({ inputs }) => inputs.includes(value));
  for (let before = -1; before !== possible.size && !alone; ) {
    before = possible.size;
    for (const operator of [...possible.values()].reverse()) {
      if (!operator.weights && !readBy(operator.output)) possible.delete(operator.name);
    }
  }
  const operators = [...possible.values()];
  const values = new Map<string, IntegerOperator | undefined>();
  for (const { inputs } of operators) for (const input of inputs) values.set(input, undefined);
  for (const operator of operators) values.set(operator.output, operator);
  return { operators, values, representative: sharedScales(operators) };
}

function operatorOf(
  node: ModelNode,
  editor: ModelEditor,
  outputs: ReadonlySet<string>,
  roles: ReadonlyMap<string, TensorRole>,
): IntegerOperator | undefined {
  if (node.domain !== '') return undefined;
  const isFixed = (value: string) => value === '' || editor.initializers.has(value);
  const isOptional = (value: string, size: number) => value === '' || vectorOf(editor, value)?.length === size;
  const read = node.inputs.filter((value) => !isFixed(value));
  const [output] = node.outputs;
  const base = { name: output, node, inputs: read };
  if (node.op === 'Conv' || node.op === 'MatMul' || node.op === 'Gemm') {
    const weight = floatWeights(editor.initializers.get(node.inputs[1]));
    if (!weight || isFixed(node.inputs[0])) return undefined;
    // Matrices that resample or pool are no weights: their coefficients are few, and bytes would bend them.
    if (node.op !== 'Conv' && (weight.shape.length !== 2 || roles.get(node.inputs[1])?.role !== 'weight'))
      return undefined;
    const axis = node.op === 'Conv' || isSet(node, 'transB') ? 0 : 1;
    if (!isOptional(node.inputs[2] ?? '', weight.shape[axis])) return undefined;
    if (node.op === 'Gemm' && !isPlainProduct(node)) return undefined;
    const activation = node.op === 'Conv' ? activationAfter(output, editor, outputs) : undefined;
    return { ...base, activation, output: activation?.outputs[0] ?? output, weights: { index: 1, axis } };
  }
  if (node.outputs.length > 1) return undefined;
  if (moving.has(node.op)) {
    if (isFixed(node.inputs[0]) || read.length !== 1) return undefined;
    if (node.op === 'Resize' && !isPlainResize(node)) return undefined;
    return { ...base, activation: undefined, output, weights: undefined };
  }
  if (!combining.has(node.op) || read.length !== node.inputs.length) return undefined;
  const activation = node.op === 'Add' ? activationAfter(output, editor, outputs) : undefined;
  return { ...base, activation, output: activation?.outputs[0] ?? output, weights: undefined };
}

function vectorOf(editor: ModelEditor, name: string): Float32Array | undefined {
  const content = editor.initializers.get(name);
  return content?.data instanceof Float32Array && content.shape.length === 1 ? content.data : undefined;
}

/** Weights of a convolution or product, when they are numbers. */
export function floatWeights(content: Tensor | undefined): Tensor<'float32'> | undefined {
  if (!(content?.data instanceof Float32Array) || content.shape.length < 2) return undefined;
  return content.data.every(Number.isFinite)
    ? { dtype: 'float32', shape: content.shape, data: content.data }
    : undefined;
}

function isSet({ attributes }: ModelNode, name: string): boolean {
  const attribute = attributes[name];
  return attribute?.kind === 'int' && attribute.value !== 0;
}

function isPlainProduct(node: ModelNode): boolean {
  const one = (name: string) => node.attributes[name]?.kind !== 'float' || node.attributes[name].value === 1;
  return one('alpha') && one('beta') && !isSet(node, 'transA');
}

/** The engine resizes bytes by the nearest or between two. */
function isPlainResize({ attributes: { mode, antialias } }: ModelNode): boolean {
  const cubic = mode?.kind === 'string' && mode.value === 'cubic';
  return !cubic && !(antialias?.kind === 'int' && antialias.value !== 0);
}

/** The activation that alone reads a value and cuts it at 0: `Relu`, or `Clip` from 0 on. */
function activationAfter(value: string, editor: ModelEditor, outputs: ReadonlySet<string>): ModelNode | undefined {
  const [reader, ...others] = editor.readers(value);
  if (!reader || others.length > 0 || outputs.has(value) || reader.domain !== '') return undefined;
  if (reader.op === 'Relu') return reader;
  const low = reader.op === 'Clip' ? editor.initializers.get(reader.inputs[1] ?? '') : undefined;
  const high = editor.initializers.has(reader.inputs[2] ?? '') || (reader.inputs[2] ?? '') === '';
  return low && high && low.data.length === 1 && Number(low.data[0]) === 0 ? reader : undefined;
}

/** Disjoint sets of values: those before and after a move are one. */
function sharedScales(operators: readonly IntegerOperator[]): (value: string) => string {
  const parents = new Map<string, string>();
  const root = (value: string): string => {
    const parent = parents.get(value);
    return parent === undefined ? value : root(parent);
  };
  for (const { node, inputs, output } of operators) {
    if (!moving.has(node.op)) continue;
    const [from, to] = [root(inputs[0]), root(output)];
    if (from !== to) parents.set(to, from);
  }
  return root;
}
