// Measures a network while it trains: mIoU on labelled frames, and TC (`masked`) along flow between neighbouring frames.
import type { Dataset, Sample } from '../data/dataset.js';
import { createDecoder, type Decoder } from '../data/decode.js';
import { type FlowFrame, type FlowSource, flowFrame } from '../flow/source.js';
import type { LabelMap, OpticalFlow, RgbImage } from '../media/image.js';
import { addCounts, noCounts } from '../metrics/classCounts.js';
import { addConfusion, type Confusion, confusionCounts, noConfusion } from '../metrics/confusion.js';
import { meanIoU } from '../metrics/meanIoU.js';
import { temporalConsistency, temporalConsistencyCounts } from '../metrics/temporalConsistency.js';
import { warpLabels } from '../metrics/warp.js';

/** How good a network is on the frames of a dataset. */
export interface Validation {
  /** `cityscapes` convention: classes that do not occur are left out, and so is the one that the class set ignores. */
  readonly mIoU: number;
  /** NaN for those. */
  readonly iou: readonly number[];
  /** Undefined where no two frames follow one another, or no flow between them is given or computed. */
  readonly tc?: number | undefined;
  /** Along which flow: `given` by the dataset, or the name of what computed it. */
  readonly flow?: string | undefined;
  readonly frames: number;
  readonly pairs: number;
}

/** A validation, and which classes were taken for which; undefined where no frame has a label. */
export interface ValidationResult {
  readonly validation: Validation;
  readonly confusion: Confusion | undefined;
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
  /** What computes flow where the dataset gives none. */
  readonly flowSource?: FlowSource | undefined;
  /** Each frame, by its place among so many. */
  readonly onFrame?: ((frame: ValidatedFrame, index: number, count: number) => void) | undefined;
}

/** A frame that was predicted. */
interface Predicted {
  readonly sample: Sample;
  readonly frame: FlowFrame;
  readonly prediction: LabelMap;
}

/** Predicts each frame once, in the dataset's order. */
export async function validate(options: ValidateOptions): Promise<ValidationResult> {
  const { dataset, segment, limit, onFrame } = options;
  // Every frame is read once: there is nothing to keep.
  const decoder = createDecoder({ get: () => undefined, put: () => {} });
  const { classes: names, ignoreLabel } = dataset.classes;
  const classes = names.length;
  const count = Math.min(dataset.count, limit ?? dataset.count);
  const flowBetween = heldFlow(dataset, count, decoder, options.flowSource);
  let confusion: Confusion | undefined;
  let consistency = noCounts(classes);
  let pairs = 0;
  let previous: Predicted | undefined;
  for (let index = 0; index < count; index++) {
    const sample = dataset.sample(index);
    const image = await decoder.image(sample.frame);
    const prediction = await segment(image);
    const label = sample.label && (await decoder.labels(sample.label));
    if (label) confusion = addConfusion(confusion ?? noConfusion(classes), prediction, label);
    onFrame?.({ name: sample.name, image, label, prediction }, index, count);

    const now: Predicted = { sample, frame: flowFrame(sample.name, async () => image), prediction };
    const flow = previous && follows(previous.sample, sample) ? await flowBetween?.of(previous, now) : undefined;
    if (previous && flow) {
      const warped = warpLabels(prediction, ...flow, 'masked');
      consistency = addCounts(consistency, temporalConsistencyCounts(previous.prediction, warped, classes, 'masked'));
      pairs++;
    }
    previous = now;
  }
  const { mIoU, iou } = meanIoU(confusionCounts(confusion ?? noConfusion(classes)), 'cityscapes', ignoreLabel);
  const tc = pairs > 0 ? { tc: temporalConsistency(consistency, 'masked').tc, flow: flowBetween?.name } : {};
  return { validation: { mIoU, iou, ...tc, frames: count, pairs }, confusion };
}

function follows(before: Sample, { frame }: Sample): boolean {
  return JSON.stringify(frame) === JSON.stringify(before.neighbour(1));
}

/** Where the flow between held frames comes from; one source for all of them. */
interface HeldFlow {
  readonly name: string;
  /** Forward and backward. */
  of(first: Predicted, second: Predicted): Promise<[OpticalFlow, OpticalFlow] | undefined>;
}

/** The dataset's own flow, where it gives any between two of the frames, else what the source computes. */
function heldFlow(
  dataset: Dataset,
  count: number,
  decoder: Decoder,
  source: FlowSource | undefined,
): HeldFlow | undefined {
  const given = (first: Sample, second: Sample) => [first.flow(1), second.flow(-1)] as const;
  const gives = (index: number) => {
    const [first, second] = [dataset.sample(index), dataset.sample(index + 1)];
    return follows(first, second) && given(first, second).every((flow) => flow !== undefined);
  };
  if (Array.from({ length: Math.max(0, count - 1) }, (_, index) => index).some(gives)) {
    return {
      name: 'given',
      async of(first, second) {
        const [forward, backward] = given(first.sample, second.sample);
        if (!forward || !backward) return undefined;
        const [there, back] = await Promise.all([decoder.flow(forward), decoder.flow(backward)]);
        return [there.flow, back.flow];
      },
    };
  }
  if (!source) return undefined;
  return {
    name: source.name,
    of({ frame: first }, { frame: second }) {
      const pair = { first, second };
      return Promise.all([source.flow(pair, 'forward'), source.flow(pair, 'backward')]);
    },
  };
}
