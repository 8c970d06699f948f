// Frames to calibrate by, and others to judge the result by, spread evenly over an input.
import { SteadysegError, UsageError } from '../base/errors.js';
import { type FrameSource, openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';

/** Every so many sampled frames one is held back to judge by. */
const judgedEvery = 3;

/** A frame and what it is for. Of one frame alone there is only that. */
export interface SampledFrame {
  readonly stem: string;
  readonly image: RgbImage;
  readonly use: 'calibrate' | 'judge' | 'both';
}

export interface Sample {
  /** Frames that will come; of a video, an estimate. */
  readonly count: number;
  frames(): AsyncGenerator<SampledFrame, void, void>;
}

/**
 * @param wanted frames to calibrate by, at most; half as many to judge by come on top.
 * @throws SteadysegError for an input without frames; UsageError for a stream, which cannot be spread over.
 */
export async function openSample(input: string, wanted: number): Promise<Sample> {
  const source = await openFrames(input);
  const total = source.count;
  if (source.isStream || total === undefined) {
    throw new UsageError(`expected an input whose frames can be counted to calibrate by, found the stream ${input}`);
  }
  if (total === 0) throw new SteadysegError(`${input}: expected frames to calibrate by, found none`);
  const count = Math.min(total, wanted + Math.ceil(wanted / (judgedEvery - 1)));
  return { count, frames: () => sampled(source, total, count) };
}

/** Places of `count` frames among `total`, in the middle of equal parts. */
export function placesOf(count: number, total: number): number[] {
  return Array.from({ length: count }, (_, k) => Math.floor(((k + 0.5) * total) / count));
}

async function* sampled(source: FrameSource, total: number, count: number): AsyncGenerator<SampledFrame, void, void> {
  const places = new Map(placesOf(count, total).map((index, k) => [index, k]));
  const last = Math.max(...places.keys());
  let found = 0;
  for await (const { index, stem, image } of source.frames({ wanted: (at) => places.has(at) })) {
    found++;
    const isJudged = (places.get(index) ?? 0) % judgedEvery === judgedEvery - 1;
    // Of fewer than three frames none can be held back.
    yield { stem, image, use: count < judgedEvery ? 'both' : isJudged ? 'judge' : 'calibrate' };
    if (index >= last) break;
  }
  if (found === 0) throw new SteadysegError(`${source.input}: expected frames to calibrate by, found none`);
}
