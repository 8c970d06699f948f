// Seeded mutations of files, for tests that feed readers with damaged and hostile input.
import type { Random } from '#src/tensor/random.js';

/** Sizes and signs at which arithmetic goes wrong. */
const edges = [0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

type Mutation = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array;

/** A place in the file; every other time near the start or the end, where headers and directories are. */
function place(bytes: Uint8Array, random: Random): number {
  const span = Math.max(1, bytes.length);
  const near = Math.min(span, 256);
  if (random.integer(2) === 0) return random.integer(span);
  return random.integer(2) === 0 ? random.integer(near) : span - 1 - random.integer(near);
}

function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.min(bytes.length, at + remove));
  const out = new Uint8Array(at + insert.length + tail.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(tail, at + insert.length);
  return out;
}

function piece(bytes: Uint8Array, random: Random): Uint8Array {
  const start = place(bytes, random);
  return bytes.subarray(start, start + 1 + random.integer(64));
}

const mutations: readonly Mutation[] = [
  // One bit.
  (bytes, random) => {
    if (bytes.length > 0) bytes[place(bytes, random)] ^= 1 << random.integer(8);
    return bytes;
  },
  // One byte.
  (bytes, random) => {
    if (bytes.length > 0) bytes[place(bytes, random)] = random.integer(256);
    return bytes;
  },
  // A whole number of one, two, four or eight bytes.
  (bytes, random) => {
    const width = [1, 2, 4, 8][random.integer(4)];
    const at = place(bytes, random);
    if (at + width > bytes.length) return bytes;
    const value = BigInt(edges[random.integer(edges.length)]) * (random.integer(4) === 0 ? -1n : 1n);
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, random.integer(8) === 0 ? value << 32n : value, true);
    bytes.set(new Uint8Array(view.buffer, 0, width), at);
    return bytes;
  },
  // A digit of a number written as text.
  (bytes, random) => {
    const start = place(bytes, random);
    const at = bytes.findIndex((byte, index) => index >= start && byte >= 0x30 && byte <= 0x39);
    if (at >= 0) bytes[at] = [0x2d, 0x2e, 0x65, 0x30, 0x31, 0x39, 0x39][random.integer(7)];
    return bytes;
  },
  // Cut off.
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  // A piece taken out, said twice, or moved in from this or another file.
  (bytes, random) => spliced(bytes, place(bytes, random), 1 + random.integer(32), new Uint8Array(0)),
  (bytes, random) => {
    const part = piece(bytes, random);
    const at = place(bytes, random);
    return spliced(bytes, at, 0, part);
  },
  (bytes, random, corpus) => {
    const part = piece(corpus[random.integer(corpus.length)], random);
    return spliced(bytes, place(bytes, random), random.integer(2) === 0 ? part.length : 0, part);
  },
  // A piece many times over.
  (bytes, random) => {
    const part = piece(bytes, random);
    const many = new Uint8Array(part.length * (2 + random.integer(500)));
    for (let at = 0; at < many.length; at += part.length) many.set(part, at);
    return spliced(bytes, place(bytes, random), 0, many);
  },
];

/** A file of the corpus with one to four mutations; the same random state gives the same bytes. */
export function mutated(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes: Uint8Array = corpus[random.integer(corpus.length)].slice();
  for (let left = 1 + random.integer(4); left > 0; left--) {
    bytes = mutations[random.integer(mutations.length)](bytes.slice(), random, corpus);
  }
  return bytes.slice();
}
