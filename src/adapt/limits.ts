// How far weights go from the original's towards the trained ones: less far where a network must not forget.
import { type Tensor, tensor } from '../tensor/tensor.js';

/**
 * Frames from which on the weights may go all of the way. On less video the network forgets what that does not show, which none of
 * its frames can tell: ESPNet on 30 frames of a drive, all of the way, lost 6 points of mIoU on the rest of it, two fifths none.
 */
export const muchVideo = 80;
/**
 * The part of much video that little counts as at least, and few large frames at most; frames larger than 360×480 show more and count
 * more, up to three times.
 */
const [leastVideo, mostOfLarge, mostCounted, usualPixels] = [0.4, 0.6, 3, 360 * 480];
/**
 * How far at most where the network is for use elsewhere, too: alone in proportion to its weights, further where it was held to other
 * video meanwhile. What is lost elsewhere grows with the square of the way, what is won here does not.
 */
const reachOfGeneral = { alone: 0.24, held: 0.47 } as const;

/** What decides how far weights go. */
export interface ReachOptions {
  readonly frames: number;
  /** Of a frame. */
  readonly pixels: number;
  /** Whether labels judge, which tell what little video does to a network there, not what is lost elsewhere. */
  readonly labelled: boolean;
  /** Whether it is for use elsewhere, too. */
  readonly general: boolean;
  /** Whether it was held to frames of elsewhere. */
  readonly held: boolean;
}

/** The part of the way that is taken at most. */
export function reachOf({ frames, pixels, labelled, general, held }: ReachOptions): number {
  const ofLarge = Math.min(mostOfLarge, (frames * Math.min(mostCounted, pixels / usualPixels)) / muchVideo);
  const video = Math.min(1, Math.max(leastVideo, ofLarge, frames / muchVideo));
  const here = labelled ? 1 : video;
  return general ? Math.min(here, reachOfGeneral[held ? 'held' : 'alone']) : here;
}

/** `(1 - α)·original + α·trained`. */
export function between(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  alpha: number,
): Map<string, Tensor> {
  return changed(original, trained, (value, target) => (1 - alpha) * value + alpha * target, alpha === 0);
}

/**
 * Weights that went a part of the way, as the sum of all their changes goes, none further than a part of its size that is one for all.
 * Adam moves all weights by about as much, small ones far beside their size; shortened so, a network gains more for what it forgets
 * than where all take the same part of their way.
 */
export function inProportion(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  reach: number,
): Map<string, Tensor> {
  if (reach >= 1) return new Map(trained);
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

/** New weights by name: those without a trained one, or where nothing changes, as they are. */
function changed(
  original: ReadonlyMap<string, Tensor>,
  trained: ReadonlyMap<string, Tensor>,
  mixed: (value: number, target: number) => number,
  isSame = false,
): Map<string, Tensor> {
  return new Map(
    [...original].map(([name, from]) => {
      const to = trained.get(name);
      if (!to || isSame) return [name, from];
      const target = to.data as Float32Array;
      const data = Float32Array.from(from.data as Float32Array, (value, i) => mixed(value, target[i]));
      return [name, tensor('float32', from.shape, data)];
    }),
  );
}
