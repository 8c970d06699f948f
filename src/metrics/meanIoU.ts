// Mean intersection over union of predictions against labels, in both published conventions.
import type { LabelMap } from '../media/image.js';
import { type ClassCounts, countsOf, EPSILON, meanOf } from './classCounts.js';
import { jointHistogram } from './joint.js';

/** `semseg`: an absent class counts as 0. `cityscapes`: an absent class is left out of the mean. */
export type MeanIoUConvention = 'semseg' | 'cityscapes';

export const meanIoUConventions: readonly MeanIoUConvention[] = ['semseg', 'cityscapes'];

/** NaN stands for a class that is left out of the mean, and for a mean of none. */
export interface MeanIoU {
  readonly mIoU: number;
  /** Mean over classes of the share of its labelled pixels that is found. */
  readonly mAcc: number;
  /** Share of all labelled pixels that is right. */
  readonly allAcc: number;
  readonly iou: readonly number[];
}

/**
 * Counts of one frame. Pixels whose label is no class (255, or the class set's void) are left out altogether; a
 * prediction that is no class counts as a miss there.
 * @throws SteadysegError when the sizes differ
 */
export function meanIoUCounts(prediction: LabelMap, label: LabelMap, classes: number): ClassCounts {
  return countsOf(jointHistogram(prediction, label), classes, (_, reference) => reference < classes);
}

/**
 * The figures of summed counts.
 * `semseg`: intersection/(union + 1e-10), all classes in the means. `cityscapes`: TP/(TP+FP+FN), where the union is 0 the
 * class is NaN and left out; the accuracies leave out classes without a label. In both, a class whose id is `ignoreLabel`
 * is left out, and every figure is NaN where no pixel is labelled.
 */
export function meanIoU(counts: ClassCounts, convention: MeanIoUConvention, ignoreLabel?: number): MeanIoU {
  const { intersection, union, target } = counts;
  const epsilon = convention === 'semseg' ? EPSILON : 0;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const isLabelled = sum(target) > 0;
  const share = (at: number, whole: number) =>
    isLabelled && at !== ignoreLabel ? intersection[at] / (whole + epsilon) : Number.NaN;
  const iou = union.map((whole, at) => share(at, whole));
  const accuracy = target.map((whole, at) => share(at, whole));
  return {
    mIoU: meanOf(iou),
    mAcc: meanOf(accuracy),
    allAcc: isLabelled ? sum(intersection) / (sum(target) + epsilon) : Number.NaN,
    iou,
  };
}
