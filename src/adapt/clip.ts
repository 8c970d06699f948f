// The clip that a network is adapted to, prepared once: frames at its input size, probabilities, flow, consensus; all on disk.
import { openRecords } from '#records';
import { clipIndex, firstStems } from '../flow/clipIndex.js';
import { resizeFlow } from '../flow/resize.js';
import { type FlowFrame, type FlowSource, flowFrame } from '../flow/source.js';
import type { FrameSource } from '../media/frames.js';
import type { OpticalFlow, RgbImage, Size } from '../media/image.js';
import { prepareInput, wholeOf } from '../segment/pixels.js';
import {
  type Consensus,
  chained,
  consensusOf,
  hiddenPixels,
  type Neighbour,
  type ProbabilityMap,
} from './consensus.js';
import type { Predictor } from './predictor.js';
import type { Records } from './records.js';

/** Neighbours on either side that the consensus looks at (SPEC §9: K). */
export const consensusReach = 4;

/** A pair of frames that share less than this of what they show are of two shots. */
const smallestOverlap = 0.3;

/** What is kept of each frame; files of records of one size. */
export interface ClipFiles {
  /** 3×H×W, RGB. */
  readonly frames: Records;
  /** H×W×C, of the network as it came. */
  readonly probabilities: Records;
  /** H×W×2 float32: t → t+1 and t+1 → t, under t. */
  readonly forward: Records;
  readonly backward: Records;
  /** H×W: 255 where frame t+1 does not show the point, under t. */
  readonly hidden: Records;
  /** H×W×C and H×W: the sharpened consensus and its classes. */
  readonly targets: Records;
  readonly consensus: Records;
  /** H×W×C: the targets of the second round. */
  readonly renewed: Records;
}

/** Frames by number over all sources: from the first to that before the last. */
export interface FrameRange {
  readonly from: number;
  readonly to: number;
}

/** A clip as training and judging see it. */
export interface PreparedClip extends Size {
  readonly classes: number;
  /** Frames in all. */
  readonly count: number;
  /** Their names. */
  readonly stems: readonly string[];
  /** Indices t of pairs (t, t+1) of one shot. */
  readonly pairs: readonly number[];
  /** Pairs of neighbouring frames that belong to two shots. */
  readonly cuts: readonly number[];
  /** Of Q, summed by class. */
  readonly targetSums: readonly number[];
  readonly files: ClipFiles;
}

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
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onFrame?: ((done: number, stage: 'frames' | 'consensus') => void) | undefined;
}

type ConsensusOptions = Size & Pick<ClipOptions, 'classes' | 'temperature' | 'window' | 'reach' | 'onFrame' | 'signal'>;

/** Bytes that a frame takes on disk. */
export function bytesOnDisk({ height, width }: Size, classes: number): number {
  return height * width * (3 + 3 * classes + 16 + 1 + 1);
}

export async function openClipFiles(folder: string, { height, width }: Size, classes: number): Promise<ClipFiles> {
  const pixels = height * width;
  const records = (name: string, bytes: number) => openRecords(folder, name, bytes * pixels);
  return {
    frames: await records('frames', 3),
    probabilities: await records('probabilities', classes),
    forward: await records('forward', 8),
    backward: await records('backward', 8),
    hidden: await records('hidden', 1),
    targets: await records('targets', classes),
    consensus: await records('consensus', 1),
    renewed: await records('renewed', classes),
  };
}

export async function closeClipFiles(files: ClipFiles): Promise<void> {
  for (const records of Object.values(files) as Records[]) await records.close();
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
  const { height, width, classes, window, reach = consensusReach, limit = Number.POSITIVE_INFINITY, onFrame } = options;
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
  const writeOwn = async (t: number, { labels, targets }: Consensus) => {
    await files.targets.write(t, targets.data);
    await files.consensus.write(t, labels);
  };
  const said = (t: number) => files.probabilities.read(t);
  const targetSums = await formConsensus(options, { files, count, pairs }, said, writeOwn);
  const own = (indices: readonly number[]) => indices.filter((t) => inRange(t, window));
  return { height, width, classes, count, stems, pairs: own(pairs), cuts: own(cuts), targetSums, files };
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

/** Flow of a record. */
export async function readFlow(records: Records, t: number, { height, width }: Size): Promise<OpticalFlow> {
  return { height, width, data: new Float32Array((await records.read(t)).buffer) };
}

/**
 * Forms the consensus of every frame; what is said of those around it is kept while they need it. Returns the sums of Q by class.
 * @param said probabilities of a frame, H×W×C bytes; asked for once. @param write told of each frame.
 */
async function formConsensus(
  { height, width, classes, temperature, window, reach = consensusReach, onFrame, signal }: ConsensusOptions,
  { files, count, pairs }: Pick<PreparedClip, 'files' | 'count' | 'pairs'>,
  said: (t: number) => Promise<Uint8Array>,
  write: (t: number, consensus: Consensus) => Promise<void>,
): Promise<number[]> {
  const connected = new Set(pairs);
  const maps = new Map<number, ProbabilityMap>();
  const flows = new Map<string, OpticalFlow>();
  const sums = Array<number>(classes).fill(0);
  const mapAt = async (t: number) => {
    const known = maps.get(t) ?? { height, width, classes, data: await said(t) };
    maps.set(t, known);
    return known;
  };
  /** Flow between frames up to `reach` apart, chained from neighbour to neighbour. */
  const flowBetween = async (from: number, to: number): Promise<OpticalFlow> => {
    const key = `${from}>${to}`;
    const known = flows.get(key);
    if (known) return known;
    const step = to > from ? 1 : -1;
    const single = (s: number) =>
      step > 0 ? readFlow(files.forward, s, { height, width }) : readFlow(files.backward, s - 1, { height, width });
    const found =
      to === from + step
        ? await single(from)
        : chained(await flowBetween(from, from + step), await flowBetween(from + step, to));
    flows.set(key, found);
    return found;
  };
  for (let t = window?.from ?? 0; t < Math.min(count, window?.to ?? count); t++) {
    signal?.throwIfAborted();
    const neighbours: Neighbour[] = [];
    for (const step of [1, -1]) {
      for (let d = 1; d <= reach; d++) {
        const other = t + step * d;
        if (other < 0 || other >= count || !connected.has(step > 0 ? other - 1 : other)) break;
        const flow = await flowBetween(t, other);
        const hidden = hiddenPixels(flow, await flowBetween(other, t));
        neighbours.push({ probabilities: await mapAt(other), flow, hidden });
      }
    }
    const consensus = consensusOf(await mapAt(t), neighbours, temperature);
    await write(t, consensus);
    const { targets } = consensus;
    for (let i = 0; i < targets.data.length; i++) sums[i % classes] += targets.data[i];
    maps.delete(t - reach);
    for (const key of flows.keys()) {
      const [from, to] = key.split('>').map(Number);
      if (Math.min(from, to) < t + 1 - reach) flows.delete(key);
    }
    onFrame?.(t + 1, 'consensus');
  }
  return sums;
}

/**
 * The clip with new targets, for a network that has learnt from the first: by the consensus of the mean of what it says now and what
 * it said as it came, which keeps it from following itself. What it is judged by stays.
 */
export async function renewTargets(
  clip: PreparedClip,
  predictor: Predictor,
  options: Pick<ClipOptions, 'temperature' | 'signal' | 'onFrame'>,
): Promise<PreparedClip> {
  const { files } = clip;
  const said = async (t: number) => {
    const [before, now] = [await files.probabilities.read(t), await predictor.run(await files.frames.read(t))];
    return before.map((value, i) => Math.round((value + now[i]) / 2));
  };
  const write = (t: number, { targets }: Consensus) => files.renewed.write(t, targets.data);
  const targetSums = await formConsensus({ ...clip, ...options }, clip, said, write);
  return { ...clip, targetSums, files: { ...files, targets: files.renewed } };
}
