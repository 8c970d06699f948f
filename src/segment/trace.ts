// What a network's outputs mean and how its input is laid out, as the nodes next to them tell: no node is run.
import { constantValue } from '../onnx/constantValue.js';
import { createEditor, type ModelEditor } from '../onnx/editor.js';
import type { Model, ModelNode } from '../onnx/model.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * What the values of an output are: scores before a softmax over the classes, probabilities of classes that exclude each
 * other, probabilities of classes that stand each alone, or the labels themselves.
 */
export const scoreKinds = ['logits', 'softmax', 'sigmoid', 'labels'] as const;
/** One of `scoreKinds`. */
export type ScoreKind = (typeof scoreKinds)[number];

/** Where the channels of a picture or of scores are: `nchw` are planes, `nhwc` has the channels of a pixel side by side. */
export type Layout = 'nchw' | 'nhwc';

/** What the nodes before an output tell of it. */
export interface TracedOutput {
  /** Undefined where the nodes do not tell. */
  readonly kind: ScoreKind | undefined;
  readonly layout: Layout | undefined;
  /** The number of classes that the last convolution gives. */
  readonly classes: number | undefined;
  /** Probabilities are multiplied by this: 255 in mattes that are made for pictures. */
  readonly scale: number;
  /** The operator that changes labels after the choice of the class. */
  readonly altered?: string | undefined;
}

/** A value this many nodes away from the output does not tell what it means. */
const MAX_STEPS = 64;
/** Branches of sums and concatenations that are followed. */
const MAX_BRANCHES = 64;

const nothing: TracedOutput = { kind: undefined, layout: undefined, classes: undefined, scale: 1 };

/** Operators that pass values on: other places, sizes or element types. */
const passing = new Set(
  'Identity Dropout Cast CastLike Transpose Reshape Squeeze Unsqueeze Flatten Expand Slice Gather Pad Resize Upsample DepthToSpace Split QuantizeLinear DequantizeLinear'.split(
    ' ',
  ),
);
/** Of those, the ones that leave every axis where it is. */
const keepsAxes = new Set(
  'Identity Dropout Cast CastLike Slice Pad Resize Upsample QuantizeLinear DequantizeLinear'.split(' '),
);
/** Operators whose results are scores, whatever goes in. */
const scoring = new Set(
  'Conv ConvTranspose ConvInteger QLinearConv Gemm MatMul QLinearMatMul Einsum BatchNormalization InstanceNormalization GroupNormalization LayerNormalization LogSoftmax Relu LeakyRelu PRelu Elu Selu Gelu HardSwish Softplus Softsign Tanh'.split(
    ' ',
  ),
);
/** Of those, the ones whose channels are axis 1. */
const planar = new Set(
  'Conv ConvTranspose ConvInteger QLinearConv BatchNormalization InstanceNormalization'.split(' '),
);
/** Operators whose results are class numbers, or yes and no. */
const labelling = new Set('ArgMax ArgMin Greater GreaterOrEqual Less LessOrEqual Equal Not And Or'.split(' '));
/** Operators that make whole numbers: of probabilities yes and no, of such that are multiplied nothing else than before. */
const rounding = new Set('Round Floor Ceil'.split(' '));
/** Operators that mix several values element by element, or put them side by side. */
const mixing = new Set('Add Sub Mul Div Sum Mean Max Min Concat'.split(' '));
/** Of those, the ones that leave probabilities what they are. */
const gathering = new Set(['Max', 'Min', 'Concat']);

/** Follows an output back to what decides its meaning. */
export function traceOutput(model: Model, output: string): TracedOutput {
  const graph = createEditor(model);
  const opset = model.opsets.get('') ?? 1;
  let branches = 0;
  return trace(output, [0, 1, 2, 3], 0);

  /** @param axes which axis of the value `name` each axis of the output is; undefined where that was lost. */
  function trace(name: string, axes: readonly number[] | undefined, steps: number): TracedOutput {
    const node = graph.producer(name);
    if (!node || steps > MAX_STEPS || node.domain !== '') return nothing;
    const { op, inputs } = node;
    if (passing.has(op)) return trace(inputs[0], movedAxes(node, axes), steps + 1);
    if (scoring.has(op)) {
      if (!planar.has(op)) return { ...trace(inputs[0], axes, steps + 1), kind: 'logits', scale: 1 };
      return { ...nothing, kind: 'logits', layout: layoutOf(axes, 1), classes: channelsOf(node, graph) };
    }
    if (op === 'Sigmoid' || op === 'HardSigmoid') {
      return { ...trace(inputs[0], axes, steps + 1), kind: 'sigmoid', scale: 1 };
    }
    if (op === 'Softmax') {
      const axis = attributeInt(node, 'axis', opset >= 13 ? -1 : 1);
      const along = axis < 0 ? axis + 4 : axis;
      // Before opset 13 all axes from this one on were one: only the last is that of the classes alone.
      const perPixel = opset >= 13 || along === 3;
      const before = trace(inputs[0], axes, steps + 1);
      return {
        ...before,
        kind: perPixel ? 'softmax' : undefined,
        layout: before.layout ?? layoutOf(axes, along),
        scale: 1,
      };
    }
    if (labelling.has(op)) {
      const classes = op === 'ArgMax' || op === 'ArgMin' ? trace(inputs[0], undefined, steps + 1).classes : 2;
      return { ...nothing, kind: 'labels', classes };
    }
    if (op === 'TopK') return { ...nothing, kind: node.outputs[1] === name ? 'labels' : undefined };
    if (op === 'Clip') {
      const before = trace(inputs[0], axes, steps + 1);
      return isProbability(before) || before.kind === 'labels' ? before : { ...before, kind: undefined };
    }
    if (rounding.has(op)) {
      const before = trace(inputs[0], axes, steps + 1);
      if (before.scale !== 1) return before;
      return op === 'Round' ? { ...nothing, kind: 'labels', classes: 2 } : nothing;
    }
    if (mixing.has(op)) {
      const parts = inputs.filter((part) => part !== '' && !constantOf(graph, part));
      branches += Math.max(0, parts.length - 1);
      if (parts.length === 0 || branches > MAX_BRANCHES) return nothing;
      const traced = parts.map((part) => trace(part, axes, steps + 1));
      const { kind } = traced[0];
      const factor = factorOf(node, graph);
      if (factor !== undefined && isProbability(traced[0])) return { ...traced[0], scale: traced[0].scale * factor };
      // Labels that are counted from 1, or spread over grey values: whatever they are, they stay labels.
      if (parts.length === 1 && inputs.length === 2 && kind === 'labels') return { ...nothing, kind, altered: op };
      const keeps = kind === 'logits' || (gathering.has(op) && kind === 'sigmoid' && parts.length === inputs.length);
      const same = keeps && traced.every((part) => part.kind === kind);
      const classes = op === 'Concat' ? undefined : traced[0].classes;
      return { ...nothing, kind: same ? kind : undefined, layout: traced[0].layout, classes };
    }
    return nothing;
  }
}

function isProbability({ kind }: TracedOutput): boolean {
  return kind === 'sigmoid' || kind === 'softmax';
}

/** The one number above 0 that a node multiplies its other input by. */
function factorOf({ op, inputs }: ModelNode, graph: ModelEditor): number | undefined {
  if (op !== 'Mul' && op !== 'Div') return undefined;
  const [first, second] = inputs.map((part) => constantOf(graph, part));
  const given = op === 'Mul' ? (second ?? first) : second;
  const value = given?.data.length === 1 && given.dtype === 'float32' ? Number(given.data[0]) : Number.NaN;
  if (!(value > 0 && Number.isFinite(value))) return undefined;
  return op === 'Mul' ? value : 1 / value;
}

/** Where the axes of a node's result come from. */
function movedAxes(node: ModelNode, axes: readonly number[] | undefined): readonly number[] | undefined {
  if (!axes || keepsAxes.has(node.op)) return axes;
  const { perm } = node.attributes;
  if (node.op !== 'Transpose' || perm?.kind !== 'ints' || perm.value.length !== 4) return undefined;
  return axes.map((axis) => perm.value[axis]);
}

function layoutOf(axes: readonly number[] | undefined, channels: number): Layout | undefined {
  const at = axes?.indexOf(channels);
  return at === 1 ? 'nchw' : at === 3 ? 'nhwc' : undefined;
}

function channelsOf(node: ModelNode, graph: ModelEditor): number | undefined {
  const [, weight] = node.inputs;
  const restored = graph.producer(weight);
  const shape = constantOf(graph, restored?.op === 'DequantizeLinear' ? restored.inputs[0] : weight)?.shape;
  if (node.op === 'Conv' || node.op.endsWith('Normalization')) return shape?.[0];
  if (node.op === 'ConvTranspose') return shape && shape[1] * attributeInt(node, 'group', 1);
  return undefined;
}

/** The content of an initializer or of a `Constant` node; undefined for what is computed. */
function constantOf(graph: ModelEditor, name: string): Tensor | undefined {
  const node = graph.producer(name);
  return node ? constantValue(node) : graph.initializers.get(name);
}

function attributeInt(node: ModelNode, name: string, otherwise: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? attribute.value : otherwise;
}

/** Operators between an input and the first convolution that leave its axes where they are. */
const preparing = new Set('Identity Cast Sub Add Mul Div Pad Clip QuantizeLinear DequantizeLinear'.split(' '));

/** The layout of an image input as the first node tells that minds: a convolution, or a transposition before it. */
export function traceInput(model: Model, input: string): Layout | undefined {
  const graph = createEditor(model);
  let name = input;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const [reader] = graph.readers(name);
    if (reader?.domain !== '') return undefined;
    if (reader.op === 'Conv' || reader.op === 'QLinearConv') return 'nchw';
    if (reader.op === 'Transpose') {
      const { perm } = reader.attributes;
      return perm?.kind === 'ints' && perm.value.join() === '0,3,1,2' ? 'nhwc' : undefined;
    }
    if (!preparing.has(reader.op)) return undefined;
    name = reader.outputs[0];
  }
  return undefined;
}
