// Which frames of an input a run is responsible for: its shard's clips, between two times, every n-th, up to a limit.
import { UsageError } from '../base/errors.js';
import { inShard, type Shard } from '../base/shard.js';
import type { FrameSource } from '../media/frames.js';

/** The frames a run is responsible for. */
export interface Selection {
  has(index: number): boolean;
  /** How many there are, when the input says. */
  readonly count: number | undefined;
  /** The index of the last one; -1 when there is none. */
  readonly last: number;
}

/** Which frames are wanted; default: all. */
export interface WantedFrames {
  /** At most so many. */
  readonly limit?: number | undefined;
  /** Of each clip, only every `every`-th from its first wanted one on. */
  readonly every?: number | undefined;
  /** Of a video: from this time on, and up to it, in seconds from the start at its mean frame rate. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** The wanted frames of the shard's clips. @throws UsageError for times of pictures, and for a time after the end. */
export function selectFrames(source: FrameSource, shard: Shard, wanted: WantedFrames = {}): Selection {
  const { limit = Number.POSITIVE_INFINITY, every = 1 } = wanted;
  if (source.kind === 'video') return selectOfVideo(source, inShard(0, shard) ? limit : 0, wanted);
  if (wanted.from !== undefined || wanted.to !== undefined) {
    throw new UsageError(`${source.input}: expected a video for --from and --to, which are times, found pictures`);
  }
  const indices: number[] = [];
  for (const [number, { first, count = 0 }] of source.clips.entries()) {
    if (!inShard(number, shard)) continue;
    for (let index = first; index < first + count && indices.length < limit; index += every) indices.push(index);
  }
  const chosen = new Set(indices);
  return { has: (index) => chosen.has(index), count: indices.length, last: indices.at(-1) ?? -1 };
}

function selectOfVideo({ input, count, frameRate }: FrameSource, limit: number, wanted: WantedFrames): Selection {
  const { every = 1, from = 0, to = Number.POSITIVE_INFINITY } = wanted;
  if (limit < 1) return { has: () => false, count: 0, last: -1 };
  const rate = frameRate ? frameRate.numerator / frameRate.denominator : 1;
  // A time in the middle of a frame, by rounding or not, is that frame's.
  const first = Math.floor(from * rate + 1e-6);
  if (count !== undefined && first >= count) {
    throw new UsageError(
      `${input}: expected --from before the end, at ${(count / rate).toFixed(2)} s, found ${from.toFixed(2)} s`,
    );
  }
  const lastInTime = Math.floor(to * rate + 1e-6);
  if (lastInTime < first) throw new UsageError(`expected --to after --from, found ${from} s to ${to} s`);
  const last = Math.min(lastInTime, first + (limit - 1) * every);
  const end = count === undefined ? last : Math.min(last, count - 1);
  return {
    has: (index) => index >= first && index <= last && (index - first) % every === 0,
    count: Number.isFinite(end) ? Math.floor((end - first) / every) + 1 : undefined,
    last,
  };
}
