// Puts `QuantizeLinear` and `DequantizeLinear` around the operators that are to run in integers, and makes their weights int8.
import { createEditor, type ModelEditor } from '../onnx/editor.js';
import { int, type Model, type ModelNode } from '../onnx/model.js';
import { float32, type Tensor, tensor } from '../tensor/tensor.js';
import type { Affine } from './affine.js';
import { floatWeights, type IntegerOperator, type Placement } from './placement.js';
import { integerBias, integerWeights, type WeightBits } from './weights.js';

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
): Model {
  const editor = createEditor(model);
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
  const entering = new Map<string, ModelNode[]>();
  for (const value of floatValues) {
    const name = editor.freshName(`${value}.restored`);
    restored.set(value, name);
    const pair = bytesBetween(value, name, scaleOf(value), editor);
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
        const integer = integerInputs(operator, inputs, scaleOf(operator.inputs[0]), bits, editor);
        changed = { ...node, inputs: integer.inputs };
        before.push(...integer.nodes);
      }
    }
    if (isLast) {
      const [output] = node.outputs;
      const computed = editor.freshName(`${output}.computed`);
      changed = { ...changed, outputs: [computed] };
      after.unshift(...bytesBetween(computed, output, scaleOf(output), editor, output));
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

/** The nodes that turn a value into bytes and these into what they stand for. */
function bytesBetween(
  from: string,
  to: string,
  { scale, zeroPoint }: Affine,
  editor: ModelEditor,
  stem = from,
): ModelNode[] {
  const bytes = editor.freshName(`${stem}.bytes`);
  const settings = [
    named(`${stem}.scale`, float32([], [scale]), editor),
    named(`${stem}.zero`, tensor('uint8', [], Uint8Array.of(zeroPoint)), editor),
  ];
  return [
    plainNode('QuantizeLinear', [from, ...settings], bytes, editor),
    plainNode('DequantizeLinear', [bytes, ...settings], to, editor),
  ];
}

/** The inputs of an operator with its weights, and bias, as what integers stand for. */
function integerInputs(
  { node, weights }: IntegerOperator,
  inputs: readonly string[],
  { scale: inputScale }: Affine,
  bits: WeightBits,
  editor: ModelEditor,
): { readonly inputs: readonly string[]; readonly nodes: readonly ModelNode[] } {
  const { index, axis } = weights ?? { index: 1, axis: 0 };
  const content = floatWeights(editor.initializers.get(node.inputs[index]));
  if (!content) throw new Error(`${node.name}: its weights are no numbers`);
  const biasName = node.inputs[2] ?? '';
  const bias = biasName === '' ? undefined : (editor.initializers.get(biasName)?.data as Float32Array | undefined);
  const { integers, scales } = integerWeights(content, axis, bits, bias, inputScale);
  const stem = node.outputs[0];
  const weightName = editor.freshName(`${stem}.weight.restored`);
  const nodes = [restoring(`${stem}.weight`, integers, float32([scales.length], scales), axis, weightName, editor)];
  const changed = [inputs[0], weightName];
  if (bias) {
    const biasRestored = editor.freshName(`${stem}.bias.restored`);
    const whole = integerBias(bias, inputScale, scales);
    nodes.push(restoring(`${stem}.bias`, whole.integers, whole.scales, 0, biasRestored, editor));
    changed.push(biasRestored);
  }
  return { inputs: changed, nodes };
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

function named(stem: string, content: Tensor, editor: ModelEditor): string {
  const name = editor.freshName(stem);
  editor.setInitializer(name, content);
  return name;
}

function plainNode(
  op: string,
  inputs: readonly string[],
  output: string,
  editor: ModelEditor,
  axis?: number,
): ModelNode {
  const attributes = axis === undefined ? {} : { axis: int(axis) };
  return { op, domain: '', name: editor.freshName(`${output}.${op}`), inputs, outputs: [output], attributes };
}
