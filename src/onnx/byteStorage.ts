// Models that store the weights of their convolutions as 8-bit integers and compute in float32: a quarter of the size, the same speed.
import { type Tensor, tensor } from '../tensor/tensor.js';
import { elementTypeCode } from './elementTypes.js';
import { int, type Model, type ModelNode } from './model.js';

const suffixes = { integers: '.int8', scale: '.scale', cast: '.float' } as const;
/** Symmetric: -127 to 127. */
const LARGEST = 127;
/** Smaller weights gain little. */
const SMALLEST_COUNT = 1024;

/**
 * The same model with its float32 convolution weights (four dimensions) stored as int8 with a scale for each output channel,
 * each followed by a `Cast` and a `Mul` that the engine computes once, at load. A weight moves by at most 1/254 of its
 * channel's largest. Matrices, such as those that resize, statistics, biases and what no node reads stay as they are.
 */
export function toByteStorage(model: Model): Model {
  const initializers = new Map<string, Tensor>();
  const added: ModelNode[] = [];
  const used = new Set(model.graph.nodes.flatMap((node) => node.inputs));
  for (const [name, value] of model.graph.initializers) {
    const quantized = used.has(name) ? quantize(value) : undefined;
    if (!quantized) {
      initializers.set(name, value);
      continue;
    }
    const [integers, scale, cast] = [name + suffixes.integers, name + suffixes.scale, name + suffixes.cast];
    initializers.set(integers, quantized.integers);
    initializers.set(scale, quantized.scale);
    const attributes = { to: int(elementTypeCode('float32')) };
    added.push(
      { op: 'Cast', domain: '', name: cast, inputs: [integers], outputs: [cast], attributes },
      { op: 'Mul', domain: '', name: `${name}.product`, inputs: [cast, scale], outputs: [name], attributes: {} },
    );
  }
  return { ...model, graph: { ...model.graph, initializers, nodes: [...added, ...model.graph.nodes] } };
}

function quantize({ dtype, shape, data }: Tensor): { integers: Tensor; scale: Tensor } | undefined {
  if (dtype !== 'float32' || shape.length !== 4 || data.length < SMALLEST_COUNT) return undefined;
  if (!(data instanceof Float32Array) || !data.every(Number.isFinite)) return undefined;
  const [channels, ...inner] = shape;
  const size = data.length / channels;
  const integers = new Int8Array(data.length);
  const scale = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const row = data.subarray(channel * size, (channel + 1) * size);
    const largest = row.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    scale[channel] = largest / LARGEST;
    if (scale[channel] > 0)
      integers.set(
        row.map((weight) => Math.round(weight / scale[channel])),
        channel * size,
      );
  }
  return {
    integers: tensor('int8', shape, integers),
    scale: tensor('float32', [channels, ...inner.map(() => 1)], scale),
  };
}

/** The same model with every weight that is only stored as int8 in float32 again, its `Cast` and `Mul` taken out. */
export function fromByteStorage(model: Model): Model {
  const initializers = new Map(model.graph.initializers);
  const removed = new Set<string>();
  for (const { op, inputs, outputs } of model.graph.nodes) {
    const [name] = outputs;
    if (op !== 'Mul' || inputs[0] !== name + suffixes.cast || inputs[1] !== name + suffixes.scale) continue;
    const integers = model.graph.initializers.get(name + suffixes.integers);
    const scale = model.graph.initializers.get(name + suffixes.scale);
    if (integers?.dtype !== 'int8' || scale?.dtype !== 'float32') continue;
    const size = integers.data.length / scale.data.length;
    const weights = Float32Array.from(integers.data as Int8Array, (weight, index) =>
      Math.fround(weight * Number(scale.data[Math.floor(index / size)])),
    );
    initializers.delete(name + suffixes.integers);
    initializers.delete(name + suffixes.scale);
    initializers.set(name, tensor('float32', integers.shape, weights));
    removed.add(name).add(name + suffixes.cast);
  }
  const nodes = model.graph.nodes.filter(({ outputs }) => !removed.has(outputs[0]));
  return { ...model, graph: { ...model.graph, initializers, nodes } };
}
