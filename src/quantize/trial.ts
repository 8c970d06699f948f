// What a network in integers says on frames, beside the float one it was made of: noise in its scores, agreement of labels, speed.
import type { ClassSet } from '../media/classes.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { addConfusion, confusionCounts, noConfusion } from '../metrics/confusion.js';
import { meanIoU } from '../metrics/meanIoU.js';
import { createSession } from '../runtime/session.js';
import { resizedLabels } from '../segment/labelMaps.js';
import { type OpenNetwork, openNetwork, type SegmentationModel } from '../segment/model.js';
import type { NetworkResult } from '../segment/networkResult.js';
import { prepareInput, wholeOf } from '../segment/pixels.js';
import { segmentFrame } from '../segment/segment.js';
import type { JudgedFrame } from './count.js';

/** Compiles a network for trials. */
export function openTrial(network: SegmentationModel): Promise<OpenNetwork> {
  const { sessionContent, description, sessionCut, sessionOptions } = network;
  return openNetwork(sessionContent, description, sessionCut, sessionOptions, createSession);
}

/** Scores, or labels of a network that gives these, at the resolution that the network has them. */
export async function resultOn(network: OpenNetwork, image: RgbImage): Promise<NetworkResult> {
  const size = network.inputSize(image);
  const planes = new Float32Array(3 * size.height * size.width);
  prepareInput(image, wholeOf(image), size.height, size.width, network.preprocessing, planes);
  return network.run(planes, size);
}

/**
 * The noise of results in units of the signal: Σ (s' - s)² / Σ s² of scores, the share of pixels that differ of labels.
 * -10·log10 of it is the signal-to-noise ratio in decibels.
 */
export function noiseOf(found: readonly NetworkResult[], expected: readonly NetworkResult[]): number {
  let [noise, signal] = [0, 0];
  expected.forEach((reference, frame) => {
    const other = found[frame];
    if ('labels' in reference || 'labels' in other) {
      const [a, b] = [reference, other].map((result) => ('labels' in result ? result.labels.data : new Uint8Array(0)));
      for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) noise++;
      signal += a.length;
      return;
    }
    const [a, b] = [reference.scores.data, other.scores.data];
    if (a.length !== b.length) throw new Error(`expected ${a.length} scores, found ${b.length}`);
    for (let i = 0; i < a.length; i++) {
      noise += (b[i] - a[i]) ** 2;
      signal += a[i] ** 2;
    }
  });
  return noise / signal;
}

/** Decibels; infinite where there is no noise. */
export const decibels = (noise: number) => -10 * Math.log10(noise);

/** Labels of frames at their own size. */
export async function labelsOn(network: OpenNetwork, images: readonly RgbImage[]): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const image of images) found.push((await segmentFrame(network, image, {})).labels.data);
  return found;
}

/** Share of the pixels with the same label. */
export function agreementOf(found: readonly Uint8Array[], expected: readonly Uint8Array[]): number {
  let [same, pixels] = [0, 0];
  expected.forEach((labels, frame) => {
    const other = found[frame];
    for (let i = 0; i < labels.length; i++) if (labels[i] === other[i]) same++;
    pixels += labels.length;
  });
  return same / pixels;
}

/** Mean intersection over union (`cityscapes`) of labels with those of people, on the frames that have such. */
export function mIoUOf(found: readonly Uint8Array[], frames: readonly JudgedFrame[], classSet: ClassSet): number {
  let confusion = noConfusion(classSet.classes.length);
  frames.forEach(({ image: { height, width }, label }, frame) => {
    if (!label) return;
    const labels: LabelMap = { height, width, data: found[frame] };
    const data = resizedLabels(labels, label.height, label.width);
    confusion = addConfusion(confusion, { ...label, data }, label);
  });
  return meanIoU(confusionCounts(confusion), 'cityscapes', classSet.ignoreLabel).mIoU;
}

/** A figure of the float network, and that of the one in integers. */
export interface Both {
  readonly before: number;
  readonly after: number;
}

/**
 * Medians over runs of both in turn, so that what else the machine does meets both alike; the first runs, which reserve memory,
 * do not count.
 */
export async function timeBoth(
  before: OpenNetwork,
  after: OpenNetwork,
  image: RgbImage,
  rounds: number,
): Promise<Both> {
  const times: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round++) {
    for (const [which, network] of [before, after].entries()) {
      const { inference } = (await segmentFrame(network, image, {})).times;
      if (round >= 0) times[which].push(inference);
    }
  }
  return { before: median(times[0]), after: median(times[1]) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
