// Models that store their large weights as float16 and compute in float32: half the size, the same speed.
import { float16ToFloat32, float32ToFloat16 } from '../tensor/half.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { elementTypeCode } from './elementTypes.js';
import { int, type Model, type ModelNode } from './model.js';

const suffix = '.half';

/**
 * The same model with its float32 weights of two or more dimensions stored as float16, each followed by a `Cast` that
 * the engine computes once, at load. Statistics and biases stay as they are, since small variances vanish in float16;
 * so do weights with values beyond float16's range.
 */
export function toHalfStorage(model: Model): Model {
  const initializers = new Map<string, Tensor>();
  const casts: ModelNode[] = [];
  const used = new Set(model.graph.nodes.flatMap((node) => node.inputs));
  for (const [name, value] of model.graph.initializers) {
    const halved = halve(value);
    if (!halved) {
      initializers.set(name, value);
      continue;
    }
    // What no node reads (an auxiliary head kept for training) needs no cast.
    const stored = used.has(name) ? `${name}${suffix}` : name;
    initializers.set(stored, halved);
    if (stored !== name) casts.push(castNode(stored, name));
  }
  return { ...model, graph: { ...model.graph, initializers, nodes: [...casts, ...model.graph.nodes] } };
}

/** A float32 tensor of two or more dimensions as float16; undefined for others, and where a value would overflow. */
export function halve(value: Tensor): Tensor<'float16'> | undefined {
  const { dtype, shape, data } = value;
  if (dtype !== 'float32' || shape.length < 2 || !(data instanceof Float32Array)) return undefined;
  // 65504 is float16's largest number; NaN fails the comparison too.
  if (!data.every((element) => Math.abs(element) <= 65504)) return undefined;
  return tensor('float16', shape, float32ToFloat16(data));
}

function castNode(from: string, to: string): ModelNode {
  const attributes = { to: int(elementTypeCode('float32')) };
  return { op: 'Cast', domain: '', name: `${to}.cast`, inputs: [from], outputs: [to], attributes };
}

/** The same model with every float16 weight that is only stored so widened to float32, its `Cast` taken out. */
export function fromHalfStorage(model: Model): Model {
  const initializers = new Map(model.graph.initializers);
  const nodes = model.graph.nodes.filter((node) => {
    const [from] = node.inputs;
    const stored = model.graph.initializers.get(from);
    const [to] = node.outputs;
    if (node.op !== 'Cast' || !stored || !from.endsWith(suffix) || to !== from.slice(0, -suffix.length)) return true;
    const widened = widen(stored);
    if (!widened) return true;
    initializers.delete(from);
    initializers.set(to, widened);
    return false;
  });
  const used = new Set(nodes.flatMap((node) => node.inputs));
  for (const [name, value] of initializers) {
    const widened = used.has(name) ? undefined : widen(value);
    if (widened) initializers.set(name, widened);
  }
  return { ...model, graph: { ...model.graph, initializers, nodes } };
}

function widen({ dtype, shape, data }: Tensor): Tensor<'float32'> | undefined {
  if (dtype !== 'float16' || !(data instanceof Uint16Array)) return undefined;
  return tensor('float32', shape, float16ToFloat32(data));
}
