// Integers in a training graph: values and weights rounded as they will be, with gradients as if they were not (straight through).
import type { ModelEditor } from '../onnx/editor.js';
import { ownDomain, stopGradient } from '../onnx/graph.js';
import { ints, type ModelNode } from '../onnx/model.js';
import { float32, int64 } from '../tensor/tensor.js';
import { type Form, named, plainNode } from './insert.js';

/**
 * `clip(x) + detach(rounded(x) - clip(x))`: the value of bytes; the gradient of a value within their range, and none beyond it.
 * Weights likewise, by scales that follow them.
 */
export const rounded: Form = {
  bytes(from, to, { scale, zeroPoint }, editor, stem) {
    const write = writer(editor, stem);
    const number = (value: number) => named(`${stem}.constant`, float32([], [value]), editor);
    const [low, high] = [-zeroPoint * scale, (255 - zeroPoint) * scale];
    const inside = write('Clip', [from, number(low), number(high)]);
    const step = number(scale);
    const whole = write('Mul', [write('Round', [write('Div', [inside, step])]), step]);
    return straightThrough(write, inside, whole, to);
  },
  weights({ node, axis, names, weight, input, bits, opset, editor }) {
    const [stem] = node.outputs;
    const write = writer(editor, `${stem}.weight`);
    const limit = named(`${stem}.constant`, float32([], [2 ** (bits - 1) - 1]), editor);
    const least = named(`${stem}.constant`, float32([], [smallestStep]), editor);
    const axes = weight.shape.flatMap((_, other) => (other === axis ? [] : [other]));
    const magnitudes = write('Abs', [names.weight]);
    const largest =
      opset < 18
        ? write('ReduceMax', [magnitudes], { axes: ints(axes) })
        : write('ReduceMax', [magnitudes, named(`${stem}.axes`, int64([axes.length], axes), editor)]);
    const step = write('Max', [write('Div', [largest, limit]), least]);
    const whole = write('Mul', [write('Round', [write('Div', [names.weight, step])]), step]);
    const to = editor.freshName(`${stem}.weight.rounded`);
    straightThrough(write, names.weight, whole, to);
    const inputs = names.bias === '' ? [input, to] : [input, to, names.bias];
    return { inputs, nodes: write.nodes };
  },
};

/** Keeps a quotient finite where all weights of a channel are 0. */
const smallestStep = 1e-12;

interface Writer {
  (op: string, inputs: readonly string[], attributes?: ModelNode['attributes']): string;
  readonly nodes: ModelNode[];
}

/** Writes nodes one after the other; each call gives the name of its result. */
function writer(editor: ModelEditor, stem: string): Writer {
  const nodes: ModelNode[] = [];
  const write = (op: string, inputs: readonly string[], attributes: ModelNode['attributes'] = {}) => {
    const output = editor.freshName(`${stem}.${op}`);
    nodes.push({ ...plainNode(op, inputs, output, editor), attributes });
    return output;
  };
  return Object.assign(write, { nodes });
}

/** `value + detach(whole - value)` under a name. */
function straightThrough(write: Writer, value: string, whole: string, to: string): readonly ModelNode[] {
  const apart = write('Sub', [whole, value]);
  const fixed = write(stopGradient, [apart]);
  write.nodes[write.nodes.length - 1] = { ...write.nodes[write.nodes.length - 1], domain: ownDomain };
  write('Add', [value, fixed]);
  write.nodes[write.nodes.length - 1] = { ...write.nodes[write.nodes.length - 1], outputs: [to] };
  return write.nodes;
}
