// Weights that vanished: weight decay leaves those of dead channels so small that processors compute with them many times slower.
import { type Tensor, tensor } from '../tensor/tensor.js';
import type { Model } from './model.js';

/**
 * A weight below it is taken as 0. Times what networks compute it is lost in the rounding of what it is added to; below 2⁻¹²⁶ float32
 * is slow, in products of weights and values, too.
 */
const smallestWeight = 2 ** -100;

/** The tensor with what vanished as 0; the same one where nothing did. */
export function withoutVanished<T extends Tensor>(weight: T): T {
  const { dtype, data, shape } = weight;
  const vanished = (value: number) => value !== 0 && Math.abs(value) < smallestWeight;
  if (dtype !== 'float32' || !(data as Float32Array).some(vanished)) return weight;
  const kept = (data as Float32Array).map((value) => (vanished(value) ? 0 : value));
  return tensor('float32', shape, kept) as Tensor as T;
}

/** Inputs that only multiply, or are added to products. */
const layerInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]],
  ['ConvTranspose', [1, 2]],
  ['Gemm', [0, 1, 2]],
  ['MatMul', [0, 1]],
  ['BatchNormalization', [1, 2]],
  ['PRelu', [1]],
]);

/**
 * The model with vanished weights as 0, for running it: those of layers that use them for nothing else, since a number as small
 * may keep a divisor from 0. The same model where nothing vanished, or where parts inside nodes could use them, too.
 */
export function withoutVanishedWeights(model: Model): Model {
  const { graph } = model;
  if (graph.nodes.some(({ attributes }) => Object.values(attributes).some(({ kind }) => kind === 'opaque')))
    return model;
  const replaced = new Map<string, Tensor>();
  for (const [name, weight] of graph.initializers) {
    const kept = withoutVanished(weight);
    if (kept !== weight) replaced.set(name, kept);
  }
  for (const { op, domain, inputs } of graph.nodes) {
    const weights = domain === '' ? (layerInputs.get(op) ?? []) : [];
    inputs.forEach((name, index) => {
      if (!weights.includes(index)) replaced.delete(name);
    });
  }
  for (const { name } of graph.outputs) replaced.delete(name);
  if (replaced.size === 0) return model;
  return { ...model, graph: { ...graph, initializers: new Map([...graph.initializers, ...replaced]) } };
}
