// Video consistency (VC-n): over windows of n frames, how much of what keeps its label keeps its prediction.
import { SteadysegError } from '../base/errors.js';
import type { LabelMap } from '../media/image.js';
import { meanOf } from './classCounts.js';
import { requireSameSize } from './joint.js';

/**
 * `vspw` (Miao et al., CVPR 2021, as released): one window less than a clip has, the prediction need not be right, and
 * ignored pixels count as a label value. `strict`: every window, ignored pixels left out, and the prediction must be the label.
 */
export type VideoConvention = 'vspw' | 'strict';

export const videoConventions: readonly VideoConvention[] = ['vspw', 'strict'];

/** Pixels of one window: with constant label, and of those with constant (and, in `strict`, right) prediction. */
export interface WindowCount {
  readonly numerator: number;
  readonly denominator: number;
}

export interface VideoConsistencyOptions {
  /** Frames of a window, at least 2. */
  readonly window: number;
  readonly convention: VideoConvention;
  /** Number of classes; ids from here on are ignored ones. */
  readonly classes: number;
}

/** How many windows a clip of `frames` frames has. */
export function windowsOf(frames: number, { window, convention }: VideoConsistencyOptions): number {
  return Math.max(0, convention === 'vspw' ? frames - window : frames - window + 1);
}

/**
 * Counts the windows of one clip, frame by frame: `add` gives the window that ends with the frame, once there are enough.
 * The last window of a `vspw` clip, which that convention does not know, is left to the caller (`windowsOf`).
 * Each pixel carries since which frame its label, and its prediction, is what it is, so the cost does not depend on n.
 * A map that was added must not be changed before the next one is.
 */
export function createWindowCounter(options: VideoConsistencyOptions): {
  /** Takes the next frame. */
  add(prediction: LabelMap, label: LabelMap): WindowCount | undefined;
} {
  const { window, convention, classes } = options;
  if (!Number.isInteger(window) || window < 2) {
    throw new SteadysegError(`expected a window of at least 2 frames, found ${window}`);
  }
  const strict = convention === 'strict';
  let frame = -1;
  let previousLabel: LabelMap | undefined;
  let previousPrediction: LabelMap | undefined;
  let labelSince = new Int32Array(0);
  let predictionSince = new Int32Array(0);

  return {
    add(prediction, label) {
      requireSameSize(prediction, label, 'prediction and label');
      if (previousLabel !== undefined) requireSameSize(previousLabel, label, 'the labels of a clip');
      frame++;
      const labels = label.data;
      const predictions = prediction.data;
      const labelsBefore = previousLabel?.data ?? labels;
      const predictionsBefore = previousPrediction?.data ?? predictions;
      if (frame === 0) {
        labelSince = new Int32Array(labels.length);
        predictionSince = new Int32Array(labels.length);
      }
      const start = frame - window + 1;
      let numerator = 0;
      let denominator = 0;
      for (let i = 0; i < labels.length; i++) {
        const id = labels[i];
        if (id !== labelsBefore[i]) labelSince[i] = frame;
        if (predictions[i] !== predictionsBefore[i]) predictionSince[i] = frame;
        // A wrong prediction can be constant from the next frame on at the earliest.
        if (strict && predictions[i] !== id) predictionSince[i] = frame + 1;
        if (labelSince[i] <= start && (!strict || id < classes)) {
          denominator++;
          if (predictionSince[i] <= start) numerator++;
        }
      }
      previousLabel = label;
      previousPrediction = prediction;
      return start < 0 ? undefined : { numerator, denominator };
    },
  };
}

/** The mean over windows of the share of each; a window without a pixel of constant label has no share and is left out. NaN of no windows. */
export function videoConsistency(numerator: readonly number[], denominator: readonly number[]): number {
  return meanOf(numerator.map((kept, at) => kept / denominator[at]));
}
