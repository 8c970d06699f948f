// Finds tensors that a file holds twice: exporters that fold constants write one for every use of a reshaped or transposed weight.
import { elementCount, type Tensor } from '../tensor/tensor.js';

/** Fewer values than this may be alike by chance, as may values that are all the same. */
const smallestCopy = 16;

/**
 * Tensors that hold the very values of an earlier one, in the same order, in whatever shape of two dimensions or more: biases
 * that are added to one sum get the same gradients, and are alike in many a network without being one.
 * @returns by name the first that holds them.
 */
export function copiesAmong(tensors: Iterable<readonly [name: string, tensor: Tensor]>): Map<string, string> {
  const copies = new Map<string, string>();
  const bySize = new Map<string, [name: string, tensor: Tensor][]>();
  for (const [name, tensor] of tensors) {
    const count = elementCount(tensor.shape);
    if (tensor.shape.length < 2 || count < smallestCopy || isFilled(tensor)) continue;
    const key = `${tensor.dtype} ${count}`;
    const alike = bySize.get(key) ?? [];
    bySize.set(key, alike);
    const original = alike.find(([, other]) => sameValues(other, tensor));
    if (original) copies.set(name, original[0]);
    else alike.push([name, tensor]);
  }
  return copies;
}

function isFilled({ data }: Tensor): boolean {
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return false;
  return true;
}

function sameValues({ data: a }: Tensor, { data: b }: Tensor): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
