// Writes a state dict as PyTorch's zip form, for torch.load: a small pickle by hand, and each tensor's data as a stored entry.
import { crc32 } from 'node:zlib';
import { SteadysegError } from '../base/errors.js';
import { writeChunksWhole } from '../base/files.js';
import { bytesOf, type DType, type Shape, type Tensor } from '../tensor/tensor.js';

/** Sizes and offsets of a plain zip archive are 32 bits, entry counts 16. */
const MAX_ARCHIVE_BYTES = 2 ** 32 - 1;
const MAX_ENTRIES = 2 ** 16 - 1;
/** PyTorch aligns the data of each entry, so that it can map the file into memory. */
const ALIGNMENT = 64;
/** 1 January 1980, the first date a zip archive can hold: the same input gives the same bytes. */
const DATE = 0x21;

const storageNames: Partial<Record<DType, string>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int16: 'ShortStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};

/**
 * Writes tensors as a state dict (an OrderedDict) that `torch.load` of PyTorch 1.6 or newer reads; whole or not at all.
 * @throws SteadysegError for element types PyTorch has no storage for (uint16, uint32, uint64), and beyond 4 GiB.
 */
export async function writePth(path: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  await writeChunksWhole(path, pthChunks(tensors));
}

/** The pieces of the file, in order. */
export function pthChunks(tensors: ReadonlyMap<string, Tensor>): Uint8Array[] {
  const entries: [name: string, content: Uint8Array][] = [['archive/data.pkl', stateDictPickle(tensors)]];
  let key = 0;
  for (const value of tensors.values()) entries.push([`archive/data/${key++}`, bytesOf(value)]);
  entries.push(['archive/version', new TextEncoder().encode('3\n')]);
  return zipChunks(entries);
}

/** Protocol 2, without memo: each tensor is `_rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict())`. */
function stateDictPickle(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const out: Uint8Array[] = [];
  const encoder = new TextEncoder();
  const raw = (...bytes: number[]) => out.push(Uint8Array.from(bytes));
  const global = (module: string, name: string) => out.push(encoder.encode(`c${module}\n${name}\n`));
  const text = (value: string) => {
    const bytes = encoder.encode(value);
    const head = new DataView(new ArrayBuffer(5));
    head.setUint8(0, 0x58); // BINUNICODE
    head.setUint32(1, bytes.length, true);
    out.push(new Uint8Array(head.buffer), bytes);
  };
  const integer = (value: number) => {
    const code = new DataView(new ArrayBuffer(10));
    code.setUint8(0, 0x8a); // LONG1 of 8 bytes
    code.setUint8(1, 8);
    code.setBigInt64(2, BigInt(value), true);
    out.push(new Uint8Array(code.buffer));
  };
  const tuple = (write: () => void) => {
    raw(0x28); // MARK
    write();
    raw(0x74); // TUPLE
  };
  const emptyDict = () => {
    global('collections', 'OrderedDict');
    raw(0x29, 0x52); // EMPTY_TUPLE, REDUCE
  };

  raw(0x80, 2); // PROTO
  emptyDict();
  raw(0x28); // MARK
  let key = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    const storage = storageNames[dtype];
    if (!storage) throw new SteadysegError(`${name}: PyTorch holds no ${dtype} tensors`);
    text(name);
    global('torch._utils', '_rebuild_tensor_v2');
    tuple(() => {
      tuple(() => {
        text('storage');
        global('torch', storage);
        text(String(key++));
        text('cpu');
        integer(data.length);
      });
      raw(0x51); // BINPERSID
      integer(0);
      tuple(() => shape.forEach(integer));
      tuple(() => rowMajorStride(shape).forEach(integer));
      raw(0x89); // NEWFALSE
      emptyDict();
    });
    raw(0x52); // REDUCE
  }
  raw(0x75, 0x2e); // SETITEMS, STOP
  return new Uint8Array(Buffer.concat(out));
}

function rowMajorStride(shape: Shape): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    stride[axis] = step;
    step *= Math.max(1, shape[axis]);
  }
  return stride;
}

/** A zip archive of stored entries whose data is aligned. */
function zipChunks(entries: readonly (readonly [name: string, content: Uint8Array])[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const add = (chunk: Uint8Array) => {
    chunks.push(chunk);
    at += chunk.length;
  };
  if (entries.length > MAX_ENTRIES) throw new SteadysegError(`expected at most ${MAX_ENTRIES - 2} tensors for a .pth`);
  for (const [name, content] of entries) {
    const nameBytes = new TextEncoder().encode(name);
    const checksum = crc32(content);
    const headEnd = at + 30 + nameBytes.length;
    // The extra field has a head of four bytes itself; `FB` is what PyTorch calls its padding.
    const padding = (ALIGNMENT - ((headEnd + 4) % ALIGNMENT)) % ALIGNMENT;
    const record = entryRecord(checksum, content.length, nameBytes.length);
    directory.push(directoryEntry(record, at), nameBytes);
    add(localEntry(record, padding));
    add(nameBytes);
    add(extraField(padding));
    add(content);
    if (at > MAX_ARCHIVE_BYTES) throw new SteadysegError('expected at most 4 GiB of tensors for a .pth, found more');
  }
  const directoryOffset = at;
  for (const chunk of directory) add(chunk);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, at - directoryOffset, true);
  end.setUint32(16, directoryOffset, true);
  add(new Uint8Array(end.buffer));
  return chunks;
}

/** The fields that a local header and its directory entry share, from the version needed on. */
function entryRecord(checksum: number, size: number, nameBytes: number): Uint8Array {
  const record = new DataView(new ArrayBuffer(26));
  record.setUint16(0, 20, true); // version needed: 2.0
  record.setUint16(8, DATE, true);
  record.setUint32(10, checksum, true);
  record.setUint32(14, size, true);
  record.setUint32(18, size, true);
  record.setUint16(22, nameBytes, true);
  return new Uint8Array(record.buffer);
}

function localEntry(record: Uint8Array, padding: number): Uint8Array {
  const entry = new Uint8Array(30);
  const view = new DataView(entry.buffer);
  view.setUint32(0, 0x04034b50, true);
  entry.set(record, 4);
  view.setUint16(28, 4 + padding, true);
  return entry;
}

function directoryEntry(record: Uint8Array, offset: number): Uint8Array {
  const entry = new Uint8Array(46);
  const view = new DataView(entry.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, 20, true); // made by version 2.0
  entry.set(record, 6);
  view.setUint32(42, offset, true);
  return entry;
}

function extraField(padding: number): Uint8Array {
  const extra = new Uint8Array(4 + padding);
  const view = new DataView(extra.buffer);
  extra.set([0x46, 0x42]);
  view.setUint16(2, padding, true);
  return extra;
}
