// Measures a network while it trains: mIoU on labelled frames, and TC (`masked`) along the flow the dataset gives.
import type { Dataset, FrameReference } from '../data/dataset.js';
import { createDecoder } from '../data/decode.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { addCounts, noCounts } from '../metrics/classCounts.js';
import { meanIoU, meanIoUCounts } from '../metrics/meanIoU.js';
import { temporalConsistency, temporalConsistencyCounts } from '../metrics/temporalConsistency.js';
import { warpLabels } from '../metrics/warp.js';

/** How good a network is on the frames of a dataset. */
export interface Validation {
  /** `cityscapes` convention: classes that do not occur are left out. */
  readonly mIoU: number;
  /** NaN for those. */
  readonly iou: readonly number[];
  /** Undefined when the dataset gives no flow between consecutive frames. */
  readonly tc?: number | undefined;
  readonly frames: number;
  readonly pairs: number;
}

/** A frame with its label and what was predicted, for reports. */
export interface ValidatedFrame {
  readonly name: string;
  readonly image: RgbImage;
  readonly label: LabelMap | undefined;
  readonly prediction: LabelMap;
}

export interface ValidateOptions {
  readonly dataset: Dataset;
  readonly segment: (image: RgbImage) => Promise<LabelMap>;
  /** Frames at most; default: all. */
  readonly limit?: number | undefined;
  readonly onFrame?: ((frame: ValidatedFrame, index: number) => void) | undefined;
}

/** Predicts each frame once, in the dataset's order. */
export async function validate({ dataset, segment, limit, onFrame }: ValidateOptions): Promise<Validation> {
  // Every frame is read once: there is nothing to keep.
  const decoder = createDecoder({ get: () => undefined, put: () => {} });
  const classes = dataset.classes.classes.length;
  const count = Math.min(dataset.count, limit ?? dataset.count);
  const same = (a: FrameReference, b: FrameReference | undefined) => JSON.stringify(a) === JSON.stringify(b);
  let overlap = noCounts(classes);
  let consistency = noCounts(classes);
  let pairs = 0;
  let previous: { index: number; prediction: LabelMap } | undefined;
  for (let index = 0; index < count; index++) {
    const sample = dataset.sample(index);
    const image = await decoder.image(sample.frame);
    const prediction = await segment(image);
    const label = sample.label && (await decoder.labels(sample.label));
    if (label) overlap = addCounts(overlap, meanIoUCounts(prediction, label, classes));
    onFrame?.({ name: sample.name, image, label, prediction }, index);

    const before = previous && dataset.sample(previous.index);
    const forward = before?.flow(1);
    const backward = sample.flow(-1);
    if (previous && before && forward && backward && same(sample.frame, before.neighbour(1))) {
      const [there, back] = await Promise.all([decoder.flow(forward), decoder.flow(backward)]);
      const warped = warpLabels(prediction, there.flow, back.flow, 'masked');
      consistency = addCounts(consistency, temporalConsistencyCounts(previous.prediction, warped, classes, 'masked'));
      pairs++;
    }
    previous = { index, prediction };
  }
  const { mIoU, iou } = meanIoU(overlap, 'cityscapes');
  return { mIoU, iou, ...(pairs > 0 && { tc: temporalConsistency(consistency, 'masked').tc }), frames: count, pairs };
}
