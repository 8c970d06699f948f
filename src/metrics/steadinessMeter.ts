// Steadiness as a clip runs: figures after every pair of frames, and where the labels flicker.
import type { Flicker } from '../media/flicker.js';
import type { LabelMap, OpticalFlow } from '../media/image.js';
import { addSteadiness, noSteadiness, type Steadiness, steadiness, steadinessOf } from './steadiness.js';
import { temporalConsistencyCounts } from './temporalConsistency.js';
import { warpLabels } from './warp.js';

/** Takes pairs of neighbouring frames of one size. */
export interface SteadinessMeter {
  /**
   * Adds a pair: labels at t and t+1, flow from t to t+1 and back, in pixels, as `steadinessCounts` takes them.
   * @throws SteadysegError when sizes differ.
   */
  add(before: LabelMap, after: LabelMap, forward: OpticalFlow, backward: OpticalFlow): void;
  /** The figures of all pairs so far; undefined before the first. */
  figures(): Steadiness | undefined;
  /** By pixel of the frame, the pairs in which it was visible, and those of them in which its class changed along the flow. */
  flicker(): Flicker | undefined;
}

/** Begins to measure. @param classes number of classes; ids from here on are none. */
export function createSteadinessMeter(classes: number): SteadinessMeter {
  let counts = noSteadiness(classes);
  let seen: { changed: Uint32Array; pairs: Uint32Array; width: number; height: number } | undefined;
  let warpedInto: Uint8Array | undefined;
  return {
    add(before, after, forward, backward) {
      const warped = warpLabels(after, forward, backward, 'masked', warpedInto);
      counts = addSteadiness(counts, steadinessOf(temporalConsistencyCounts(before, warped, classes, 'masked')));
      warpedInto = warped.data;
      const { width, height, data } = before;
      const pixels = data.length;
      seen ??= { width, height, changed: new Uint32Array(pixels), pairs: new Uint32Array(pixels) };
      for (let i = 0; i < pixels; i++) {
        const [now, next] = [data[i], warped.data[i]];
        if (now >= classes || next >= classes) continue;
        seen.pairs[i]++;
        if (now !== next) seen.changed[i]++;
      }
    },
    figures: () => (seen ? steadiness(counts) : undefined),
    flicker() {
      if (!seen) return undefined;
      const { steady } = steadiness(counts);
      return { ...seen, rate: 1 - steady };
    },
  };
}
