// What a `Constant` node gives.
import { float32, int64, type Tensor } from '../tensor/tensor.js';
import type { ModelNode } from './model.js';

/** The tensor that a `Constant` node gives; undefined for other nodes, and for forms that are not read (strings, sparse). */
export function constantValue(node: ModelNode): Tensor | undefined {
  if (node.op !== 'Constant' || node.domain !== '') return undefined;
  const { value, value_float: single, value_int: whole, value_ints: list, value_floats: floats } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (single?.kind === 'float') return float32([], [single.value]);
  if (whole?.kind === 'int') return int64([], [whole.value]);
  if (list?.kind === 'ints') return int64([list.value.length], list.value);
  if (floats?.kind === 'floats') return float32([floats.value.length], floats.value);
  return undefined;
}
