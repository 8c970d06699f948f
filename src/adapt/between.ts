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

/**
 * Weights changed by a part of the way in all: `w + clip(Δ, ±c·|w|)` with one c for all, so that the sum of absolute changes is
 * `reach` times what it was, or less where weights of 0 had part in it. Adam moves all weights by about as much, small ones far
 * beside their size; shortened so, a network gains more for what it forgets than where all take the same part of their way.
 */
export function inProportion(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  reach: number,
): Map<string, Tensor> {
  const most = mostChangeFor(original, trained, reach);
  return changed(original, trained, (value, target) => {
    const limit = most * Math.abs(value);
    return value + Math.min(limit, Math.max(-limit, target - value));
  });
}

const bisections = 40;

/** The change beside its size that no weight may pass, so that the sum of all changes is `reach` times what it was. */
function mostChangeFor(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  reach: number,
): number {
  const sumWithin = (most: number) => {
    let sum = 0;
    forEachChange(original, trained, (change, size) => {
      sum += Math.min(change, most * size);
    });
    return sum;
  };
  let [whole, furthest] = [0, 0];
  forEachChange(original, trained, (change, size) => {
    whole += change;
    if (size > 0) furthest = Math.max(furthest, change / size);
  });
  // Some weights are next to nothing: what they changed by beside their size says little of where to look.
  let [low, high] = [0, 1];
  while (high < furthest && sumWithin(high) < reach * whole) high *= 2;
  for (let k = 0; k < bisections; k++) {
    const middle = (low + high) / 2;
    if (sumWithin(middle) < reach * whole) low = middle;
    else high = middle;
  }
  return high;
}

function forEachChange(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  each: (change: number, size: number) => void,
): void {
  for (const [name, from] of original) {
    const to = trained.get(name);
    if (!to) continue;
    const [values, targets] = [from.data as Float32Array, to.data as Float32Array];
    for (let i = 0; i < values.length; i++) each(Math.abs(targets[i] - values[i]), Math.abs(values[i]));
  }
}

/** New weights by name; those without a trained one as they are. */
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
      const data = Float32Array.from(from.data as Float32Array, (value, i) => mixed(value, target[i]));
      return [name, tensor('float32', from.shape, data)];
    }),
  );
}
