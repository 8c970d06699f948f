// Mutates PNG files by chunks, with true check sums: headers of other sizes, palettes too short, pixels too many or too few.
import { crc32, deflateSync, inflateSync } from 'node:zlib';
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

interface Chunk {
  type: string;
  content: Uint8Array;
}

const signatureBytes = 8;

function chunksOf(bytes: Uint8Array): Chunk[] | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = signatureBytes; at + 12 <= data.length; ) {
    const length = data.readUInt32BE(at);
    if (at + 12 + length > data.length) return undefined;
    chunks.push({ type: data.toString('latin1', at + 4, at + 8), content: data.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks.length > 0 ? chunks : undefined;
}

function write(signature: Uint8Array, chunks: readonly Chunk[], random: Random): Uint8Array {
  const parts = chunks.flatMap(({ type, content }) => {
    const [head, tail] = [Buffer.alloc(8), Buffer.alloc(4)];
    head.writeUInt32BE(content.length);
    head.write(type.slice(0, 4).padEnd(4, 'x'), 4, 'latin1');
    tail.writeUInt32BE(oneIn(random, 100) ? 0 : crc32(content, crc32(head.subarray(4))));
    return [head, content, tail];
  });
  return concatenated([signature, ...parts]);
}

/** Chunks that decoders look into. */
const others: readonly ((random: Random) => Chunk)[] = [
  (random) => ({ type: 'PLTE', content: new Uint8Array(random.integer(800)) }),
  (random) => ({ type: 'tRNS', content: new Uint8Array(random.integer(300)) }),
  (random) => ({
    type: 'zTXt',
    content: concatenated([bytesOfText('a\0\0'), deflateSync(new Uint8Array(1 << random.integer(27)))]),
  }),
  (random) => ({
    type: 'iCCP',
    content: concatenated([bytesOfText('a\0\0'), deflateSync(new Uint8Array(1 << random.integer(27)))]),
  }),
  (random) => ({ type: 'tEXt', content: bytesOfText(`${pick(random, edgeTexts)}\0${pick(random, edgeTexts)}`) }),
  (random) => ({
    type: 'eXIf',
    content: flipped(bytesOfText('MM\0*\0\0\0\u0008\0\u0001\u0001\u0012\0\u0003\0\0\0\u0001\0\u0009\0\0'), random),
  }),
  (random) => ({ type: 'gAMA', content: new Uint8Array(random.integer(6)) }),
  (random) => ({ type: 'acTL', content: new Uint8Array(8).fill(random.integer(3)) }),
  (random) => ({ type: 'sBIT', content: new Uint8Array(random.integer(6)).fill(random.integer(20)) }),
];

export const mutatePng: Mutator = (bytes, random) => {
  const chunks = chunksOf(bytes);
  if (!chunks) return bytes;
  for (let left = 1 + random.integer(3); left > 0 && chunks.length > 0; left--) {
    const header = chunks.find(({ type }) => type === 'IHDR');
    const pixels = chunks.find(({ type }) => type === 'IDAT');
    switch (random.integer(7)) {
      case 0:
        if (header && header.content.length === 13) {
          const content = Buffer.from(header.content);
          if (oneIn(random, 2))
            content.writeUInt32BE(Number(BigInt.asUintN(32, pick(random, edgeNumbers))), 4 * random.integer(2));
          else
            content[8 + random.integer(5)] = oneIn(random, 2)
              ? random.integer(256)
              : pick(random, [0, 1, 2, 3, 4, 6, 8, 16]);
          header.content = content;
        }
        break;
      case 1:
        shuffleEntries(chunks, random);
        break;
      case 2:
        chunks.splice(random.integer(chunks.length + 1), 0, pick(random, others)(random));
        break;
      case 3:
      case 4:
        if (pixels) pixels.content = recompressed(pixels.content, random);
        break;
      case 5: {
        const chunk = pick(random, chunks);
        chunk.type = String.fromCharCode(...Array.from({ length: 4 }, () => 65 + random.integer(58)));
        break;
      }
      default: {
        const chunk = pick(random, chunks);
        chunk.content = oneIn(random, 2)
          ? flipped(chunk.content, random)
          : chunk.content.subarray(0, random.integer(chunk.content.length + 1));
      }
    }
  }
  return write(bytes.subarray(0, signatureBytes), chunks, random);
};

/** Other rows under a sound compression: unknown filters, too few, or far too many. */
function recompressed(content: Uint8Array, random: Random): Uint8Array {
  let rows: Uint8Array;
  try {
    rows = inflateSync(content);
  } catch {
    return content;
  }
  switch (random.integer(4)) {
    case 0:
      return deflateSync(rows.subarray(0, random.integer(rows.length + 1)));
    case 1:
      return deflateSync(concatenated([rows, new Uint8Array(1 << random.integer(26))]));
    case 2:
      return deflateSync(flipped(rows, random), { level: random.integer(10) });
    default:
      return flipped(content, random);
  }
}
