// Reads zip archives (APPNOTE.TXT 6.3, ZIP64 included) entry by entry, within limits that the file's own size sets.
import { crc32, inflateRawSync } from 'node:zlib';
import { SteadysegError } from '../base/errors.js';
import type { ByteSource } from './byteSource.js';

/** Most entries: a checkpoint has one a storage; the largest have some thousands. */
const MAX_ENTRIES = 100_000;
/** Largest directory: 100 000 entries with ordinary names take about 10 MB. */
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;
/** How much larger than its stored form an entry may inflate (deflate itself reaches 1032): weights hardly compress, so more is a bomb. */
const MAX_INFLATION = 100;
/** Entries up to this size may inflate by any ratio: small runs of zeros do. */
const FREE_INFLATION_BYTES = 2 ** 20;

const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const LOCATOR64_BYTES = 20;
const END64_BYTES = 56;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/** An entry of the archive's directory. */
export interface ZipEntry {
  readonly name: string;
  /** Size of its content in bytes. */
  readonly size: number;
  readonly storedSize: number;
  readonly method: number;
  readonly crc: number;
  readonly localOffset: number;
}

export interface ZipArchive {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The content of an entry, checked against its size and check sum. */
  read(entry: ZipEntry): Promise<Uint8Array>;
}

/** Opens a zip archive: reads and checks its directory. @throws SteadysegError when it is damaged or beyond a limit. */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const directory = await findDirectory(source);
  const entries = parseDirectory(source, await source.read(directory.offset, directory.size), directory);
  return { entries, read: (entry) => readEntry(source, entry) };
}

/** Whether a file begins like a zip archive. */
export function looksLikeZip(head: Uint8Array): boolean {
  return head.length >= 4 && view(head).getUint32(0, true) === LOCAL_SIGNATURE;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailBytes = Math.min(source.size, END_BYTES + MAX_COMMENT_BYTES);
  const tailStart = source.size - tailBytes;
  const tail = view(await source.read(tailStart, tailBytes));
  let at = tailBytes - END_BYTES;
  // The comment's length must reach exactly to the end, so that a signature inside a comment is no match.
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END_SIGNATURE && tail.getUint16(at + 20, true) === tailBytes - at - 22)
  ) {
    at--;
  }
  if (at < 0) fail(source, 'damaged zip archive: its directory is missing, the file may be cut off');
  const end = tailStart + at;
  let disks = tail.getUint16(at + 4, true) + tail.getUint16(at + 6, true);
  let count = tail.getUint16(at + 10, true);
  let size = tail.getUint32(at + 12, true);
  let offset = tail.getUint32(at + 16, true);
  let limit = end;
  if (count === 0xffff || size === 0xffffffff || offset === 0xffffffff) {
    const locator =
      end >= LOCATOR64_BYTES ? view(await source.read(end - LOCATOR64_BYTES, LOCATOR64_BYTES)) : undefined;
    if (locator?.getUint32(0, true) === LOCATOR64_SIGNATURE) {
      const offset64 = uint64(source, locator, 8);
      const record = view(await source.read(offset64, END64_BYTES));
      if (record.getUint32(0, true) !== END64_SIGNATURE) fail(source, 'damaged zip archive: its ZIP64 end is missing');
      disks = record.getUint32(16, true) + record.getUint32(20, true);
      count = uint64(source, record, 32);
      size = uint64(source, record, 40);
      offset = uint64(source, record, 48);
      limit = offset64;
    }
  }
  if (disks !== 0) fail(source, 'expected a zip archive in one file, found a part of several');
  if (count > MAX_ENTRIES) fail(source, `expected at most ${MAX_ENTRIES} zip entries, found ${count}`);
  if (size > MAX_DIRECTORY_BYTES) {
    fail(source, `expected a zip directory of at most ${MAX_DIRECTORY_BYTES} bytes, found ${size}`);
  }
  if (offset + size > limit) fail(source, 'damaged zip archive: its directory lies outside the file');
  return { offset, size, count };
}

function parseDirectory(source: ByteSource, bytes: Uint8Array, directory: Directory): Map<string, ZipEntry> {
  const data = view(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    if (at + ENTRY_BYTES > bytes.length || data.getUint32(at, true) !== ENTRY_SIGNATURE) {
      fail(source, `damaged zip archive: expected ${directory.count} entries in its directory, found ${i}`);
    }
    const flags = data.getUint16(at + 8, true);
    const nameBytes = data.getUint16(at + 28, true);
    const extraBytes = data.getUint16(at + 30, true);
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + data.getUint16(at + 32, true);
    if (next > bytes.length) fail(source, 'damaged zip archive: its directory is cut off');
    const nameStart = at + ENTRY_BYTES;
    const name = new TextDecoder().decode(bytes.subarray(nameStart, nameStart + nameBytes));
    const extra = bytes.subarray(nameStart + nameBytes, nameStart + nameBytes + extraBytes);
    const sizes = extended(source, extra, {
      size: data.getUint32(at + 24, true),
      storedSize: data.getUint32(at + 20, true),
      localOffset: data.getUint32(at + 42, true),
    });
    const entry: ZipEntry = {
      name,
      ...sizes,
      method: data.getUint16(at + 10, true),
      crc: data.getUint32(at + 16, true),
    };
    if (flags & 1) fail(source, `zip entry ${show(name)} is encrypted`);
    checkSize(source, entry);
    if (entries.has(name)) fail(source, `damaged zip archive: two entries are named ${show(name)}`);
    entries.set(name, entry);
    at = next;
  }
  checkOverlap(source, entries, directory.offset);
  return entries;
}

type Sizes = Pick<ZipEntry, 'size' | 'storedSize' | 'localOffset'>;

/** Replaces the sizes that are 0xffffffff by those of the ZIP64 extra field, which holds only these, in this order. */
function extended(source: ByteSource, extra: Uint8Array, sizes: Sizes): Sizes {
  const wanted = (['size', 'storedSize', 'localOffset'] as const).filter((key) => sizes[key] === 0xffffffff);
  if (wanted.length === 0) return sizes;
  const data = view(extra);
  let at = 0;
  while (at + 4 <= extra.length) {
    const length = data.getUint16(at + 2, true);
    if (data.getUint16(at, true) === 1 && length >= 8 * wanted.length && at + 4 + length <= extra.length) {
      const read = wanted.map((key, index) => [key, uint64(source, data, at + 4 + 8 * index)] as const);
      return { ...sizes, ...Object.fromEntries(read) };
    }
    at += 4 + length;
  }
  return fail(source, 'damaged zip archive: an entry lacks its ZIP64 sizes');
}

function checkSize(source: ByteSource, { name, method, size, storedSize }: ZipEntry): void {
  if (method !== STORED && method !== DEFLATED) {
    fail(source, `zip entry ${show(name)}: expected it stored or deflated, found compression method ${method}`);
  }
  if (method === STORED && size !== storedSize) {
    fail(source, `zip entry ${show(name)}: expected ${size} bytes, found ${storedSize} stored`);
  }
  if (method === DEFLATED && size > Math.max(FREE_INFLATION_BYTES, storedSize * MAX_INFLATION)) {
    fail(
      source,
      `zip entry ${show(name)} inflates from ${storedSize} to ${size} bytes: more than ${MAX_INFLATION} times`,
    );
  }
}

/** Entries that share bytes would let a small file unpack to any size. */
function checkOverlap(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>, directoryOffset: number): void {
  let free = 0;
  for (const entry of [...entries.values()].sort((a, b) => a.localOffset - b.localOffset)) {
    if (entry.localOffset < free) fail(source, `damaged zip archive: entry ${show(entry.name)} overlaps another`);
    free = entry.localOffset + LOCAL_BYTES + entry.storedSize;
    if (free > directoryOffset) fail(source, `damaged zip archive: entry ${show(entry.name)} lies outside the file`);
  }
}

async function readEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  const local = view(await source.read(entry.localOffset, LOCAL_BYTES));
  if (local.getUint32(0, true) !== LOCAL_SIGNATURE) {
    fail(source, `damaged zip archive: entry ${show(entry.name)} is not where the directory says`);
  }
  const start = entry.localOffset + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  const stored = await source.read(start, entry.storedSize);
  const content = entry.method === STORED ? stored : inflate(source, entry, stored);
  // PyTorch can be told to write no check sums; then they are 0.
  if (entry.crc !== 0 && crc32(content) !== entry.crc) {
    fail(source, `damaged: zip entry ${show(entry.name)} does not match its check sum`);
  }
  return content;
}

function inflate(source: ByteSource, entry: ZipEntry, stored: Uint8Array): Uint8Array {
  let content: Uint8Array;
  try {
    content = inflateRawSync(stored, { maxOutputLength: Math.max(1, entry.size) });
  } catch (thrown) {
    throw new SteadysegError(`${source.name}: damaged: zip entry ${show(entry.name)} does not inflate`, {
      cause: thrown,
    });
  }
  if (content.length !== entry.size) {
    fail(source, `damaged: zip entry ${show(entry.name)}: expected ${entry.size} bytes, found ${content.length}`);
  }
  return content;
}

function uint64(source: ByteSource, data: DataView, at: number): number {
  const value = Number(data.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : fail(source, `damaged zip archive: a size of ${value} bytes`);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function show(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function fail(source: ByteSource, problem: string): never {
  throw new SteadysegError(`${source.name}: ${problem}`);
}
