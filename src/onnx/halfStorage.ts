// Models that store their large weights as float16 and compute in float32: half the size, the same speed.
import { float16ToFloat32, float32ToFloat16 } from '../tensor/half.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { castToFloat32, isCastToFloat32 } from './casts.js';
import { createEditor } from './editor.js';
import type { Model, ModelNode } from './model.js';

/**
 * The same model with its float32 weights of two or more dimensions stored as float16, each followed by a `Cast` that
 * the engine computes once, at load. Statistics and biases stay as they are, since small variances vanish in float16;
 * so do weights with values beyond float16's range.
 */
export function toHalfStorage(model: Model): Model {
  const editor = createEditor(model);
  const casts: ModelNode[] = [];
  for (const [name, value] of model.graph.initializers) {
    const halved = halve(value);
    if (!halved) continue;
    // What nobody reads (an auxiliary head kept for training) needs no cast.
    if (!editor.isRead(name)) {
      editor.setInitializer(name, halved);
      continue;
    }
    const stored = editor.freshName(`${name}.half`);
    editor.removeInitializer(name);
    editor.setInitializer(stored, halved);
    casts.push(castToFloat32(stored, name));
  }
  editor.insert(casts);
  return editor.finish();
}

/** A float32 tensor of two or more dimensions as float16; undefined for others, and where a value would overflow. */
export function halve(value: Tensor): Tensor<'float16'> | undefined {
  const { dtype, shape, data } = value;
  if (dtype !== 'float32' || shape.length < 2 || !(data instanceof Float32Array)) return undefined;
  // 65504 is float16's largest number; NaN fails the comparison too.
  if (!data.every((element) => Math.abs(element) <= 65504)) return undefined;
  return tensor('float16', shape, float32ToFloat16(data));
}

/** The same model with every float16 weight that is only stored so widened to float32, its `Cast` taken out. */
export function fromHalfStorage(model: Model): Model {
  const editor = createEditor(model);
  for (const [stored, value] of model.graph.initializers) {
    const widened = widen(value);
    if (!widened) continue;
    if (!editor.isRead(stored)) {
      editor.setInitializer(stored, widened);
      continue;
    }
    for (const cast of editor.readers(stored).filter(isCastToFloat32)) {
      editor.remove(cast);
      editor.setInitializer(cast.outputs[0], widened);
    }
    if (!editor.isRead(stored)) editor.removeInitializer(stored);
  }
  return editor.finish();
}

function widen({ dtype, shape, data }: Tensor): Tensor<'float32'> | undefined {
  if (dtype !== 'float16' || !(data instanceof Uint16Array)) return undefined;
  return tensor('float32', shape, float16ToFloat32(data));
}
