// Paths of the checkpoints in test/fixtures, and files built byte by byte.

import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

export function fixture(name: string): string {
  return join(import.meta.dirname, '..', 'fixtures', 'weights', name);
}

export interface ZipPart {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflate?: boolean;
  /** What the directory says in place of the truth. */
  readonly claim?: {
    size?: number;
    storedSize?: number;
    offset?: number;
    crc?: number;
    method?: number;
    flags?: number;
  };
  /** Write the sizes into a ZIP64 extra field. */
  readonly zip64?: boolean;
}

/** A zip archive; check sums are 0 (not computed) unless claimed. */
export function zipOf(parts: readonly ZipPart[], options: { zip64End?: boolean; comment?: string } = {}): Uint8Array {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const add = (piece: Buffer) => {
    pieces.push(piece);
    at += piece.length;
  };
  for (const { name, content, deflate, claim = {}, zip64 } of parts) {
    const stored = deflate ? deflateRawSync(content) : Buffer.from(content);
    const entry = Buffer.alloc(46);
    const size = claim.size ?? content.length;
    const storedSize = claim.storedSize ?? stored.length;
    const offset = claim.offset ?? at;
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(claim.flags ?? 0, 8);
    entry.writeUInt16LE(claim.method ?? (deflate ? 8 : 0), 10);
    entry.writeUInt32LE(claim.crc ?? 0, 16);
    entry.writeUInt32LE(zip64 ? 0xffffffff : storedSize, 20);
    entry.writeUInt32LE(zip64 ? 0xffffffff : size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(zip64 ? 0xffffffff : offset, 42);
    const extra = Buffer.alloc(zip64 ? 28 : 0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(size), 4);
      extra.writeBigUInt64LE(BigInt(storedSize), 12);
      extra.writeBigUInt64LE(BigInt(offset), 20);
    }
    entry.writeUInt16LE(extra.length, 30);
    directory.push(entry, Buffer.from(name), extra);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    add(local);
    add(Buffer.from(name));
    add(stored);
  }
  const directoryOffset = at;
  for (const piece of directory) add(piece);
  const directorySize = at - directoryOffset;
  if (options.zip64End) {
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(BigInt(parts.length), 32);
    end64.writeBigUInt64LE(BigInt(directorySize), 40);
    end64.writeBigUInt64LE(BigInt(directoryOffset), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(at), 8);
    add(end64);
    add(locator);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64End ? 0xffff : parts.length, 10);
  end.writeUInt32LE(options.zip64End ? 0xffffffff : directorySize, 12);
  end.writeUInt32LE(options.zip64End ? 0xffffffff : directoryOffset, 16);
  const comment = Buffer.from(options.comment ?? '');
  end.writeUInt16LE(comment.length, 20);
  add(end);
  add(comment);
  return new Uint8Array(Buffer.concat(pieces));
}

/** A checkpoint in zip form from the bytes of its pickle and its storages. */
export function checkpointOf(pickle: string | Uint8Array, storages: Record<string, Uint8Array> = {}): Uint8Array {
  const content = typeof pickle === 'string' ? Buffer.from(pickle, 'latin1') : pickle;
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `x/data/${key}`, content: bytes }));
  return zipOf([{ name: 'x/data.pkl', content }, ...data]);
}

const opGlobal = (module: string, name: string) => `c${module}\n${name}\n`;
const opInteger = (value: number) => `L${value}L\n`;
const opTuple = (items: readonly number[]) => `(${items.map(opInteger).join('')}t`;

/** Opcodes of a tensor over storage `key`, which is said to hold `count` float32. */
export function opTensor(options: {
  key?: string;
  count: number;
  offset?: number;
  size: readonly number[];
  stride: readonly number[];
}): string {
  const { key = '0', count, offset = 0, size, stride } = options;
  const storage = `(Vstorage\n${opGlobal('torch', 'FloatStorage')}V${key}\nVcpu\n${opInteger(count)}tQ`;
  const hooks = `${opGlobal('collections', 'OrderedDict')})R`;
  const args = `(${storage}${opInteger(offset)}${opTuple(size)}${opTuple(stride)}\x89${hooks}t`;
  return `${opGlobal('torch._utils', '_rebuild_tensor_v2')}${args}R`;
}

/** Opcodes of a dict from names and the opcodes of their values. */
export function opDict(values: Record<string, string>): string {
  const pairs = Object.entries(values).map(([name, value]) => `V${name}\n${value}`);
  return `}(${pairs.join('')}u`;
}

const memo = (index: number) => String.fromCharCode(index);
const levels = Array.from({ length: 40 }, (_, level) => level + 1);

/** Opcodes of `d = torch.device(d, d)`, forty times: names that would double in length. */
export const doublingDevices = `${opGlobal('torch', 'device')}q\x000Vcpu\nq\x010${levels
  .map((level) => `h\x00h${memo(level)}h${memo(level)}\x86Rq${memo(level + 1)}0`)
  .join('')}N.`;

/** Opcodes of `torch.device((((…))))`. */
export const nestedDevice = `${opGlobal('torch', 'device')})${'\x85'.repeat(20_000)}R.`;
