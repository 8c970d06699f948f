// How evenly the frames of a video follow each other: at one rate, with frames dropped, or at a variable rate.

/** Collects the times of frames, and says what is uneven about them. */
export interface Cadence {
  /** `time` in ticks. */
  add(time: bigint): void;
  /** What follows does not follow the frame before. */
  pause(): void;
  /** What is uneven, in words; undefined for an even rate. */
  describe(): string | undefined;
}

/** Steps this much longer or shorter than the usual one are uneven, as a share of it … */
const STEP_TOLERANCE = 0.1;
/** … or in seconds, since some containers round times to milliseconds. */
const ROUNDING_SECONDS = 0.0015;
/** Up to this share of uneven steps, all of them whole multiples of the usual one, are dropped frames; else the rate varies. */
const MAX_DROPPED_SHARE = 0.1;
/** Different steps that are kept apart; a video with more has no usual step. */
const MAX_STEPS = 1000;

export function createCadence(secondsPerTick: number): Cadence {
  const steps = new Map<bigint, { count: number; first: bigint }>();
  let start: bigint | undefined;
  let last: bigint | undefined;
  return {
    add(time) {
      start ??= time;
      if (last !== undefined && time > last) {
        const known = steps.get(time - last);
        if (known) known.count++;
        else if (steps.size < MAX_STEPS) steps.set(time - last, { count: 1, first: last });
      }
      last = time;
    },
    pause() {
      last = undefined;
    },
    describe() {
      const [usual] = [...steps].toSorted(([, a], [, b]) => b.count - a.count);
      if (usual === undefined || start === undefined) return undefined;
      const seconds = (ticks: bigint) => Number(ticks) * secondsPerTick;
      const step = seconds(usual[0]);
      const tolerance = Math.max(STEP_TOLERANCE * step, ROUNDING_SECONDS);
      const uneven = [...steps].filter(([ticks]) => Math.abs(seconds(ticks) - step) > tolerance);
      if (uneven.length === 0) return undefined;
      const total = [...steps.values()].reduce((sum, { count }) => sum + count, 0);
      const unevenCount = uneven.reduce((sum, [, { count }]) => sum + count, 0);
      const multiples = uneven.map(([ticks, { count }]) => ({
        times: Math.round(seconds(ticks) / step),
        ticks,
        count,
      }));
      const isDropped = multiples.every(
        ({ times, ticks }) => times >= 2 && Math.abs(seconds(ticks) - times * step) <= tolerance,
      );
      if (isDropped && unevenCount <= MAX_DROPPED_SHARE * total) {
        const dropped = multiples.reduce((sum, { times, count }) => sum + (times - 1) * count, 0);
        const [first] = uneven.map(([, place]) => place.first).toSorted((a, b) => Number(a - b));
        return `${dropped} ${dropped === 1 ? 'frame was' : 'frames were'} dropped when it was recorded, the first after ${seconds(first - start).toFixed(2)} s: neighbouring frames are further apart there`;
      }
      const lengths = [...steps.keys()].map((ticks) => seconds(ticks) * 1000).toSorted((a, b) => a - b);
      return `its rate varies: ${lengths[0].toFixed(1)} to ${(lengths.at(-1) ?? 0).toFixed(1)} ms from frame to frame; frames are numbered one by one, and overlay.mp4 plays at the mean rate`;
    },
  };
}
