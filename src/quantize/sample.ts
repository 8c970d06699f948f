// Frames to calibrate by, and others to judge the result by, spread evenly over an input.
import { SteadysegError, UsageError } from '../base/errors.js';
import type { LabelledFrames } from '../data/labelledFrames.js';
import { type FrameSource, frameCount, openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { videoStem } from '../media/video.js';

/** Every so many sampled frames one is held back to judge by. */
const judgedEvery = 3;

/** A frame and what it is for. Of one frame alone there is only that. */
export interface SampledFrame {
  readonly index: number;
  readonly stem: string;
  readonly image: RgbImage;
  readonly use: 'calibrate' | 'judge' | 'both';
}

export interface Sample {
  /** Frames that will come; of a video, an estimate. */
  readonly count: number;
  /** Labels of people, where there are some: those frames are the ones held back. */
  readonly labelled: LabelledFrames | undefined;
  frames(): AsyncGenerator<SampledFrame, void, void>;
}

/** What a frame is for, by its index. */
type Uses = ReadonlyMap<number, SampledFrame['use']>;

/**
 * @param wanted frames to calibrate by, at most; half as many to judge by come on top.
 * @param findLabels finds the labels of frames by their stems, where there are some to judge by.
 * @throws SteadysegError for an input without frames; UsageError for a stream, which cannot be spread over.
 */
export async function openSample(
  input: string,
  wanted: number,
  findLabels?: (stems: readonly string[]) => Promise<LabelledFrames>,
): Promise<Sample> {
  const source = await openFrames(input);
  if (source.isStream) {
    throw new UsageError(`expected an input whose frames can be counted to calibrate by, found the stream ${input}`);
  }
  const total = await frameCount(source);
  if (total === 0) throw new SteadysegError(`${input}: expected frames to calibrate by, found none`);
  const stems = source.stems ?? Array.from({ length: total }, (_, index) => videoStem(index));
  const labelled = await findLabels?.(stems);
  const uses = labelled ? usesByLabels(labelled.frames, total, wanted) : usesByPlace(total, wanted);
  return { count: uses.size, labelled, frames: () => sampled(source, uses) };
}

function usesByPlace(total: number, wanted: number): Uses {
  const count = Math.min(total, wanted + judgedOf(wanted));
  const isJudged = (k: number) => k % judgedEvery === judgedEvery - 1;
  return new Map(
    // Of fewer than three frames none can be held back.
    placesOf(count, total).map((index, k) => [
      index,
      count < judgedEvery ? 'both' : isJudged(k) ? 'judge' : 'calibrate',
    ]),
  );
}

/** Labelled frames judge; others calibrate, or the labelled ones too where there are no others. */
function usesByLabels(labelled: readonly number[], total: number, wanted: number): Uses {
  const judges = placesOf(Math.min(labelled.length, judgedOf(wanted)), labelled.length).map((at) => labelled[at]);
  const held = new Set(judges);
  const others = Array.from({ length: total }, (_, index) => index).filter((index) => !held.has(index));
  const calibrating = placesOf(Math.min(others.length, wanted), others.length).map((at) => others[at]);
  return new Map([
    ...judges.map((index) => [index, others.length === 0 ? 'both' : 'judge'] as const),
    ...calibrating.map((index) => [index, 'calibrate'] as const),
  ]);
}

const judgedOf = (wanted: number) => Math.ceil(wanted / (judgedEvery - 1));

/** Places of `count` frames among `total`, in the middle of equal parts. */
export function placesOf(count: number, total: number): number[] {
  return Array.from({ length: count }, (_, k) => Math.floor(((k + 0.5) * total) / count));
}

async function* sampled(source: FrameSource, uses: Uses): AsyncGenerator<SampledFrame, void, void> {
  const last = Math.max(...uses.keys());
  let found = 0;
  for await (const { index, stem, image } of source.frames({ wanted: (at) => uses.has(at) })) {
    const use = uses.get(index);
    if (use === undefined) continue;
    found++;
    yield { index, stem, image, use };
    if (index >= last) break;
  }
  if (found === 0) throw new SteadysegError(`${source.input}: expected frames to calibrate by, found none`);
}
