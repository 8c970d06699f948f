// The clip that a network is adapted to, prepared once: frames at its input size, probabilities, flow, consensus; all on disk.
import { formTargets, probabilityRecords } from '#consensus';
import { clipIndex, firstStems } from '../flow/clipIndex.js';
import { resizeFlow } from '../flow/resize.js';
import { type FlowFrame, type FlowSource, flowFrame } from '../flow/source.js';
import type { FrameSource } from '../media/frames.js';
import type { OpticalFlow, RgbImage, Size } from '../media/image.js';
import { prepareInput, wholeOf } from '../segment/pixels.js';
import { consensusReach } from './clipConsensus.js';
import { type ClipFiles, closeClipFiles, type FrameRange, openClipFiles, type PreparedClip } from './clipFiles.js';
import { hiddenPixels } from './consensus.js';
import type { Predictor } from './predictor.js';

/** A pair of frames that share less than this of what they show are of two shots. */
const smallestOverlap = 0.3;

/** What is read of a source of frames. */
export type ClipSource = Pick<FrameSource, 'clips' | 'stems' | 'frames'>;

export interface ClipOptions extends Size {
  readonly sources: readonly ClipSource[];
  readonly limit?: number | undefined;
  /** Frames whose consensus is formed; those around them that it looks at are read, too. Default: all. */
  readonly window?: FrameRange | undefined;
  readonly classes: number;
  /** The network as it came: probabilities of a frame and its mirror image. */
  readonly predictor: Predictor;
  readonly flow: FlowSource;
  readonly temperature: number;
  /** Neighbours on either side that the consensus looks at; default: `consensusReach`. */
  readonly reach?: number | undefined;
  /** Threads that form the consensus; default: one a core. */
  readonly threads?: number | undefined;
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onFrame?: ((done: number, stage: 'frames' | 'consensus') => void) | undefined;
}

/** Bytes that a frame takes on disk. */
export function bytesOnDisk({ height, width }: Size, classes: number): number {
  return height * width * (3 + probabilityRecords * classes + 16 + 1 + 1 + 1);
}

/**
 * Reads the frames once, forth: what the network says of each, the flow between neighbours; then the consensus. Of a window, stems,
 * pairs, cuts and sums are those of its frames.
 */
export async function prepareClip(options: ClipOptions): Promise<PreparedClip> {
  const files = await openClipFiles(options.folder, options, options.classes);
  try {
    return await readClip(options, files);
  } catch (thrown) {
    await closeClipFiles(files);
    throw thrown;
  }
}

async function readClip(options: ClipOptions, files: ClipFiles): Promise<PreparedClip> {
  const {
    height,
    width,
    classes,
    window,
    folder,
    reach = consensusReach,
    limit = Number.POSITIVE_INFINITY,
    onFrame,
  } = options;
  const [start, end] = window ? [window.from - reach, Math.min(window.to + reach, limit)] : [0, limit];
  const pairs: number[] = [];
  const cuts: number[] = [];
  const stems: string[] = [];
  /** Of all sources before. */
  let first = 0;
  let count = 0;
  for (const source of options.sources) {
    await options.flow.check(firstStems(source) ?? [], ['forward', 'backward']);
    let previous: { index: number; clip: number; frame: FlowFrame } | undefined;
    const clipOf = clipIndex(source);
    let seen = 0;
    const wanted = (index: number) => {
      seen = index + 1;
      return first + index >= start;
    };
    for await (const { image, index, stem } of source.frames(window && { wanted })) {
      options.signal?.throwIfAborted();
      seen = index + 1;
      const t = first + index;
      if (t >= end) break;
      const resized = sized(image, options);
      const planes = planesOf(resized);
      await files.frames.write(t, planes);
      await files.probabilities.write(t, await options.predictor.run(planes));
      const frame = flowFrame(stem, async () => resized);
      const clip = clipOf(index);
      if (previous && previous.clip === clip && previous.index === index - 1) {
        const pair = { first: previous.frame, second: frame };
        // Flow that lies in files is of the frames' own size.
        const [forward, backward] = (
          await Promise.all([options.flow.flow(pair, 'forward'), options.flow.flow(pair, 'backward')])
        ).map((flow) => resizeFlow(flow, options));
        const hidden = hiddenPixels(forward, backward);
        await files.forward.write(t - 1, bytesOf(forward));
        await files.backward.write(t - 1, bytesOf(backward));
        await files.hidden.write(t - 1, hidden);
        const shown = hidden.reduce((sum, value) => (value === 0 ? sum + 1 : sum), 0);
        if (shown >= smallestOverlap * hidden.length) pairs.push(t - 1);
        else cuts.push(t - 1);
      }
      previous = { index, clip, frame };
      if (inRange(t, window)) stems.push(stem);
      count = t + 1;
      onFrame?.(count, 'frames');
    }
    first += seen;
  }
  const from = Math.max(0, window?.from ?? 0);
  const formed = { height, width, classes, count, pairs, folder, files };
  const targetSums = await formTargets(formed, 'targets', {
    ...options,
    onFrame: (done) => onFrame?.(from + done, 'consensus'),
  });
  const own = (indices: readonly number[]) => indices.filter((t) => inRange(t, window));
  return { ...formed, stems, pairs: own(pairs), cuts: own(cuts), targetSums };
}

function inRange(t: number, range: FrameRange | undefined): boolean {
  return range === undefined || (t >= range.from && t < range.to);
}

/** A frame at the network's input size, as RGB planes. */
export function framePlanes(image: RgbImage, size: Size): Uint8Array {
  return planesOf(sized(image, size));
}

/** The frame at the network's input size. */
function sized(image: RgbImage, { height, width }: Size): RgbImage {
  if (image.height === height && image.width === width) return image;
  const planes = new Float32Array(3 * height * width);
  prepareInput(image, wholeOf(image), height, width, { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' }, planes);
  const pixels = height * width;
  const data = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round(planes[c * pixels + i]);
  }
  return { height, width, data };
}

function planesOf({ height, width, data }: RgbImage): Uint8Array {
  const pixels = height * width;
  const planes = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    planes[i] = data[3 * i];
    planes[pixels + i] = data[3 * i + 1];
    planes[2 * pixels + i] = data[3 * i + 2];
  }
  return planes;
}

function bytesOf({ data }: OpticalFlow): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The clip with new targets, for a network that has learnt from the first: by the consensus of the mean of what it says now and what
 * it said as it came, which keeps it from following itself. What it is judged by stays.
 * @param options `onFrame` is told twice of each frame: when the network has said it, and when its consensus is formed.
 */
export async function renewTargets(
  clip: PreparedClip,
  predictor: Predictor,
  {
    onFrame,
    ...options
  }: Pick<ClipOptions, 'temperature' | 'signal' | 'threads'> & { onFrame?: (done: number) => void },
): Promise<PreparedClip> {
  const { files } = clip;
  let done = 0;
  const said = async (t: number) => {
    const [before, now] = [await files.probabilities.read(t), await predictor.run(await files.frames.read(t))];
    for (let i = 0; i < before.length; i++) before[i] = Math.round((before[i] + now[i]) / 2);
    onFrame?.(++done);
    return before;
  };
  const targetSums = await formTargets(clip, 'renewed', { ...options, onFrame: () => onFrame?.(++done) }, said);
  return withRenewed(clip, targetSums);
}

/** The clip with the targets that were renewed for it. */
export function withRenewed(clip: PreparedClip, targetSums: readonly number[]): PreparedClip {
  const { files } = clip;
  return { ...clip, targetSums, files: { ...files, targets: files.renewed } };
}
