// Brings a node of an older operator set to the form of opset 18: what used to be attributes became inputs.

import { SteadysegError } from '../base/errors.js';
import { lookUp } from '../base/lookUp.js';
import { float32, int64, type Tensor } from '../tensor/tensor.js';
import { type Attribute, type Attributes, int, type ModelNode, string } from './model.js';

/** The oldest operator set the engine runs: before it, operands broadcast by attributes. */
const oldestOpset = 7;

/** An upgraded node. Inputs are names, or constants that used to be attributes. */
export interface UpgradedNode extends Omit<ModelNode, 'inputs'> {
  readonly inputs: readonly (string | Tensor)[];
}

/** Operators whose attributes became inputs, with the opset that did it and the attributes in the inputs' order. */
const movedAttributes: Readonly<Record<string, readonly [opset: number, attributes: readonly string[]]>> = {
  Clip: [11, ['min', 'max']],
  Pad: [11, ['pads', 'value']],
  ReduceL1: [18, ['axes']],
  ReduceL2: [18, ['axes']],
  ReduceLogSum: [18, ['axes']],
  ReduceLogSumExp: [18, ['axes']],
  ReduceMax: [18, ['axes']],
  ReduceMean: [18, ['axes']],
  ReduceMin: [18, ['axes']],
  ReduceProd: [18, ['axes']],
  ReduceSum: [13, ['axes']],
  ReduceSumSquare: [18, ['axes']],
  Slice: [10, ['starts', 'ends', 'axes']],
  Split: [13, ['split']],
  Squeeze: [13, ['axes']],
  TopK: [10, ['k']],
  Unsqueeze: [13, ['axes']],
};

/** @throws SteadysegError when the opset is too old, or the operator changed its meaning since. */
export function upgradeNode(node: ModelNode, opset: number): UpgradedNode {
  if (opset < oldestOpset) {
    throw new SteadysegError(
      `expected opset ${oldestOpset} or newer, found ${opset}; export the model again with opset 18`,
    );
  }
  if (opset < 11 && (node.op === 'Resize' || node.op === 'Upsample')) return upgradeResize(node);
  if (node.op === 'Scatter') return { ...node, op: 'ScatterElements' };
  if (node.op === 'BatchNormalization' && opset < 9) return upgradeBatchNormalization(node);
  const moved = lookUp(movedAttributes, node.op);
  let { inputs, attributes }: { inputs: readonly (string | Tensor)[]; attributes: Attributes } = node;
  if (moved && opset < moved[0]) {
    const present = moved[1].some((name) => attributes[name]);
    if (present) inputs = [...inputs, ...moved[1].map((name) => attributeTensor(attributes[name]))];
    attributes = Object.fromEntries(Object.entries(attributes).filter(([name]) => !moved[1].includes(name)));
  }
  if (node.op === 'Split' && opset < 18 && inputs.length < 2) {
    attributes = { ...attributes, num_outputs: int(node.outputs.length) };
  }
  return { ...node, inputs, attributes };
}

function attributeTensor(attribute: Attribute | undefined): string | Tensor {
  if (attribute?.kind === 'ints') return int64([attribute.value.length], attribute.value);
  if (attribute?.kind === 'int') return int64([1], [attribute.value]);
  if (attribute?.kind === 'float') return float32([], [attribute.value]);
  if (attribute?.kind === 'floats') return float32([attribute.value.length], attribute.value);
  return '';
}

/** Before opset 9 an attribute said whether statistics are those of channels, as they have been since. */
function upgradeBatchNormalization(node: ModelNode): ModelNode {
  const { spatial, ...attributes } = node.attributes;
  return spatial?.kind === 'int' && spatial.value === 0 ? node : { ...node, attributes };
}

/** Before opset 11 sizes came as scales after the input (before 9, as an attribute), and positions mapped asymmetrically. */
function upgradeResize(node: ModelNode): UpgradedNode {
  const mode = node.attributes.mode?.kind === 'string' ? node.attributes.mode.value : 'nearest';
  return {
    ...node,
    op: 'Resize',
    inputs: [node.inputs[0], '', node.inputs[1] ?? attributeTensor(node.attributes.scales)],
    attributes: {
      mode: string(mode),
      coordinate_transformation_mode: string('asymmetric'),
      ...(mode === 'nearest' && { nearest_mode: string('floor') }),
    },
  };
}
