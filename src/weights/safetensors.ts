// safetensors files (https://huggingface.co/docs/safetensors): a JSON header with types, shapes and offsets, then the data.
import { SteadysegError } from '../base/errors.js';
import { writeChunksWhole } from '../base/files.js';
import {
  bytesOf,
  bytesPerElement,
  type DType,
  formatShape,
  type Shape,
  type Tensor,
  tensorFromBytes,
} from '../tensor/tensor.js';
import { type ByteSource, memorySource, openWith } from './byteSource.js';
import { MAX_RANK, wholeNumbers } from './sizes.js';
import type { WeightsFile } from './weightsFile.js';

/** Largest header: 100 000 tensors take about 10 MB, and parsing takes several times the header's size in memory. */
export const MAX_HEADER_BYTES = 16 * 2 ** 20;
/** Most tensors of one file: the largest public networks have some thousands. */
const MAX_TENSORS = 100_000;

const dtypeOfCode = new Map<unknown, DType>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);
const codeOfDtype = new Map([...dtypeOfCode].map(([code, dtype]) => [dtype, String(code)]));

/** The tensors and metadata of a safetensors file. */
export interface Safetensors {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Map<string, string>;
}

interface Entry {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Offset in the file. */
  readonly start: number;
  readonly end: number;
}

/** Opens a safetensors file: its header is read and checked, its tensors are read one by one on demand. */
export async function openSafetensors(path: string): Promise<WeightsFile> {
  return await openWith(path, safetensorsFrom);
}

/** The same for any source of bytes. */
export async function safetensorsFrom(source: ByteSource): Promise<WeightsFile> {
  const { entries, metadata } = await readHeader(source);
  return {
    name: source.name,
    format: 'safetensors',
    tensors: entries,
    metadata,
    steppedOver: [],
    others: [],
    async read(name) {
      const entry = entries.get(name);
      if (!entry) throw new SteadysegError(`${source.name}: holds no tensor ${JSON.stringify(name)}`);
      return tensorFromBytes(entry.dtype, entry.shape, await source.read(entry.start, entry.end - entry.start));
    },
    close: () => source.close(),
  };
}

/** Reads every tensor of a safetensors file, in the order of its header. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return readAll(await openSafetensors(path));
}

/** The same for bytes in memory; tensors are views on them where their alignment permits. `name` is for errors. */
export async function parseSafetensors(bytes: Uint8Array, name: string): Promise<Safetensors> {
  return readAll(await safetensorsFrom(memorySource(bytes, name)));
}

async function readAll(file: WeightsFile): Promise<Safetensors> {
  try {
    const tensors = new Map<string, Tensor>();
    for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
    return { tensors, metadata: new Map(file.metadata) };
  } finally {
    await file.close();
  }
}

async function readHeader(source: ByteSource): Promise<{ entries: Map<string, Entry>; metadata: Map<string, string> }> {
  const fail = (problem: string): never => {
    throw new SteadysegError(`${source.name}: ${problem}`);
  };
  if (source.size < 8) fail(`not a safetensors file: expected at least 8 bytes, found ${source.size}`);
  const length = await source.read(0, 8);
  const headerBytes = Number(new DataView(length.buffer, length.byteOffset, 8).getBigUint64(0, true));
  if (headerBytes > source.size - 8) {
    fail(`not a safetensors file: it announces a header of ${headerBytes} bytes, and ${source.size - 8} follow`);
  }
  if (headerBytes > MAX_HEADER_BYTES) {
    fail(`expected a safetensors header of at most ${MAX_HEADER_BYTES} bytes, found ${headerBytes}`);
  }
  const header = parseHeader(source.name, await source.read(8, headerBytes));

  const metadata = new Map<string, string>();
  const entries = new Map<string, Entry>();
  const dataStart = 8 + headerBytes;
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(asObject(value) ?? {})) {
        if (typeof text !== 'string') fail(`metadata ${JSON.stringify(key)}: expected a string, found ${typeof text}`);
        else metadata.set(key, text);
      }
      continue;
    }
    if (entries.size === MAX_TENSORS) fail(`expected at most ${MAX_TENSORS} tensors, found more`);
    entries.set(name, checkEntry(source, name, value, dataStart));
  }
  checkCover(source, entries, dataStart);
  return { entries, metadata };
}

function parseHeader(file: string, bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new SteadysegError(`${file}: not a safetensors file: its header is not JSON`);
  }
  const object = asObject(header);
  if (!object) throw new SteadysegError(`${file}: not a safetensors file: its header is not a JSON object`);
  return object;
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return { ...value };
}

/** A header entry whose type is known, whose shape is sound and whose bytes lie in the file and are as many as the shape says. */
function checkEntry(source: ByteSource, name: string, value: unknown, dataStart: number): Entry {
  const fail = (problem: string): never => {
    throw new SteadysegError(`${source.name}: tensor ${JSON.stringify(name.slice(0, 200))}: ${problem}`);
  };
  const object = asObject(value) ?? fail('expected an object with dtype, shape and data_offsets');
  const dtype =
    dtypeOfCode.get(object.dtype) ??
    fail(`expected a dtype of ${[...dtypeOfCode.keys()].join(', ')}, found ${show(object.dtype)}`);
  const rank = Array.isArray(object.shape) ? object.shape.length : 0;
  if (rank > MAX_RANK) fail(`expected at most ${MAX_RANK} dimensions, found ${rank}`);
  const shape = wholeNumbers(object.shape) ?? fail(`expected a shape of whole numbers, found ${show(object.shape)}`);
  const offsets =
    wholeNumbers(object.data_offsets) ?? fail(`expected two data_offsets, found ${show(object.data_offsets)}`);
  if (offsets.length !== 2) fail(`expected two data_offsets, found ${offsets.length}`);
  const [begin, end] = offsets;
  const available = source.size - dataStart;
  if (begin > end || end > available) {
    fail(`expected data_offsets in order and within ${available} bytes of data, found [${begin}, ${end}]`);
  }
  let bytes = bytesPerElement(dtype);
  for (const dimension of shape) {
    bytes *= dimension;
    if (!Number.isSafeInteger(bytes)) fail(`the shape ${formatShape(shape)} is too large`);
  }
  if (bytes !== end - begin) {
    fail(`expected ${bytes} bytes for ${dtype} ${formatShape(shape)}, found ${end - begin}`);
  }
  return { dtype, shape, start: dataStart + begin, end: dataStart + end };
}

/** A short rendering for errors; what nests is only named, since rendering it could go arbitrarily deep. */
function show(value: unknown): string {
  if (Array.isArray(value)) {
    const plain = value.length <= 16 && value.every((item) => typeof item !== 'object');
    return plain ? `[${value.map(show).join(', ')}]` : `a list of ${value.length}`;
  }
  if (value === undefined) return 'nothing';
  return typeof value === 'object' && value !== null ? 'an object' : `${JSON.stringify(value)}`.slice(0, 80);
}

/** The format asks that the tensors cover the data exactly: no overlap, no hole, nothing after the last. */
function checkCover(source: ByteSource, entries: ReadonlyMap<string, Entry>, dataStart: number): void {
  let at = dataStart;
  const inOrder = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  for (const [name, { start, end }] of inOrder) {
    if (start !== at) {
      const what = start < at ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new SteadysegError(
        `${source.name}: tensor ${JSON.stringify(name.slice(0, 200))} ${what}: expected offset ${at - dataStart}, found ${start - dataStart}`,
      );
    }
    at = end;
  }
  if (at !== source.size) {
    throw new SteadysegError(
      `${source.name}: expected ${at} bytes, as its header says, found ${source.size}: it is cut off or has data after its end`,
    );
  }
}

/**
 * The pieces of a safetensors file, in order. The header keeps the order of the map; the data is laid out by
 * decreasing element size, so that every tensor is aligned and can be read without copying. The same input gives the same bytes.
 */
export function safetensorsChunks(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array[] {
  const layout = [...tensors].sort(([, a], [, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const offsets = new Map<string, [number, number]>();
  let at = 0;
  for (const [name, { data }] of layout) {
    offsets.set(name, [at, at + data.byteLength]);
    at += data.byteLength;
  }
  // Written by hand: an object would move names that look like numbers to the front.
  const fields = [...tensors].map(([name, { dtype, shape }]) => {
    if (name === '__metadata__')
      throw new SteadysegError('a tensor cannot be named __metadata__ in a safetensors file');
    const entry = { dtype: codeOfDtype.get(dtype), shape, data_offsets: offsets.get(name) };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    fields.unshift(`"__metadata__":{${pairs.join(',')}}`);
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(json.byteLength / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES || tensors.size > MAX_TENSORS) {
    throw new SteadysegError(
      `too many names for a safetensors file: ${tensors.size} tensors, ${headerBytes} header bytes`,
    );
  }
  const head = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, 8);
  return [head, ...layout.map(([, value]) => bytesOf(value))];
}

/** Writes tensors and metadata as a safetensors file, whole or not at all. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: ReadonlyMap<string, string>,
): Promise<void> {
  await writeChunksWhole(path, safetensorsChunks(tensors, metadata));
}
