// Whether a video file is all there, told from the outline of its container before anything is decoded.
import { type FileHandle, open } from 'node:fs/promises';
import { SteadysegError } from '../base/errors.js';
import { fileSize, reasonOf } from '../base/files.js';

/** One header is read for each box; a fragmented recording of a day has fewer. */
const MAX_BOXES = 1_000_000;
/** What an MP4 or MOV file starts with. */
const firstBoxes = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp']);
const EBML_HEADER = 0x1a45dfa3;
const MATROSKA_SEGMENT = 0x18538067;

/** An index of a film of ten hours takes some tens of megabytes. */
const MAX_INDEX_BYTES = 2 ** 28;

/** What the outline of a video file tells. */
export interface ContainerOutline {
  /** What is missing of a file that was cut off, in words; undefined when its container promises nothing beyond the end of the file. */
  readonly missing?: string | undefined;
  /** The content of the "moov" box of an MP4 or MOV file. */
  readonly index?: Uint8Array | undefined;
}

/**
 * Walks the outline of an MP4, MOV, Matroska or WebM file; of other files, and of live recordings without lengths, it
 * tells nothing.
 * @throws SteadysegError when the file cannot be read or is empty.
 */
export async function containerOutline(path: string): Promise<ContainerOutline> {
  const size = await fileSize(path);
  if (size === 0) throw new SteadysegError(`${path}: expected a video, found an empty file`);
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (thrown) {
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  try {
    const head = await readAt(file, 0, 64);
    if (head.length >= 4 && head.readUInt32BE(0) === EBML_HEADER) return { missing: missingOfMatroska(head, size) };
    if (firstBoxes.has(head.toString('latin1', 4, 8))) return await outlineOfMp4(file, size);
    return {};
  } finally {
    await file.close();
  }
}

/** Walks the top-level boxes (ISO/IEC 14496-12, 4.2): 32-bit size and type; size 1 is followed by 64 bits, 0 means "to the end". */
async function outlineOfMp4(file: FileHandle, size: number): Promise<ContainerOutline> {
  let at = 0;
  let index: Uint8Array | undefined;
  let hasIndex = false;
  for (let box = 0; box < MAX_BOXES && at + 8 <= size; box++) {
    const header = await readAt(file, at, 16);
    const type = header.toString('latin1', 4, 8);
    let length = header.readUInt32BE(0);
    if (length === 1) length = header.length < 16 ? 0 : Number(header.readBigUInt64BE(8));
    else if (length === 0) length = size - at;
    if (at + length > size) {
      return { missing: `${at + length} bytes, found ${size}: the file is cut off in its "${type}" box`, index };
    }
    if (length < 8) return { index };
    if (type === 'moov' && length <= MAX_INDEX_BYTES) index ??= await readAt(file, at + 8, length - 8);
    hasIndex ||= type === 'moov';
    at += length;
  }
  if (hasIndex) return { index };
  return { missing: 'an index (a "moov" box), found none: the file is cut off or its recording was not finished' };
}

/** Reads the length of the segment that follows the EBML header (RFC 8794, 6): a length of all ones is "unknown". */
function missingOfMatroska(head: Buffer, size: number): string | undefined {
  const header = vint(head, 4);
  if (header === undefined) return undefined;
  const segmentAt = header.end + header.value;
  if (segmentAt + 5 > head.length || head.readUInt32BE(segmentAt) !== MATROSKA_SEGMENT) return undefined;
  const segment = vint(head, segmentAt + 4);
  if (segment === undefined || segment.unknown) return undefined;
  const promised = segment.end + segment.value;
  return promised > size ? `${promised} bytes, found ${size}: the file is cut off` : undefined;
}

/** An EBML variable-length integer: as many bytes as the first has leading zeros, plus one. */
function vint(bytes: Buffer, at: number): { value: number; end: number; unknown: boolean } | undefined {
  if (at >= bytes.length) return undefined;
  const length = Math.clz32(bytes[at]) - 24 + 1;
  if (length > 8 || at + length > bytes.length) return undefined;
  let value = bytes[at] & ((1 << (8 - length)) - 1);
  let unknown = value === (1 << (8 - length)) - 1;
  for (let k = 1; k < length; k++) {
    value = value * 256 + bytes[at + k];
    unknown &&= bytes[at + k] === 255;
  }
  return { value, end: at + length, unknown };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
