// How many samples the tables of an MP4 or MOV file list. FFmpeg takes memory for each as it opens the file, and a table of a
// few bytes may list billions: a sample without a byte of data is none.
import { inflateSync } from 'node:zlib';

/** Boxes that hold boxes, wherever they stand: FFmpeg reads them anywhere. */
export const containerBoxes: ReadonlySet<string> = new Set([
  ...['moov', 'trak', 'mdia', 'minf', 'stbl', 'moof', 'traf', 'edts', 'udta', 'dinf', 'wave', 'cmov'],
]);
/** A compressed index is a relic of the nineties, and small. */
const MAX_INFLATED_BYTES = 2 ** 24;
/** Tables lie six deep. */
const MAX_DEPTH = 32;

/** Samples by what they are of; each is the most that a table says. */
export interface ListedSamples {
  /** Of tracks that say that they are pictures, of tracks that do not say, and of fragments. */
  readonly pictures: number;
  /** Of sound and others: one may be shorter than a byte. */
  readonly others: number;
}

/** Samples that the boxes in `content`, that of a box in `containerBoxes`, list; infinite where that cannot be told. */
export function listedSamples(type: string, content: Uint8Array, depth = 0): ListedSamples {
  if (depth > MAX_DEPTH) return { pictures: Number.POSITIVE_INFINITY, others: 0 };
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let [pictures, others, most] = [0, 0, 0];
  let isOther = false;
  for (const { name, start, end } of boxesIn(view)) {
    const inside = content.subarray(start, end);
    if (name === 'hdlr') isOther = end - start >= 12 && text(view, start + 8) !== 'vide';
    else if (name === 'cmvd') pictures += inflated(inside, depth);
    else if (containerBoxes.has(name)) {
      const listed = listedSamples(name, inside, depth + 1);
      pictures += listed.pictures;
      others += listed.others;
    } else most = Math.max(most, samplesOf(name, inside));
  }
  pictures += most;
  // What handles a track stands in its "mdia", above its tables.
  if (type === 'mdia' && isOther) return { pictures: 0, others: pictures + others };
  return { pictures, others };
}

/** Samples of a table; one that says that it goes on behind the end of its box is read on there by FFmpeg. */
function samplesOf(name: string, content: Uint8Array): number {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const at = (offset: number) => (offset + 4 <= view.byteLength ? view.getUint32(offset) : Number.POSITIVE_INFINITY);
  if (name === 'stsz' || name === 'stz2') return at(8);
  if (name === 'trun') return at(4);
  if (name !== 'stts' && name !== 'ctts') return 0;
  const end = 8 + 8 * at(4);
  if (end > view.byteLength) return Number.POSITIVE_INFINITY;
  let total = 0;
  for (let entry = 8; entry < end; entry += 8) total += at(entry);
  return total;
}

/** The boxes that lie one after the other; one that is longer than there is room ends with it. */
function* boxesIn(view: DataView): Generator<{ name: string; start: number; end: number }> {
  for (let at = 0; at + 8 <= view.byteLength; ) {
    let length = view.getUint32(at);
    let header = 8;
    if (length === 1 && at + 16 <= view.byteLength) {
      length = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (length === 0) length = view.byteLength - at;
    if (length < header) return;
    const end = Math.min(view.byteLength, at + length);
    yield { name: text(view, at + 4), start: at + header, end };
    at = end;
  }
}

function text(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((k) => view.getUint8(at + k)));
}

function inflated(content: Uint8Array, depth: number): number {
  try {
    const index = inflateSync(content.subarray(4), { maxOutputLength: MAX_INFLATED_BYTES });
    const { pictures, others } = listedSamples('moov', index, depth + 1);
    return pictures + others;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
