// Networks that normalise their pixels themselves: what the first nodes do to an input, and which pixels that is made for.
import { constantValue } from '../onnx/constantValue.js';
import { createEditor } from '../onnx/editor.js';
import type { Model, ModelNode } from '../onnx/model.js';
import type { Tensor } from '../tensor/tensor.js';

/** Pixels that a network normalises by itself. */
export interface OwnNormalisation {
  /** The largest value of a pixel: 255 or 1. */
  readonly white: 255 | 1;
  /** The operators that do it. */
  readonly operators: readonly string[];
}

/** Nodes that are followed; a normalisation has fewer. */
const MAX_STEPS = 16;
/** Operators that leave values what they are. */
const passing = new Set(['Identity', 'Cast', 'Transpose', 'Pad', 'Unsqueeze', 'Reshape']);
/** Pixels 0..255 are multiplied by less than this, pixels 0..1 by more than the other; by about 1, a mean tells bytes. */
const [BYTE_FACTOR, UNIT_FACTOR] = [0.1, 1.5];
/** Only of pixels 0..255 a mean is larger. */
const LARGE_MEAN = 20;

/** What becomes of a pixel: `factor · pixel + offset`, one number for all channels or one each. */
interface Change {
  readonly factor: readonly number[];
  readonly offset: readonly number[];
}

/**
 * Follows an input to its first convolution. Undefined where nothing is subtracted, divided or scaled on the way, or where
 * what is done tells no range of pixels: pixels that are normalised already are only shifted a little.
 */
export function ownNormalisation(model: Model, input: string): OwnNormalisation | undefined {
  const graph = createEditor(model);
  const constantOf = (name: string): Tensor | undefined => {
    const node = graph.producer(name);
    return node ? constantValue(node) : graph.initializers.get(name);
  };
  const operators: string[] = [];
  let whole: Change = { factor: [1], offset: [0] };
  for (let [name, steps] = [input, 0]; steps < MAX_STEPS; steps++) {
    const readers = graph.readers(name).filter(({ op }) => op !== 'Shape');
    const [reader] = readers;
    if (readers.length !== 1 || reader.domain !== '') break;
    if (!passing.has(reader.op)) {
      const change = changeOf(reader, name, constantOf);
      if (!change) break;
      operators.push(reader.op);
      whole = {
        factor: zip(whole.factor, change.factor, (a, b) => a * b),
        offset: zip(
          zip(whole.offset, change.factor, (a, b) => a * b),
          change.offset,
          (a, b) => a + b,
        ),
      };
    }
    name = reader.outputs[0];
  }
  const white = whiteOf(whole, operators);
  return white && { white, operators };
}

function whiteOf({ factor, offset }: Change, operators: readonly string[]): 255 | 1 | undefined {
  // What is added, as opposed to taken away, undoes a normalisation.
  if (offset.some((value) => value > 0)) return undefined;
  const largest = Math.max(...factor.map(Math.abs));
  const mean = -Math.min(...offset);
  if (largest < BYTE_FACTOR || (largest < UNIT_FACTOR && mean > LARGE_MEAN)) return 255;
  return largest < UNIT_FACTOR || operators.every((op) => op === 'BatchNormalization') ? undefined : 1;
}

function changeOf(
  { op, inputs, attributes }: ModelNode,
  name: string,
  constantOf: (name: string) => Tensor | undefined,
): Change | undefined {
  const numbersOf = (at: number): number[] | undefined => {
    const value = constantOf(inputs[at]);
    const isFloat = value?.dtype === 'float32' || value?.dtype === 'float64';
    return isFloat && (value.data.length === 1 || value.data.length === 3) ? Array.from(value.data, Number) : undefined;
  };
  if (op === 'BatchNormalization') {
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map(numbersOf);
    if (!scale || !bias || !mean || !variance) return undefined;
    const epsilon = attributes.epsilon?.kind === 'float' ? attributes.epsilon.value : 1e-5;
    const factor = zip(scale, variance, (a, v) => a / Math.sqrt(v + epsilon));
    return {
      factor,
      offset: zip(
        bias,
        zip(mean, factor, (m, f) => m * f),
        (b, m) => b - m,
      ),
    };
  }
  const other = numbersOf(inputs[0] === name ? 1 : 0);
  if (!other) return undefined;
  if (op === 'Mul') return { factor: other, offset: [0] };
  if (op === 'Add') return { factor: [1], offset: other };
  if (inputs[0] !== name) return undefined;
  if (op === 'Sub') return { factor: [1], offset: other.map((value) => -value) };
  if (op === 'Div') return { factor: other.map((value) => 1 / value), offset: [0] };
  return undefined;
}

/** Combines lists of one number for all, or one each. */
function zip(a: readonly number[], b: readonly number[], combine: (a: number, b: number) => number): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, k) => combine(a[k % a.length], b[k % b.length]));
}
