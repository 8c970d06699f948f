// Keeps account of a decoder's frames: which packet each is of, which packets gave none, and how evenly frames follow each other.

/** What is known of a packet before it is decoded. */
export interface PacketFacts {
  /** When its frame is shown, in ticks of the stream; undefined where the container does not say. */
  readonly time: bigint | undefined;
  /** Whether decoding can begin here. */
  readonly key: boolean;
}

/** What a frame's arrival tells. */
export interface Arrival {
  /** When the frame is shown, in ticks. */
  readonly time: bigint | undefined;
  /** Frames shown before this one that did not arrive and will not. */
  readonly lost: number;
  /** The same, of those that could not be decoded since the stream was cut before what they refer to. */
  readonly leading: number;
  /** Whether it was taken for lost before: the order of times is not the order of frames. */
  readonly late: boolean;
}

export interface FrameAccount {
  /** Enters a packet that is to give a frame. @returns the number by which `arrived` knows it */
  sent(packet: PacketFacts): number;
  /** Strikes out the packet of a frame that has arrived; of one that does not tell it, the next. `interlaced` frames may take two packets, one a field. */
  arrived(packet: number | undefined, interlaced: boolean): Arrival;
  /** The packets that gave no frame, when the stream has ended. */
  ended(): Pick<Arrival, 'lost' | 'leading'>;
}

interface Entry {
  readonly packet: number;
  readonly time: bigint | undefined;
}

/** Second fields of interlaced frames are taken for such when nearly every frame has one. */
const FIELD_SHARE = 0.9;

export function createFrameAccount(): FrameAccount {
  /** Packets whose frames are to come, those with a time in the order of their times. */
  const timed: Entry[] = [];
  const untimed = new Map<number, Entry>();
  const passed = new Set<number>();
  let count = 0;
  let frames = 0;
  let firstKey: Entry | undefined;
  let lastInterlaced = false;
  /** Single packets without a frame between two interlaced frames: second fields, or lost frames. */
  let halves = 0;

  const isLeading = ({ packet, time }: Entry): boolean => {
    if (firstKey === undefined) return frames === 1;
    return packet < firstKey.packet || (time !== undefined && firstKey.time !== undefined && time < firstKey.time);
  };
  const classify = (entries: readonly Entry[]) => {
    const leading = entries.filter(isLeading).length;
    return { lost: entries.length - leading, leading };
  };
  return {
    sent({ time, key }) {
      const entry = { packet: count++, time };
      if (key) firstKey ??= entry;
      if (time === undefined) {
        untimed.set(entry.packet, entry);
        return entry.packet;
      }
      let at = timed.length;
      while (at > 0 && (timed[at - 1].time ?? 0n) > time) at--;
      timed.splice(at, 0, entry);
      return entry.packet;
    },
    arrived(packet, interlaced) {
      frames++;
      const at =
        packet === undefined ? Math.min(0, timed.length - 1) : timed.findIndex((entry) => entry.packet === packet);
      if (at < 0) {
        const [next] = untimed.keys();
        const known = packet ?? next;
        untimed.delete(known);
        return { time: undefined, lost: 0, leading: 0, late: passed.delete(known) };
      }
      const [found] = timed.splice(at, 1);
      const before = timed.splice(0, at);
      for (const entry of before) passed.add(entry.packet);
      const { lost, leading } = classify(before);
      const isHalf = lost === 1 && interlaced && lastInterlaced;
      if (isHalf) halves++;
      lastInterlaced = interlaced;
      return { time: found.time, lost: isHalf ? 0 : lost, leading, late: false };
    },
    ended() {
      const { lost, leading } = classify([...timed, ...untimed.values()]);
      const fields = halves > 0 && halves >= FIELD_SHARE * (frames - 1);
      // The last frame's second field has no frame after it.
      if (fields) return { lost: Math.max(0, lost - 1), leading };
      return { lost: lost + halves, leading };
    },
  };
}
