// Segments one frame with a network: views, preparation, the run, and the scores' way back to the frame.
import { SteadysegError } from '../base/errors.js';
import type { LabelMap, Size } from '../media/image.js';
import { resizedLabels } from './labelMaps.js';
import { pairConfidence, pairLabels } from './mirrorPair.js';
import type { Background } from './network.js';
import type { NetworkResult } from './networkResult.js';
import { type Pixels, prepareInput, type Region, resizePixels, wholeOf } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import {
  addProbabilities,
  addResized,
  argmax,
  average,
  emptySum,
  highest,
  type LabelsWithConfidence,
  type ProbabilitySum,
  resizedArgmax,
  resizedConfidence,
} from './scores.js';
import { resizedStandAlone } from './standAlone.js';
import { planViews, type ScaledViews, type ViewOptions } from './views.js';

export interface SegmentOptions extends ViewOptions {
  /** Also give the probability of each pixel's label. */
  readonly confidence?: boolean | undefined;
}

/** The segmentation of one frame, at the frame's size. */
export interface Segmentation {
  readonly labels: LabelMap;
  /** Probability of the label, one a pixel, when asked for. */
  readonly confidence?: Float32Array | undefined;
  readonly times: SegmentTimes;
}

/** Milliseconds. */
export interface SegmentTimes {
  /** Resizing and normalising. */
  readonly prepare: number;
  /** The network. */
  readonly inference: number;
  /** From scores to labels. */
  readonly labels: number;
}

/** A network as the segmentation of a frame sees it. */
export interface Network {
  readonly preprocessing: Preprocessing;
  /** Set where a pixel that no class claims is of a background. */
  readonly background: Background | undefined;
  /** The size the network gets a region of this size at. */
  inputSize(region: Size): Size;
  /** Runs on `[3, height, width]`; the data may be changed by the caller after that. */
  run(input: Float32Array, size: Size): Promise<NetworkResult>;
}

/** Labels, and their probabilities where they were asked for. */
type Decided = Pick<LabelsWithConfidence, 'labels'> & Partial<LabelsWithConfidence>;

/** Segments a frame. One scale of 1, one tile and no flip give the argmax of the scores; anything else that of the averaged probabilities. */
export async function segmentFrame(network: Network, frame: Pixels, options: SegmentOptions): Promise<Segmentation> {
  const times = { prepare: 0, inference: 0, labels: 0 };
  const timed = async <T>(stage: keyof SegmentTimes, work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    times[stage] += performance.now() - start;
    return result;
  };
  const prepare = (source: Pixels, region: Region): Promise<{ input: Float32Array; size: Size }> =>
    timed('prepare', () => {
      const size = network.inputSize(region);
      const input = new Float32Array(3 * size.height * size.width);
      prepareInput(source, region, size.height, size.width, network.preprocessing, input);
      return { input, size };
    });

  const { height, width } = frame;
  const views = planViews(frame, options);
  const [only] = views;
  const single = views.length === 1 && only.regions.length === 1 && only.height === height && only.width === width;
  if (single && !options.flip) {
    const { input, size } = await prepare(frame, wholeOf(frame));
    const result = await timed('inference', () => network.run(input, size));
    const { labels, confidence } = await timed('labels', () => decide(result));
    return { labels: { width, height, data: labels }, ...(options.confidence && { confidence }), times };
  }

  if (single && !network.background) {
    const { input, size } = await prepare(frame, wholeOf(frame));
    const plain = await timed('inference', () => network.run(input, size));
    await timed('prepare', () => mirrorRows(input, size.width));
    const mirrored = await timed('inference', () => network.run(input, size));
    const pair = { plain: scoresOf(plain).scores, mirrored: scoresOf(mirrored).scores };
    const { kind } = scoresOf(plain);
    const { labels, confidence } = await timed('labels', (): Decided => {
      if (options.confidence) return pairConfidence(pair, height, width, kind);
      return { labels: pairLabels(pair, height, width, kind) };
    });
    return { labels: { width, height, data: labels }, ...(options.confidence && { confidence }), times };
  }

  /** Labels at the frame's size, of one run over it. */
  function decide(result: NetworkResult): Decided {
    if ('labels' in result) return { labels: resizedLabels(result.labels, height, width) };
    const { scores, kind } = result;
    if (network.background) return resizedStandAlone(scores, height, width, kind, network.background);
    if (!options.confidence) return { labels: resizedArgmax(scores, height, width) };
    return resizedConfidence(scores, height, width, kind);
  }

  /** The averaged probabilities of one scale. */
  const probabilitiesOf = async (view: ScaledViews): Promise<ProbabilitySum> => {
    const source = await timed('prepare', () => resizePixels(frame, view.height, view.width));
    let sum: ProbabilitySum | undefined;
    for (const region of view.regions) {
      const { input, size } = await prepare(source, region);
      for (const mirrored of options.flip ? [false, true] : [false]) {
        if (mirrored) await timed('prepare', () => mirrorRows(input, size.width));
        const { scores, kind } = scoresOf(await timed('inference', () => network.run(input, size)));
        await timed('labels', () => {
          sum ??= emptySum(scores.classes, view.height, view.width);
          addProbabilities(sum, scores, region, mirrored, options.flip ? 0.5 : 1, kind);
        });
      }
    }
    if (!sum) throw new SteadysegError('expected at least one tile a frame');
    average(sum);
    return sum;
  };

  let total: ProbabilitySum | undefined;
  if (views.length === 1 && only.height === height && only.width === width) {
    total = await probabilitiesOf(only);
  } else {
    for (const view of views) {
      const maps = await probabilitiesOf(view);
      await timed('labels', () => {
        total ??= emptySum(maps.classes, height, width);
        addResized(total, maps);
      });
    }
    if (total) average(total);
  }
  if (!total) throw new SteadysegError('expected at least one scale');
  const averaged = total;
  const { labels, confidence } = await timed('labels', () => {
    if (network.background) return resizedStandAlone(averaged, height, width, 'sigmoid', network.background);
    return { labels: argmax(averaged), ...(options.confidence && { confidence: highest(averaged) }) };
  });
  return { labels: { width, height, data: labels }, ...(options.confidence && { confidence }), times };
}

function scoresOf(result: NetworkResult): Exclude<NetworkResult, { labels: unknown }> {
  if ('labels' in result) throw new SteadysegError('expected scores to average, found labels');
  return result;
}

/** Mirrors every row of planes in place. */
function mirrorRows(planes: Float32Array, width: number): void {
  for (let start = 0; start < planes.length; start += width) planes.subarray(start, start + width).reverse();
}
