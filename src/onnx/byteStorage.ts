// Models that store the weights of their convolutions as 8-bit integers and compute in float32: a quarter of the size, the same speed.
import { sameShape, type Tensor, tensor } from '../tensor/tensor.js';
import { castToFloat32, isCastToFloat32 } from './casts.js';
import { createEditor } from './editor.js';
import type { Model, ModelNode } from './model.js';

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
  const editor = createEditor(model);
  const added: ModelNode[] = [];
  for (const [name, value] of model.graph.initializers) {
    const quantized = editor.isRead(name) ? quantize(value) : undefined;
    if (!quantized) continue;
    const [integers, scale, cast] = ['int8', 'scale', 'float'].map((kind) => editor.freshName(`${name}.${kind}`));
    editor.removeInitializer(name);
    editor.setInitializer(integers, quantized.integers);
    editor.setInitializer(scale, quantized.scale);
    added.push(castToFloat32(integers, cast), {
      op: 'Mul',
      domain: '',
      name: `${name}.product`,
      inputs: [cast, scale],
      outputs: [name],
      attributes: {},
    });
  }
  editor.insert(added);
  return editor.finish();
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
  const editor = createEditor(model);
  for (const product of model.graph.nodes) {
    const [castValue, scaleName] = product.inputs;
    const cast = editor.producer(castValue);
    if (product.op !== 'Mul' || !cast || !isCastToFloat32(cast)) continue;
    const integers = editor.initializers.get(cast.inputs[0]);
    const scale = editor.initializers.get(scaleName);
    const weights = integers && scale && dequantize(integers, scale);
    if (!weights) continue;
    editor.remove(product);
    editor.setInitializer(product.outputs[0], weights);
    if (!editor.isRead(castValue)) editor.remove(cast);
    for (const stored of [cast.inputs[0], scaleName]) if (!editor.isRead(stored)) editor.removeInitializer(stored);
  }
  return editor.finish();
}

/** The product of int8 integers and a float32 scale for each of their first dimension; undefined for other tensors. */
function dequantize(integers: Tensor, scale: Tensor): Tensor | undefined {
  const [channels, ...inner] = integers.shape;
  if (!(integers.data instanceof Int8Array) || !(scale.data instanceof Float32Array)) return undefined;
  if (!sameShape(scale.shape, [channels, ...inner.map(() => 1)])) return undefined;
  const factors = scale.data;
  const size = integers.data.length / channels;
  const weights = Float32Array.from(integers.data, (weight, index) =>
    Math.fround(weight * factors[Math.floor(index / size)]),
  );
  return tensor('float32', integers.shape, weights);
}
