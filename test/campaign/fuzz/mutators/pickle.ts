// Mutates pickles by their opcodes, which go, come again, move and get other arguments; and what PyTorch makes of pickles.
import type { Random } from '#src/tensor/random.js';
import {
  bytesOfText,
  concatenated,
  edgeNumbers,
  edgeTexts,
  flipped,
  type Mutator,
  oneIn,
  pick,
  shuffleEntries,
} from './mutator.js';

/** Every opcode is an object here. */
const MAX_BYTES = 1 << 20;
/** A piece that comes again 2000 times may make it so large. */
const MAX_GROWN = 1 << 24;

/** Bytes of arguments of fixed length. */
const fixed: Readonly<Record<string, number>> = {
  ...{ K: 1, M: 2, J: 4, G: 8, h: 1, j: 4, q: 1, r: 4, '\x80': 1, '\x82': 1, '\x83': 2, '\x84': 4, '\x95': 8 },
};
/** Arguments that end with so many line breaks. */
const lined: Readonly<Record<string, number>> = { I: 1, L: 1, F: 1, S: 1, V: 1, P: 1, g: 1, p: 1, c: 2, i: 2 };
/** Arguments that begin with their length in so many bytes. */
const counted: Readonly<Record<string, number>> = {
  T: 4,
  U: 1,
  X: 4,
  '\x8c': 1,
  '\x8d': 8,
  B: 4,
  C: 1,
  '\x8e': 8,
  '\x8a': 1,
  '\x8b': 4,
  '\x96': 8,
};
const plain = '(.012NQRabdelostu})]\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98';

/** Opcodes with their arguments; what follows the last that is understood is one more piece. */
function split(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = endOf(bytes, at);
    if (end === undefined || end > bytes.length) break;
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at));
  return pieces;
}

function endOf(bytes: Uint8Array, at: number): number | undefined {
  const code = String.fromCharCode(bytes[at]);
  if (fixed[code] !== undefined) return at + 1 + fixed[code];
  if (lined[code] !== undefined) {
    let end = at;
    for (let left = lined[code]; left > 0; left--) {
      end = bytes.indexOf(0x0a, end + 1);
      if (end < 0) return undefined;
    }
    return end + 1;
  }
  const width = counted[code];
  if (width !== undefined) {
    let length = 0;
    for (let k = Math.min(width, 4); k > 0; k--) length = length * 256 + bytes[at + k];
    return at + 1 + width + length;
  }
  return plain.includes(code) ? at + 1 : undefined;
}

function argument(piece: Uint8Array, random: Random): Uint8Array {
  const code = String.fromCharCode(piece[0]);
  if (fixed[code] !== undefined || code === '\x8a') {
    const out = piece.slice();
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt.asUintN(64, pick(random, edgeNumbers)), true);
    const start = code === '\x8a' ? 2 : 1;
    out.set(new Uint8Array(view.buffer, 0, Math.min(8, out.length - start)), start);
    return out;
  }
  const text = bytesOfText(pick(random, edgeTexts));
  if (code === 'X') {
    const out = concatenated([Uint8Array.of(0x58, 0, 0, 0, 0), text]);
    new DataView(out.buffer).setUint32(1, text.length, true);
    return out;
  }
  if (code === 'c') {
    return bytesOfText(
      `c${pick(random, ['os', 'builtins', 'torch', 'torch._utils', 'collections', '__main__'])}\n${pick(random, ['system', 'getattr', 'eval', '_rebuild_tensor_v2', 'FloatStorage', 'OrderedDict', 'X'])}\n`,
    );
  }
  return flipped(piece, random);
}

export const mutatePickle: Mutator = (bytes, random) => {
  if (bytes.length > MAX_BYTES) return bytes;
  const pieces = split(bytes);
  for (let left = 1 + random.integer(4); left > 0 && pieces.length > 0; left--) {
    const at = random.integer(pieces.length);
    switch (random.integer(4)) {
      case 0:
        shuffleEntries(pieces, random);
        break;
      case 1: {
        const many = oneIn(random, 4) ? 1 + random.integer(5000) : 1 + random.integer(3);
        const code = Uint8Array.of(
          pick(
            random,
            [...plain].map((one) => one.charCodeAt(0)),
          ),
        );
        pieces.splice(at, 0, ...Array.from({ length: many }, () => code));
        break;
      }
      default:
        if (pieces[at].length > 0) pieces[at] = argument(pieces[at], random);
    }
  }
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  return size > MAX_GROWN ? bytes : concatenated(pieces);
};
