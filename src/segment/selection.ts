// Which frames of an input a run is responsible for: its shard's clips, up to a limit.
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

/** The first `limit` frames of the shard's clips. */
export function selectFrames(source: FrameSource, shard: Shard, limit: number): Selection {
  if (source.kind === 'video') {
    const last = inShard(0, shard) ? limit - 1 : -1;
    const count = last < 0 ? 0 : source.count && Math.min(source.count, limit);
    return { has: (index) => index <= last, count, last };
  }
  const indices: number[] = [];
  for (const [number, { first, count = 0 }] of source.clips.entries()) {
    if (!inShard(number, shard)) continue;
    for (let index = first; index < first + count && indices.length < limit; index++) indices.push(index);
  }
  const chosen = new Set(indices);
  return { has: (index) => chosen.has(index), count: indices.length, last: indices.at(-1) ?? -1 };
}
