// Cuts off the enlargement that many networks end with: scores.ts does it together with its own, and a frame's scores stay small.
import { SteadysegError } from '../base/errors.js';
import { createEditor } from '../onnx/editor.js';
import type { Node, Value } from '../onnx/graph.js';
import { importModel } from '../onnx/import.js';
import { sliceRanges } from '../onnx/inference/movement.js';
import type { Model } from '../onnx/model.js';
import { writeModel } from '../onnx/write.js';
import type { Shape } from '../tensor/tensor.js';
import type { Enlargement } from './scores.js';

/** A network up to its last enlargement. */
export interface CutNetwork {
  /** The .onnx file's bytes. */
  readonly content: Uint8Array;
  /** Its only output: at least `classes` maps, of which the first are the scores to enlarge. */
  readonly output: string;
  readonly classes: number;
  readonly enlargement: Enlargement;
}

const MAX_COPIED_BYTES = 1 << 27;

/** Whether a network may be run as a changed copy: a larger one would be in memory once more for each session. */
export function mayBeCopied({ graph }: Model): boolean {
  return [...graph.initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0) <= MAX_COPIED_BYTES;
}

const coordinateModes: Readonly<Record<string, Enlargement['coordinates']>> = {
  align_corners: 'align_corners',
  half_pixel: 'half_pixel',
  // They differ only for an enlargement to one pixel.
  pytorch_half_pixel: 'half_pixel',
};

/**
 * The network without the bilinear enlargement of its scores (and a choice of the first classes after that), or undefined
 * when `output` is computed in another way.
 *
 * @param inputShape the size the network is run at.
 */
export function cutFinalResize(model: Model, input: string, inputShape: Shape, output: string): CutNetwork | undefined {
  if (!mayBeCopied(model)) return undefined;
  let scores: Value;
  try {
    scores = importModel(model, { inputShapes: { [input]: inputShape } }).outputs[output];
  } catch (thrown) {
    // Not everything the engine runs is understood here.
    if (thrown instanceof SteadysegError) return undefined;
    throw thrown;
  }
  const large = firstChannelsOf(scores);
  const resize = large.producer;
  const small = resize && enlargedBy(resize);
  const mode = resize?.attributes.coordinate_transformation_mode;
  const coordinates = coordinateModes[mode?.kind === 'string' ? mode.value : 'half_pixel'];
  const editor = createEditor(model);
  if (!small || !editor.producer(small.name) || !coordinates) return undefined;
  editor.keepOutputs([small.name]);
  const [, classes, height, width] = scores.shape;
  return {
    content: writeModel(editor.finish()),
    output: small.name,
    classes,
    enlargement: { height, width, coordinates },
  };
}

/** What a choice of the first channels chooses from; any other value itself. */
function firstChannelsOf(value: Value): Value {
  const { producer } = value;
  if (producer?.op !== 'Slice' || !producer.inputs[0]) return value;
  const { op, inputs, attributes } = producer;
  const ranges = sliceRanges({ op, inputs, attributes, outputCount: 1 });
  const whole = ranges.every(
    ({ start, step, size }, axis) =>
      start === 0 && step === 1 && (axis === 1 || size === producer.inputs[0]?.shape[axis]),
  );
  return whole ? producer.inputs[0] : value;
}

/** What a node enlarges bilinearly, in height and width only and not by scales of its own; undefined for any other node. */
function enlargedBy({ op, inputs, outputs, attributes }: Node): Value | undefined {
  const [small, , scales] = inputs;
  const { mode, antialias } = attributes;
  const linear = op === 'Resize' && mode?.kind === 'string' && mode.value === 'linear';
  if (!linear || !small || small.dtype !== 'float32' || small.shape.length !== 4) return undefined;
  if (antialias?.kind === 'int' && antialias.value !== 0) return undefined;
  const from = small.shape;
  const to = outputs[0].shape;
  const enlarges = from[0] === to[0] && from[1] === to[1] && from[2] <= to[2] && from[3] <= to[3];
  // Given scales may differ a little from the quotient of the sizes, which is what the coordinates follow here.
  const given = scales && scales.shape[0] > 0 ? Array.from(scales.constant?.data ?? [], Number) : undefined;
  const exact = !given || (given.length === 4 && given.every((scale, axis) => scale * from[axis] === to[axis]));
  return enlarges && exact ? small : undefined;
}
