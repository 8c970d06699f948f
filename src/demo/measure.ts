// Measures networks on clips of the toy city: mIoU against the exact labels, and TC along the exact flow.

import type { LabelMap, OpticalFlow, RgbImage } from '../media/image.js';
import { addCounts, type ClassCounts, noCounts } from '../metrics/classCounts.js';
import { meanIoU, meanIoUCounts } from '../metrics/meanIoU.js';
import { temporalConsistency, temporalConsistencyCounts } from '../metrics/temporalConsistency.js';
import { warpLabels } from '../metrics/warp.js';
import { type ClipOptions, createClipRenderer } from '../toycity/render.js';

/** Labels a frame. */
export type Segment = (image: RgbImage) => Promise<LabelMap>;

/** Figures of one network, 0..1; NaN for a class that does not occur. */
export interface Figures {
  /** `cityscapes` convention: classes that do not occur are left out. */
  readonly mIoU: number;
  readonly iou: readonly number[];
  /** `masked`, along the exact flow. */
  readonly tc: number;
  readonly tcIoU: readonly number[];
}

/** Figures of one clip. */
export interface ClipFigures {
  readonly seed: number;
  readonly frames: number;
  /** One entry a network. */
  readonly networks: readonly Figures[];
  /** TC of the exact labels: the ceiling. */
  readonly labelsTc: number;
}

/** Figures of all clips. */
export interface Measurement {
  readonly clips: readonly ClipFigures[];
  /** Means over the clips, and classes over all pixels of all clips. One entry a network. */
  readonly networks: readonly Figures[];
  readonly labelsTc: number;
  readonly labelsTcIoU: readonly number[];
}

interface Counts {
  readonly overlap: ClassCounts;
  readonly consistency: ClassCounts;
}

/** Renders each clip once and measures every network on it. Memory does not grow with the number of clips. */
export async function measureClips(
  clips: readonly ClipOptions[],
  networks: readonly Segment[],
  classes: number,
  onFrame?: () => void,
): Promise<Measurement> {
  const nothing = (): Counts => ({ overlap: noCounts(classes), consistency: noCounts(classes) });
  let totals = networks.map(nothing);
  let labelTotal = noCounts(classes);
  const measured: ClipFigures[] = [];
  for (const clip of clips) {
    const { ofNetworks, ofLabels } = await countClip(clip, networks, classes, onFrame);
    totals = totals.map((total, k) => ({
      overlap: addCounts(total.overlap, ofNetworks[k].overlap),
      consistency: addCounts(total.consistency, ofNetworks[k].consistency),
    }));
    labelTotal = addCounts(labelTotal, ofLabels);
    measured.push({
      seed: clip.seed,
      frames: clip.frames,
      networks: ofNetworks.map(figuresOf),
      labelsTc: temporalConsistency(ofLabels, 'masked').tc,
    });
  }
  const mean = (value: (clip: ClipFigures) => number) =>
    measured.reduce((sum, clip) => sum + value(clip), 0) / measured.length;
  return {
    clips: measured,
    networks: totals.map((total, k) => ({
      ...figuresOf(total),
      mIoU: mean((clip) => clip.networks[k].mIoU),
      tc: mean((clip) => clip.networks[k].tc),
    })),
    labelsTc: mean((clip) => clip.labelsTc),
    labelsTcIoU: temporalConsistency(labelTotal, 'masked').iou,
  };
}

async function countClip(
  clip: ClipOptions,
  networks: readonly Segment[],
  classes: number,
  onFrame: (() => void) | undefined,
): Promise<{ ofNetworks: Counts[]; ofLabels: ClassCounts }> {
  const renderer = createClipRenderer(clip);
  const overlaps = networks.map(() => noCounts(classes));
  const consistencies = networks.map(() => noCounts(classes));
  let ofLabels = noCounts(classes);
  let before: { predictions: readonly LabelMap[]; labels: LabelMap; toNext: OpticalFlow } | undefined;
  for (let t = 0; t < clip.frames; t++) {
    const { image, labels, toNext, toPrevious } = renderer.frame(t, { toNext: true, toPrevious: t > 0 });
    const predictions: LabelMap[] = [];
    for (const segment of networks) predictions.push(await segment(image));
    for (const [k, prediction] of predictions.entries()) {
      overlaps[k] = addCounts(overlaps[k], meanIoUCounts(prediction, labels, classes));
    }
    if (before && toPrevious) {
      const { toNext: forward } = before;
      const agreement = (earlier: LabelMap, later: LabelMap) =>
        temporalConsistencyCounts(earlier, warpLabels(later, forward, toPrevious.flow, 'masked'), classes, 'masked');
      for (const [k, prediction] of predictions.entries()) {
        consistencies[k] = addCounts(consistencies[k], agreement(before.predictions[k], prediction));
      }
      ofLabels = addCounts(ofLabels, agreement(before.labels, labels));
    }
    before = toNext && { predictions, labels, toNext: toNext.flow };
    onFrame?.();
  }
  return {
    ofNetworks: networks.map((_, k) => ({ overlap: overlaps[k], consistency: consistencies[k] })),
    ofLabels,
  };
}

function figuresOf({ overlap, consistency }: Counts): Figures {
  const { mIoU, iou } = meanIoU(overlap, 'cityscapes');
  const { tc, iou: tcIoU } = temporalConsistency(consistency, 'masked');
  return { mIoU, iou, tc, tcIoU };
}
