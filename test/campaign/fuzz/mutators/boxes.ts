// Mutates files of boxes (MP4, MOV, AVIF; ISO/IEC 14496-12): boxes go, come again and move, their tables change, sizes stay true.
import type { Random } from '#src/tensor/random.js';
import { concatenated, edgeNumbers, flipped, type Mutator, oneIn, pick, shuffleEntries } from './mutator.js';

interface Box {
  type: string;
  /** What stands before the boxes in it. */
  head: Uint8Array;
  boxes: Box[] | undefined;
}

/** Boxes of boxes, and how many bytes stand before those. */
const containers: Readonly<Record<string, number>> = {
  ...{
    moov: 0,
    trak: 0,
    mdia: 0,
    minf: 0,
    stbl: 0,
    edts: 0,
    dinf: 0,
    udta: 0,
    mvex: 0,
    moof: 0,
    traf: 0,
    iprp: 0,
    ipco: 0,
  },
  ...{ meta: 4, stsd: 8, avc1: 78, dref: 8 },
};

function parse(bytes: Uint8Array): Box[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const boxes: Box[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = view.getUint32(at) || bytes.length - at;
    if (length < 8 || at + length > bytes.length) return undefined;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + length);
    const skip = containers[type];
    const inner = skip === undefined || content.length < skip ? undefined : parse(content.subarray(skip));
    boxes.push({ type, head: inner ? content.subarray(0, skip) : content, boxes: inner });
    at += length;
  }
  return at === bytes.length ? boxes : undefined;
}

function write(boxes: readonly Box[], random: Random): Uint8Array {
  return concatenated(
    boxes.map(({ type, head, boxes: inner }) => {
      const content = concatenated([head, ...(inner ? [write(inner, random)] : [])]);
      const start = Buffer.alloc(8);
      const lie = oneIn(random, 400);
      start.writeUInt32BE(lie ? Number(BigInt.asUintN(32, pick(random, edgeNumbers))) : content.length + 8);
      start.write(type, 4, 'latin1');
      return concatenated([start, content]);
    }),
  );
}

function lists(boxes: Box[]): Box[][] {
  return [boxes, ...boxes.flatMap((box) => (box.boxes ? lists(box.boxes) : []))];
}

/** One number of a table, or a bit. */
function retabled(head: Uint8Array, random: Random): Uint8Array {
  const out = Buffer.from(head);
  if (out.length < 4 || oneIn(random, 3)) return flipped(out, random);
  const span = oneIn(random, 2) ? Math.min(out.length, 32) : Math.min(out.length, 4096);
  const at = Math.min(4 * random.integer(Math.ceil(span / 4)), out.length - 4);
  const value = oneIn(random, 2) ? BigInt(out.readUInt32BE(at) + random.integer(5) - 2) : pick(random, edgeNumbers);
  out.writeUInt32BE(Number(BigInt.asUintN(32, value)), at);
  return out;
}

export const mutateBoxes: Mutator = (bytes, random) => {
  const boxes = parse(bytes);
  if (!boxes) return bytes;
  for (let left = 1 + random.integer(3); left > 0; left--) {
    const list = pick(random, lists(boxes));
    if (list.length === 0) continue;
    const box = pick(random, list);
    switch (random.integer(8)) {
      case 0:
        shuffleEntries(list, random);
        break;
      case 1: {
        // Not into itself.
        const other = pick(random, lists(boxes));
        if (!lists([box]).includes(other)) other.push(box);
        break;
      }
      case 2:
        box.type = pick(random, [
          'free',
          'moov',
          'trak',
          'stsz',
          'stco',
          'co64',
          'stts',
          'elst',
          'cmov',
          'mvex',
          'uuid',
          '\0\0\0\0',
        ]);
        break;
      case 3:
        box.head = box.head.subarray(0, random.integer(box.head.length + 1));
        break;
      default:
        box.head = retabled(box.head, random);
    }
  }
  return write(boxes, random);
};
