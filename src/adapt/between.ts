// Weights between the original's and the trained ones.
import { type Tensor, tensor } from '../tensor/tensor.js';

/** `(1 - α)·original + α·trained`. */
export function between(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  alpha: number,
): Map<string, Tensor> {
  if (alpha === 0) return new Map(original);
  return changed(original, trained, (value, target) => (1 - alpha) * value + alpha * target);
}

/** A weight goes at most this many times as far as it was trained to. */
const furthest = 2;

/**
 * Weights changed by a part of the way in all, large ones further: `w + min(c·√|w|, 2)·Δ` with one c for all, so that the sum of
 * absolute changes is `reach` times what it was, or less where some would pass twice their way. Adam moves all weights by about as
 * much, small ones far beside their size; shared out so, a network gains more for what it forgets than where all take the same part.
 */
export function bySize(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  reach: number,
): Map<string, Tensor> {
  let [whole, shared] = [0, 0];
  for (const [name, from] of original) {
    const target = trained.get(name)?.data as Float32Array | undefined;
    if (!target) continue;
    (from.data as Float32Array).forEach((value, i) => {
      if (target[i] === value) return;
      const change = Math.abs(target[i] - value);
      whole += change;
      shared += change * Math.sqrt(Math.abs(value));
    });
  }
  const factor = shared > 0 ? (reach * whole) / shared : 0;
  return changed(original, trained, (value, target) => {
    return value + Math.min(factor * Math.sqrt(Math.abs(value)), furthest) * (target - value);
  });
}

/** New weights by name; what was not trained, or did not change, as it is: a mask may hold infinities, of which no part can be taken. */
function changed(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  mixed: (value: number, target: number) => number,
): Map<string, Tensor> {
  return new Map(
    [...original].map(([name, from]) => {
      const to = trained.get(name);
      if (!to) return [name, from];
      const target = to.data as Float32Array;
      const data = Float32Array.from(from.data as Float32Array, (value, i) =>
        target[i] === value ? value : mixed(value, target[i]),
      );
      return [name, tensor('float32', from.shape, data)];
    }),
  );
}
