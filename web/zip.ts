// Files in a ZIP archive, stored as they are: what goes in is compressed already.
import { crc32 } from './png.js';

/** A file of the archive. */
export interface ZipEntry {
  readonly name: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

const STORED = 0;
const VERSION = 20;
const NAMES_IN_UTF8 = 0x800;
/** The first of January 1980, the earliest there is. */
const EARLIEST_DATE = 0x21;

/** Up to 65,535 files and 4 GiB. */
export function zipOf(entries: readonly ZipEntry[]): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const { name, content } of entries) {
    const encoded = new TextEncoder().encode(name);
    // Fields that the head of a file and its entry in the directory share.
    const shared = [VERSION, NAMES_IN_UTF8, STORED, 0, EARLIEST_DATE] as const;
    const sizes = [crc32(content), content.length, content.length] as const;
    const head = record([[4, 0x04034b50], ...pairs(shared), ...longs(sizes), [2, encoded.length], [2, 0]]);
    const listed = [[4, 0x02014b50], [2, VERSION], ...pairs(shared), ...longs(sizes), [2, encoded.length]] as const;
    directory.push(record([...listed, [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), encoded);
    parts.push(head, encoded, content);
    offset += head.length + encoded.length + content.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const counts = [0, 0, entries.length, entries.length] as const;
  const end = record([[4, 0x06054b50], ...pairs(counts), ...longs([size, offset]), [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}

type Field = readonly [bytes: 2 | 4, value: number];

const pairs = (values: readonly number[]): Field[] => values.map((value) => [2, value]);
const longs = (values: readonly number[]): Field[] => values.map((value) => [4, value]);

/** Numbers one after another, little endian. */
function record(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}
