// Whether a video file is all there, told from the outline of its container before anything is decoded.
import { type FileHandle, open } from 'node:fs/promises';
import { SteadysegError } from '../base/errors.js';
import { fileSize, reasonOf } from '../base/files.js';
import { containerBoxes, listedSamples } from './mp4Samples.js';

/** One header is read for each box; a fragmented recording of a day has fewer. */
const MAX_BOXES = 1_000_000;
/** What an MP4 or MOV file starts with. */
const firstBoxes = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp']);
const EBML_HEADER = 0x1a45dfa3;
const MATROSKA_SEGMENT = 0x18538067;

/** Old QuickTime counts sounds by the sample, and packs many into a byte; FFmpeg takes memory for so many at most. */
const MAX_SOUNDS_A_BYTE = 64;
const MAX_SOUNDS = 10_000_000;
/** An index of a film of ten hours takes some tens of megabytes. */
const MAX_INDEX_BYTES = 2 ** 28;

/** What the outline of a video file tells. */
export interface ContainerOutline {
  /** What is missing of a file that was cut off, in words; undefined when its container promises nothing beyond the end of the file. */
  readonly missing?: string | undefined;
  /** What cannot be of its index, in words: FFmpeg would take memory for frames that are not there. */
  readonly excess?: string | undefined;
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
    const excess = await excessOf(file, size);
    if (firstBoxes.has(head.toString('latin1', 4, 8))) return { ...(await outlineOfMp4(file, size)), excess };
    return { excess };
  } finally {
    await file.close();
  }
}

/** What tables list beyond what there can be. What looks like boxes is read as such by FFmpeg, whatever it starts with. */
async function excessOf(file: FileHandle, size: number): Promise<string | undefined> {
  let [pictures, others, at] = [0, 0, 0];
  for (let box = 0; box < MAX_BOXES && at + 8 <= size; box++) {
    const { type, length, header } = boxAt(await readAt(file, at, 16), size - at);
    if (length < header) break;
    if (containerBoxes.has(type)) {
      const content = await readAt(file, at + header, Math.min(length, size - at, MAX_INDEX_BYTES) - header);
      const listed = listedSamples(type, content);
      pictures += listed.pictures;
      others += listed.others;
    }
    at += length;
  }
  if (pictures <= size && others <= Math.max(size, Math.min(MAX_SOUNDS_A_BYTE * size, MAX_SOUNDS))) return undefined;
  return `at most a frame a byte, found an index of more in ${size} bytes: the file is damaged`;
}

/** Type and length of a box, its header of so many bytes included; size 1 is followed by 64 bits, 0 means "to the end". */
function boxAt(bytes: Buffer, left: number): { type: string; length: number; header: number } {
  const length = bytes.readUInt32BE(0);
  const type = bytes.toString('latin1', 4, 8);
  if (length !== 1) return { type, length: length === 0 ? left : length, header: 8 };
  return { type, length: bytes.length < 16 ? 0 : Number(bytes.readBigUInt64BE(8)), header: 16 };
}

/** Walks the top-level boxes (ISO/IEC 14496-12, 4.2). */
async function outlineOfMp4(file: FileHandle, size: number): Promise<ContainerOutline> {
  let at = 0;
  let index: Uint8Array | undefined;
  let hasIndex = false;
  for (let box = 0; box < MAX_BOXES && at + 8 <= size; box++) {
    const { type, length, header } = boxAt(await readAt(file, at, 16), size - at);
    if (at + length > size) {
      return { missing: `${at + length} bytes, found ${size}: the file is cut off in its "${type}" box`, index };
    }
    if (length < header) return { index };
    if (type === 'moov' && length <= MAX_INDEX_BYTES) index ??= await readAt(file, at + header, length - header);
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
