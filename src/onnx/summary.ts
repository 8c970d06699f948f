// What is in a model file: inputs, outputs, operators, weights, and what a run costs.
import { messageOf, SteadysegError } from '../base/errors.js';
import { bytesPerElement, elementCount, type Shape } from '../tensor/tensor.js';
import { fromStorage } from './compactStorage.js';
import { type Cost, countCost } from './flops.js';
import { importModel } from './import.js';
import { type Dimension, feedInputs, type Model, type ValueInfo } from './model.js';
import { storedConstants } from './storedConstants.js';

/** An input or output of a model. */
export interface ValueSummary {
  readonly name: string;
  /** Element type, or `other` for what is no tensor. */
  readonly dtype: string;
  /** Null where the file leaves a dimension open or says nothing; a string is its symbolic name. */
  readonly shape: readonly Dimension[] | null;
}

/** What is in a model, and what a run costs. */
export interface ModelSummary {
  readonly producer: string;
  readonly irVersion: number;
  /** Version of each operator set by domain; ONNX's own is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly ValueSummary[];
  readonly outputs: readonly ValueSummary[];
  /** Nodes by operator, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
  readonly parameters: {
    /** Values of floating-point initializers and `Constant` nodes that are no scalars, as they compute: weights and statistics. */
    readonly count: number;
    readonly tensors: number;
    /** Bytes of all initializers, and of these constants, as they are stored, by element type. */
    readonly bytes: Readonly<Record<string, number>>;
  };
  /** What a run costs at the inputs' sizes; null, with the reason, where it cannot be told. */
  readonly cost: Cost | null;
  readonly costUnknown: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Summarises a model. `inputShapes` gives sizes to inputs that the file leaves open. */
export function summarizeModel(model: Model, inputShapes: Readonly<Record<string, Shape>> = {}): ModelSummary {
  const operators = new Map<string, number>();
  for (const { op, domain } of model.graph.nodes) {
    const name = domain === '' ? op : `${domain}.${op}`;
    operators.set(name, (operators.get(name) ?? 0) + 1);
  }
  let count = 0;
  let tensors = 0;
  const bytes: Record<string, number> = {};
  const constants = storedConstants(model).map(({ content }) => content);
  for (const { dtype, shape } of [...model.graph.initializers.values(), ...constants]) {
    bytes[dtype] = (bytes[dtype] ?? 0) + elementCount(shape) * bytesPerElement(dtype);
  }
  // Stored as int8, weights are no floats, but their scales are.
  for (const { dtype, shape } of [...fromStorage(model).graph.initializers.values(), ...constants]) {
    if (shape.length === 0 || !dtype.includes('float')) continue;
    count += elementCount(shape);
    tensors++;
  }
  return {
    producer: model.producer,
    irVersion: model.irVersion,
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    inputs: feedInputs(model.graph).map(summarizeValue),
    outputs: model.graph.outputs.map(summarizeValue),
    operators: Object.fromEntries([...operators].sort(([, a], [, b]) => b - a)),
    parameters: { count, tensors, bytes },
    ...costOf(model, inputShapes),
    metadata: Object.fromEntries(model.metadata),
  };
}

function summarizeValue({ name, type }: ValueInfo): ValueSummary {
  return { name, dtype: type?.dtype ?? 'other', shape: type?.shape ?? null };
}

function costOf(
  model: Model,
  inputShapes: Readonly<Record<string, Shape>>,
): { cost: Cost | null; costUnknown: string | null } {
  try {
    const { outputs } = importModel(model, { inputShapes });
    return { cost: countCost(Object.values(outputs)), costUnknown: null };
  } catch (thrown) {
    if (!(thrown instanceof SteadysegError)) throw thrown;
    return { cost: null, costUnknown: messageOf(thrown) };
  }
}

/**
 * Shapes for the image inputs (N×C×H×W, or N×H×W×3) of a model at a size: open dimensions are filled, a batch with 1.
 * @throws SteadysegError when the model fixes another size, or has no image input.
 */
export function imageShapes(
  model: Model,
  { height, width }: { height: number; width: number },
  source: string,
): Record<string, Shape> {
  const shapes: Record<string, Shape> = Object.create(null);
  for (const { name, type } of feedInputs(model.graph)) {
    if (type?.shape?.length !== 4) continue;
    const last = type.shape[3] === 3 && type.shape[1] !== 3;
    const wanted = last ? [1, height, width, 3] : [1, 3, height, width];
    const shape = type.shape.map((dimension, axis) => (typeof dimension === 'number' ? dimension : wanted[axis]));
    const [tall, wide] = last ? shape.slice(1) : shape.slice(2);
    if (tall !== height || wide !== width) {
      throw new SteadysegError(
        `${source}: its input ${name} has the fixed size ${tall}x${wide}, not ${height}x${width}`,
      );
    }
    shapes[name] = shape;
  }
  if (Object.keys(shapes).length === 0) {
    throw new SteadysegError(`${source}: expected an image input of four dimensions, found none`);
  }
  return shapes;
}
