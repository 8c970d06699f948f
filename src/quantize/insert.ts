// Puts bytes around the operators that are to run in integers, and integers in the place of their weights.
import { createEditor, type ModelEditor } from '../onnx/editor.js';
import { defaultOpset } from '../onnx/graph.js';
import { int, type Model, type ModelNode } from '../onnx/model.js';
import { float32, type Tensor, tensor } from '../tensor/tensor.js';
import type { Affine } from './affine.js';
import { floatWeights, type IntegerOperator, type Placement } from './placement.js';
import { integerBias, integerWeights, type WeightBits } from './weights.js';

/** How bytes and integer weights are written into a graph: `integers` for use, `rounded` (rounded.ts) for training. */
export interface Form {
  /** Nodes that turn a value into bytes and these into what they stand for. @param stem begins names. */
  bytes(from: string, to: string, affine: Affine, editor: ModelEditor, stem: string): readonly ModelNode[];
  /** Nodes that give the weights of an operator as what integers stand for, and its inputs then. */
  weights(site: WeightSite): { readonly inputs: readonly string[]; readonly nodes: readonly ModelNode[] };
}

/** An operator whose weights become integers. */
export interface WeightSite {
  readonly node: ModelNode;
  readonly axis: number;
  /** Names of its weights and bias; the bias is empty where there is none. */
  readonly names: { readonly weight: string; readonly bias: string };
  readonly weight: Tensor<'float32'>;
  readonly bias: Float32Array | undefined;
  /** What it reads, as bytes. */
  readonly input: string;
  readonly inputScale: number;
  readonly bits: WeightBits;
  /** The operator set that nodes are of. */
  readonly opset: number;
  readonly editor: ModelEditor;
}

/**
 * The same model with bytes before and after the integer operators. Values keep their names: after an integer operator, of
 * what its bytes stand for; before one, where it is float, the bytes and what they stand for are values of their own.
 *
 * @param scales how bytes stand for the values of the placement.
 */
export function insertIntegers(
  model: Model,
  placement: Placement,
  scales: ReadonlyMap<string, Affine>,
  bits: WeightBits,
  form: Form = integers,
): Model {
  const editor = createEditor(model);
  const opset = model.opsets.get('') ?? defaultOpset;
  const scaleOf = (value: string): Affine => {
    const found = scales.get(value);
    if (!found) throw new Error(`the value ${value} has no scale`);
    return found;
  };
  const byNode = new Map<ModelNode, IntegerOperator>();
  for (const operator of placement.operators) {
    byNode.set(operator.node, operator);
    if (operator.activation) byNode.set(operator.activation, operator);
  }
  /** What integer operators read where the value itself is float. */
  const restored = new Map<string, string>();
  const enter: ModelNode[] = [];
  const floatValues = [...placement.values].filter(([, giver]) => !giver).map(([value]) => value);
  const entering = new Map<string, readonly ModelNode[]>();
  for (const value of floatValues) {
    const name = editor.freshName(`${value}.restored`);
    restored.set(value, name);
    const pair = form.bytes(value, name, scaleOf(value), editor, value);
    if (editor.producer(value)) entering.set(value, pair);
    else enter.push(...pair);
  }
  for (const node of model.graph.nodes) {
    const operator = byNode.get(node);
    const isLast = operator && operator.output === node.outputs[0];
    const before: ModelNode[] = [];
    const after = node.outputs.flatMap((output) => entering.get(output) ?? []);
    let changed: ModelNode = node;
    if (operator?.node === node) {
      const inputs = node.inputs.map((value) => restored.get(value) ?? value);
      changed = { ...node, inputs };
      if (operator.weights) {
        const { scale: inputScale } = scaleOf(operator.inputs[0]);
        const integer = form.weights({
          ...weightsOf(operator, editor),
          input: inputs[0],
          inputScale,
          bits,
          opset,
          editor,
        });
        changed = { ...node, inputs: integer.inputs };
        before.push(...integer.nodes);
      }
    }
    if (isLast) {
      const [output] = node.outputs;
      const computed = editor.freshName(`${output}.computed`);
      changed = { ...changed, outputs: [computed] };
      after.unshift(...form.bytes(computed, output, scaleOf(output), editor, output));
    }
    if (changed !== node || before.length + after.length > 0) editor.replace(node, [...before, changed, ...after]);
  }
  editor.insert(enter);
  for (const name of model.graph.initializers.keys()) {
    const wasRead = model.graph.nodes.some(({ inputs }) => inputs.includes(name));
    if (wasRead && !editor.isRead(name)) editor.removeInitializer(name);
  }
  return editor.finish();
}

/** What the integer weights of an operator are called; names of a file that are alike get a number. */
export const weightName = (operator: string) => `${operator}.weight.integers`;

/** `QuantizeLinear`, `DequantizeLinear` and int8 weights. */
const integers: Form = {
  bytes(from, to, { scale, zeroPoint }, editor, stem) {
    const bytes = editor.freshName(`${stem}.bytes`);
    const settings = [
      named(`${stem}.scale`, float32([], [scale]), editor),
      named(`${stem}.zero`, tensor('uint8', [], Uint8Array.of(zeroPoint)), editor),
    ];
    return [
      plainNode('QuantizeLinear', [from, ...settings], bytes, editor),
      plainNode('DequantizeLinear', [bytes, ...settings], to, editor),
    ];
  },
  weights({ node, axis, weight, bias, input, inputScale, bits, editor }) {
    const whole = integerWeights(weight, axis, bits, bias, inputScale);
    const [stem] = node.outputs;
    const restored = editor.freshName(`${stem}.weight.restored`);
    const scales = float32([whole.scales.length], whole.scales);
    const nodes = [restoring(`${stem}.weight`, whole.integers, scales, axis, restored, editor)];
    if (!bias) return { inputs: [input, restored], nodes };
    const wholeBias = integerBias(bias, inputScale, whole.scales);
    const biasRestored = editor.freshName(`${stem}.bias.restored`);
    nodes.push(restoring(`${stem}.bias`, wholeBias.integers, wholeBias.scales, 0, biasRestored, editor));
    return { inputs: [input, restored, biasRestored], nodes };
  },
};

function weightsOf(
  { node, weights }: IntegerOperator,
  editor: ModelEditor,
): Pick<WeightSite, 'node' | 'axis' | 'names' | 'weight' | 'bias'> {
  const weightName = node.inputs[weights?.index ?? 1];
  const weight = floatWeights(editor.initializers.get(weightName));
  if (!weight || !weights) throw new Error(`${node.name}: its weights are no numbers`);
  const biasName = node.inputs[2] ?? '';
  const bias = editor.initializers.get(biasName)?.data;
  return {
    node,
    axis: weights.axis,
    names: { weight: weightName, bias: biasName },
    weight,
    bias: bias instanceof Float32Array ? bias : undefined,
  };
}

function restoring(
  stem: string,
  integers: Tensor,
  scales: Tensor,
  axis: number,
  output: string,
  editor: ModelEditor,
): ModelNode {
  const { dtype } = integers;
  const zero = dtype === 'int8' ? tensor('int8', scales.shape, new Int8Array(scales.data.length)) : undefined;
  const inputs = [named(`${stem}.integers`, integers, editor), named(`${stem}.scale`, scales, editor)];
  if (zero) inputs.push(named(`${stem}.zero`, zero, editor));
  return plainNode('DequantizeLinear', inputs, output, editor, axis);
}

/** Adds an initializer under a name that begins so. */
export function named(stem: string, content: Tensor, editor: ModelEditor): string {
  const name = editor.freshName(stem);
  editor.setInitializer(name, content);
  return name;
}

export function plainNode(
  op: string,
  inputs: readonly string[],
  output: string,
  editor: ModelEditor,
  axis?: number,
): ModelNode {
  const attributes = axis === undefined ? {} : { axis: int(axis) };
  return { op, domain: '', name: editor.freshName(`${output}.${op}`), inputs, outputs: [output], attributes };
}
