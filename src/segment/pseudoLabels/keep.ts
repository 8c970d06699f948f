// Which pixels of a label map are sure enough to train on: those of a probability, or those of a class's surest share.
import { ignoreLabel } from '../../media/image.js';

/** Pixels of each class in one frame or many: as predicted, and as kept. */
export interface Balance {
  readonly predicted: number[];
  readonly kept: number[];
}

export function emptyBalance(classes: number): Balance {
  return { predicted: new Array<number>(classes).fill(0), kept: new Array<number>(classes).fill(0) };
}

/**
 * Sets every pixel whose probability is under the threshold to 255, in place, and counts the pixels of each class
 * (SPEC §5). A pixel at the threshold is kept; probabilities are float32, and the threshold is rounded to that too.
 */
export function keepSure(labels: Uint8Array, confidence: Float32Array, threshold: number, classes: number): Balance {
  const balance = emptyBalance(classes);
  const { predicted, kept } = balance;
  const lowest = Math.fround(threshold);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    predicted[label]++;
    // Written this way round, a probability that is not a number is not kept.
    if (confidence[i] >= lowest) kept[label]++;
    else labels[i] = ignoreLabel;
  }
  return balance;
}

/** Sets every pixel whose uncertainty is above that of its class's cut to 255, in place, and counts the pixels that are kept. */
export function keepSurest(
  labels: Uint8Array,
  uncertainties: Uint16Array,
  cuts: readonly (number | undefined)[],
): number[] {
  const kept = new Array<number>(cuts.length).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    const cut = cuts[label];
    if (cut !== undefined && uncertainties[i] <= cut) kept[label]++;
    else labels[i] = ignoreLabel;
  }
  return kept;
}

/** Adds the pixels of a frame to a sum. */
export function addBalance(
  sum: Balance,
  { predicted, kept }: { predicted: readonly number[]; kept: readonly number[] },
): void {
  for (const [label, pixels] of predicted.entries()) sum.predicted[label] += pixels;
  for (const [label, pixels] of kept.entries()) sum.kept[label] += pixels;
}
