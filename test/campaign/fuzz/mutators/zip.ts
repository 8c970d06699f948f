// Mutates zip archives: what is in an entry changes under a true check sum, or what the directory says of it becomes untrue.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Random } from '#src/tensor/random.js';
import {
  bytesOfText,
  concatenated,
  edgeNumbers,
  edgeTexts,
  type Mutator,
  oneIn,
  pick,
  shuffleEntries,
  textOf,
} from './mutator.js';

/** More would take longer to write than to read. */
const MAX_CONTENT = 1 << 26;

interface Entry {
  name: string;
  method: number;
  content: Uint8Array;
}

function entriesOf(bytes: Uint8Array): Entry[] | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = data.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0) return undefined;
  let at = data.readUInt32LE(end + 16);
  const entries: Entry[] = [];
  for (let left = data.readUInt16LE(end + 10); left > 0; left--) {
    const [method, stored, nameBytes] = [
      data.readUInt16LE(at + 10),
      data.readUInt32LE(at + 20),
      data.readUInt16LE(at + 28),
    ];
    const local = data.readUInt32LE(at + 42);
    const start = local + 30 + data.readUInt16LE(local + 26) + data.readUInt16LE(local + 28);
    const raw = data.subarray(start, start + stored);
    entries.push({
      name: textOf(data.subarray(at + 46, at + 46 + nameBytes)),
      method,
      content: method === 8 ? inflateRawSync(raw) : raw,
    });
    at += 46 + nameBytes + data.readUInt16LE(at + 30) + data.readUInt16LE(at + 32);
  }
  return entries;
}

function write(entries: readonly Entry[], random: Random): Uint8Array {
  const lie = () => (oneIn(random, 30) ? Number(BigInt.asUintN(32, pick(random, edgeNumbers))) : undefined);
  const [files, directory]: [Uint8Array[], Uint8Array[]] = [[], []];
  let offset = 0;
  for (const { name, method, content } of entries) {
    const stored = method === 8 ? deflateRawSync(content) : content;
    const nameBytes = bytesOfText(name).subarray(0, 0xffff);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(nameBytes.length, 26);
    files.push(local, nameBytes, stored);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(oneIn(random, 60) ? 1 : 0, 8);
    entry.writeUInt16LE(oneIn(random, 60) ? random.integer(100) : method, 10);
    entry.writeUInt32LE(lie() ?? crc32(content), 16);
    entry.writeUInt32LE(lie() ?? stored.length, 20);
    entry.writeUInt32LE(lie() ?? content.length, 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt32LE(lie() ?? offset, 42);
    directory.push(entry, nameBytes);
    offset += local.length + nameBytes.length + stored.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE((lie() ?? entries.length) & 0xffff, 8);
  end.writeUInt16LE((lie() ?? entries.length) & 0xffff, 10);
  end.writeUInt32LE(lie() ?? size, 12);
  end.writeUInt32LE(lie() ?? offset, 16);
  return concatenated([...files, ...directory, end]);
}

/** @param mutateEntry changes the content of the entries whose names it is given. */
export function mutateZip(mutateEntry: (name: string) => Mutator): Mutator {
  return (bytes, random) => {
    const entries = entriesOf(bytes);
    if (!entries || entries.length === 0) return bytes;
    for (let left = 1 + random.integer(2); left > 0 && entries.length > 0; left--) {
      // The first ones say what the others are.
      const entry = entries[oneIn(random, 2) ? 0 : random.integer(entries.length)];
      switch (random.integer(8)) {
        case 0:
          shuffleEntries(entries, random);
          break;
        case 1:
          entry.name = pick(random, edgeTexts);
          break;
        case 2:
          entry.method = 8;
          if (oneIn(random, 4)) entry.content = new Uint8Array(1 << (10 + random.integer(15)));
          break;
        case 3:
          entry.content = entry.content.subarray(0, random.integer(entry.content.length + 1));
          break;
        default:
          entry.content = mutateEntry(entry.name)(entry.content, random);
      }
    }
    const size = entries.reduce((sum, { content }) => sum + content.length, 0);
    return size > MAX_CONTENT ? bytes : write(entries, random);
  };
}
