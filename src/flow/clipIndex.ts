// Which clip of a source a frame belongs to, and which frames begin a pair.
import type { FrameSource } from '../media/frames.js';

/** Which clips count. */
export interface WantedClips {
  /** By number (for shards). Default: all. */
  readonly wantedClip?: ((clip: number) => boolean) | undefined;
}

/** The stems of the frames that begin a pair; undefined for a video, which is not indexed before it is decoded. */
export function firstStems(
  source: Pick<FrameSource, 'stems' | 'clips'>,
  options: WantedClips = {},
): string[] | undefined {
  const { wantedClip = () => true } = options;
  const { stems, clips } = source;
  if (!stems) return undefined;
  return clips.flatMap(({ first, count = 0 }, clip) => (wantedClip(clip) ? stems.slice(first, first + count - 1) : []));
}

/** The number of the clip that a frame belongs to. */
export function clipIndex(source: Pick<FrameSource, 'clips'>): (index: number) => number {
  const starts = source.clips.map((clip) => clip.first);
  return (index) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle] <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  };
}
