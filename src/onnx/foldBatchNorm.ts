// Batch normalisations that follow a convolution become part of its weights.
import { elementCount, float32, type Shape, type Tensor, tensor } from '../tensor/tensor.js';
import { createEditor, type ModelEditor } from './editor.js';
import type { Model, ModelNode } from './model.js';

/** What a normalisation by fixed statistics does to each channel: `x · factor + offset`. */
interface ChannelMap {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}

/**
 * The same model without the batch normalisations that only a convolution feeds: `w · factor` and `b · factor + offset`, in
 * float32.
 */
export function foldBatchNorm(model: Model): Model {
  const editor = createEditor(model);
  for (const node of model.graph.nodes) {
    const map = node.op === 'BatchNormalization' && node.domain === '' ? channelMap(node, editor) : undefined;
    if (!map) continue;
    const [input] = node.inputs;
    const convolution = editor.producer(input);
    const alone = editor.readers(input).length === 1 && !model.graph.outputs.some(({ name }) => name === input);
    const folded = convolution && alone ? foldInto(convolution, map, node.outputs[0], editor) : undefined;
    if (convolution && folded) {
      editor.remove(node);
      editor.replace(convolution, [folded]);
    }
  }
  for (const name of model.graph.initializers.keys()) {
    const wasRead = model.graph.nodes.some(({ inputs }) => inputs.includes(name));
    if (wasRead && !editor.isRead(name)) editor.removeInitializer(name);
  }
  return editor.finish();
}

/** Of a normalisation by statistics that the file holds; undefined for one that gives its batch's. */
function channelMap({ inputs, outputs, attributes }: ModelNode, editor: ModelEditor): ChannelMap | undefined {
  if (outputs.slice(1).some((output) => output !== '')) return undefined;
  if (attributes.training_mode?.kind === 'int' && attributes.training_mode.value !== 0) return undefined;
  const [scale, bias, mean, variance] = inputs.slice(1).map((name) => floats(editor.initializers.get(name)));
  if (!scale || !bias || !mean || !variance) return undefined;
  const epsilon = attributes.epsilon?.kind === 'float' ? attributes.epsilon.value : 1e-5;
  const factor = Float64Array.from(scale, (value, c) => value / Math.sqrt(variance[c] + epsilon));
  return { factor, offset: Float64Array.from(bias, (value, c) => value - mean[c] * factor[c]) };
}

function floats(content: Tensor | undefined): Float32Array | undefined {
  return content?.data instanceof Float32Array ? content.data : undefined;
}

function foldInto(node: ModelNode, map: ChannelMap, output: string, editor: ModelEditor): ModelNode | undefined {
  if (node.domain !== '' || (node.op !== 'Conv' && node.op !== 'ConvTranspose')) return undefined;
  const weight = editor.initializers.get(node.inputs[1]);
  const biasName = node.inputs[2] ?? '';
  const bias = biasName === '' ? new Float32Array(map.factor.length) : floats(editor.initializers.get(biasName));
  if (!weight || !bias || !(weight.data instanceof Float32Array)) return undefined;
  const channelOf = outputChannel(node, weight.shape);
  const [weightName, newBias] = ['weight', 'bias'].map((stem) => editor.freshName(`${output}.${stem}`));
  const folded = weight.data.map((value, i) => value * map.factor[channelOf(i)]);
  editor.setInitializer(weightName, tensor('float32', weight.shape, folded));
  editor.setInitializer(
    newBias,
    float32(
      [bias.length],
      Array.from(bias, (value, c) => value * map.factor[c] + map.offset[c]),
    ),
  );
  return { ...node, inputs: [node.inputs[0], weightName, newBias], outputs: [output] };
}

/** The output channel that a weight's element belongs to. `Conv` has O×(C/group)×…, `ConvTranspose` C×(O/group)×…. */
function outputChannel({ op, attributes }: ModelNode, shape: Shape): (index: number) => number {
  const kernel = elementCount(shape.slice(2));
  if (op === 'Conv') return (index) => Math.floor(index / (kernel * shape[1]));
  const group = attributes.group?.kind === 'int' ? attributes.group.value : 1;
  const perGroup = shape[0] / group;
  return (index) => {
    const [inputChannel, within] = [Math.floor(index / (kernel * shape[1])), Math.floor(index / kernel) % shape[1]];
    return Math.floor(inputChannel / perGroup) * shape[1] + within;
  };
}
