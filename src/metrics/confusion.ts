// The confusion matrix: how many pixels of each labelled class were predicted as which.
import type { LabelMap } from '../media/image.js';
import type { ClassCounts } from './classCounts.js';
import { jointHistogram } from './joint.js';

/** A row for each labelled class, a column for each predicted one, and a last column for predictions that are no class. */
export type Confusion = readonly (readonly number[])[];

export function noConfusion(classes: number): Confusion {
  return Array.from({ length: classes }, () => new Array<number>(classes + 1).fill(0));
}

/**
 * Adds the pixels of a frame. Those whose label is no class are left out.
 * @throws SteadysegError when the sizes differ
 */
export function addConfusion(confusion: Confusion, prediction: LabelMap, label: LabelMap): Confusion {
  const classes = confusion.length;
  const joint = jointHistogram(label, prediction);
  return confusion.map((row, reference) => {
    const sum = [...row];
    for (let id = 0; id < 256; id++) sum[Math.min(id, classes)] += joint[reference * 256 + id];
    return sum;
  });
}

/** The counts of mean IoU, as `meanIoUCounts` gives them frame by frame. */
export function confusionCounts(confusion: Confusion): ClassCounts {
  const target = confusion.map((row) => row.reduce((sum, pixels) => sum + pixels, 0));
  const intersection = confusion.map((row, id) => row[id]);
  const union = confusion.map(
    (_, id) => target[id] + confusion.reduce((sum, row) => sum + row[id], 0) - intersection[id],
  );
  return { intersection, union, target };
}
