// The pairs of neighbouring frames that flow is between: within a clip, never across its end.
import type { FrameSource, OnBadFrame } from '../media/frames.js';
import { readPicture } from '../media/pictures.js';
import { clipIndex, type WantedClips } from './clipIndex.js';
import { type FlowFrame, type FramePair, flowFrame } from './source.js';

export interface IndexedPair extends FramePair {
  /** Index of the first frame in its source. */
  readonly index: number;
}

/** Which pairs of frames. */
export interface PairsOptions extends WantedClips {
  /** What to do about a video frame that cannot be decoded; by default it ends the iteration. Pictures fail when they are asked for. */
  readonly onBad?: OnBadFrame | undefined;
}

/** All pairs (t, t+1) of the clips of a source, in order. Pictures are decoded when their colours are asked for, video frames as they come. */
export async function* framePairs(
  source: FrameSource,
  options: PairsOptions = {},
): AsyncGenerator<IndexedPair, void, void> {
  const { wantedClip = () => true, onBad } = options;
  const clipOf = clipIndex(source);
  let previous: { index: number; frame: FlowFrame } | undefined;
  for await (const { index, frame } of flowFrames(source, (index) => wantedClip(clipOf(index)), onBad)) {
    const follows = previous !== undefined && previous.index + 1 === index && clipOf(previous.index) === clipOf(index);
    if (previous && follows) yield { index: previous.index, first: previous.frame, second: frame };
    previous = { index, frame };
  }
}

/** The number of pairs, as far as it is known before decoding. */
export function pairCount(source: FrameSource, options: PairsOptions = {}): number | undefined {
  const { wantedClip = () => true } = options;
  let count = 0;
  for (const [clip, { count: frames }] of source.clips.entries()) {
    if (!wantedClip(clip)) continue;
    if (frames === undefined) return undefined;
    count += Math.max(0, frames - 1);
  }
  return count;
}

/** The frames of a source as flow sources see them, without those not wanted. */
export async function* flowFrames(
  source: FrameSource,
  wanted: (index: number) => boolean,
  onBad: OnBadFrame | undefined,
): AsyncGenerator<{ index: number; frame: FlowFrame }, void, void> {
  const { paths, stems } = source;
  if (paths && stems) {
    for (const [index, path] of paths.entries()) {
      if (wanted(index)) yield { index, frame: flowFrame(stems[index], () => readPicture(path), path) };
    }
    return;
  }
  for await (const { index, stem, image } of source.frames({ wanted, onBad })) {
    yield { index, frame: flowFrame(stem, async () => image) };
  }
}
