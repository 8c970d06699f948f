// Reads PyTorch checkpoints (torch.save: zip archives since 1.6, bare pickles before) without Python: see pickle.ts and torchGlobals.ts.
import { SteadysegError } from '../base/errors.js';
import { bytesPerElement, type DType, elementCount, type Tensor, tensorFromBytes } from '../tensor/tensor.js';
import { type ByteSource, openWith } from './byteSource.js';
import { type PickleValue, unpickle } from './pickle.js';
import {
  createGlobals,
  isTensorReference,
  isUnknownObject,
  type StorageReference,
  storageTypeOf,
  type TensorReference,
} from './torchGlobals.js';
import { looksLikeZip, openZip, type ZipArchive } from './zip.js';

/** Largest pickle: names and shapes of 100 000 tensors take about 20 MB; the data lies outside it. */
const MAX_PICKLE_BYTES = 32 * 2 ** 20;
/** Most storages: see `MAX_ENTRIES` of zip.ts. */
const MAX_STORAGES = 100_000;
/** Tensors that are no plain slices of their storage are copied: in all to at most this many times the file's size … */
export const MAX_COPY_RATIO = 4;
/** … plus this, since an expanded tensor is small in the file and may be larger in memory. */
export const FREE_COPY_BYTES = 16 * 2 ** 20;

const LEGACY_MAGIC = 119547037146038801333356n;
const LEGACY_PROTOCOL = 1001;

/** An open checkpoint: the values that were saved, with tensors that are read on demand. */
export interface Checkpoint {
  readonly name: string;
  /** Lists and tuples are arrays, dicts are Maps, tensors are references to give to `read`. */
  readonly value: PickleValue;
  /** Python names of the objects that were stepped over, such as a scheduler's. */
  readonly steppedOver: readonly string[];
  /** Reads a tensor of `value`. Tensors that share a storage share their memory when they are plain slices of it. */
  read(tensor: TensorReference): Promise<Tensor>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Where the bytes of a storage are. */
type StorageReader = (storage: StorageReference) => Promise<Uint8Array>;

/** Opens a `.pth` or `.pth.tar`. @throws SteadysegError when it is damaged, beyond a limit, or asks for code or commands to be run. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  return await openWith(path, checkpointFrom);
}

/** The same for any source of bytes. */
export async function checkpointFrom(source: ByteSource): Promise<Checkpoint> {
  const head = await source.read(0, Math.min(source.size, 512));
  if (new TextDecoder().decode(head.subarray(257, 262)) === 'ustar') {
    throw new SteadysegError(
      `${source.name}: expected a checkpoint of PyTorch 0.2 or newer, found a tar archive as PyTorch 0.1 wrote it: load it in PyTorch and save it again`,
    );
  }
  const storages = new Map<string, StorageReference>();
  const steppedOver = new Set<string>();
  const options = pickleOptions(source, storages, (name) => steppedOver.add(name));
  const { value, readStorage } = looksLikeZip(head)
    ? await openZipForm(source, options, storages)
    : await openLegacyForm(source, options, storages);

  // Storages that several tensors look at, or one tensor under several names, are read once; others are not kept.
  const users = countUsers(value);
  const shared = new Map<string, Promise<Uint8Array>>();
  const storageBytes = (storage: StorageReference): Promise<Uint8Array> => {
    const read = () => readStorage(storage).then((bytes) => aligned(bytes, bytesPerElement(storage.dtype)));
    if (users.get(storage.key) === 1) return read();
    const known = shared.get(storage.key) ?? read();
    shared.set(storage.key, known);
    return known;
  };
  return {
    name: source.name,
    value,
    steppedOver: [...steppedOver],
    read: async (tensor) => viewTensor(tensor, await storageBytes(tensor.storage)),
    close: () => source.close(),
  };
}

/** In how many places of a value tensors look at each storage; what several places hold is entered once. */
function countUsers(value: PickleValue): Map<string, number> {
  const users = new Map<string, number>();
  const entered = new Set<PickleValue>();
  const waiting = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (isTensorReference(next)) users.set(next.storage.key, (users.get(next.storage.key) ?? 0) + 1);
    else if ((next instanceof Map || Array.isArray(next)) && !entered.has(next)) {
      entered.add(next);
      for (const inner of next.values()) waiting.push(inner);
    }
  }
  return users;
}

type PickleCallbacks = Pick<Parameters<typeof unpickle>[1], 'source' | 'findGlobal' | 'persistentLoad'>;

function pickleOptions(
  source: ByteSource,
  storages: Map<string, StorageReference>,
  onUnknown: (name: string) => void,
): PickleCallbacks {
  let copied = 0;
  const maxCopied = FREE_COPY_BYTES + MAX_COPY_RATIO * source.size;
  const checkTensor = (tensor: TensorReference) => {
    if (isContiguous(tensor)) return;
    copied += elementCount(tensor.shape) * bytesPerElement(tensor.dtype);
    if (copied > maxCopied) {
      throw new SteadysegError(
        `${source.name}: its strided tensors would take more than ${maxCopied} bytes, ${MAX_COPY_RATIO} times the file's size`,
      );
    }
  };
  return {
    source: source.name,
    findGlobal: createGlobals(source.name, checkTensor, onUnknown),
    // A module that was saved whole, by the form before 1.6, is named with its source: ('module', class, file, text).
    persistentLoad: (id) => (Array.isArray(id) && id[0] === 'module' ? id[1] : storageReference(source, id, storages)),
  };
}

/** `('storage', class, key, location, count[, view])`: the one kind of persistent id that PyTorch writes for data. */
function storageReference(
  source: ByteSource,
  id: PickleValue,
  storages: Map<string, StorageReference>,
): StorageReference {
  const fail = (problem: string): never => {
    throw new SteadysegError(`${source.name}: damaged checkpoint: ${problem}`);
  };
  if (!Array.isArray(id) || id[0] !== 'storage') return fail('a persistent id that is no storage');
  const [, type, key, , count, storageView] = id;
  const dtype =
    storageTypeOf(type) ??
    fail(isUnknownObject(type) ? `a ${type.name}, which is not read` : 'a storage without a type');
  if (typeof key !== 'string' || key.length > 256) return fail('a storage without a key');
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0)
    return fail(`storage "${key}" has no size`);
  if (storageView !== undefined && storageView !== null) {
    return fail(`storage "${key}" is a view on another one, as only old versions of PyTorch write it: save it again`);
  }
  const known = storages.get(key);
  if (known) {
    if (known.dtype === dtype && known.count === count) return known;
    return fail(`storage "${key}" is ${known.count} ${known.dtype} in one place and ${count} ${dtype} in another`);
  }
  if (storages.size === MAX_STORAGES) fail(`more than ${MAX_STORAGES} storages`);
  const storage: StorageReference = { kind: 'storage', dtype, key, count };
  storages.set(key, storage);
  return storage;
}

async function openZipForm(
  source: ByteSource,
  options: PickleCallbacks,
  storages: ReadonlyMap<string, StorageReference>,
): Promise<{ value: PickleValue; readStorage: StorageReader }> {
  const fail = (problem: string): never => {
    throw new SteadysegError(`${source.name}: ${problem}`);
  };
  const zip = await openZip(source);
  const pickles = [...zip.entries.values()].filter(({ name }) => /(^|\/)data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    return fail(`expected a PyTorch checkpoint, found a zip archive with ${pickles.length} entries named data.pkl`);
  }
  const [pickle] = pickles;
  if (pickle.size > MAX_PICKLE_BYTES) {
    fail(`expected a data.pkl of at most ${MAX_PICKLE_BYTES} bytes, found ${pickle.size}`);
  }
  const prefix = pickle.name.slice(0, -'data.pkl'.length);
  await checkByteOrder(zip, `${prefix}byteorder`, fail);
  const { value } = unpickle(await zip.read(pickle), options);

  const entryOf = ({ key, dtype, count }: StorageReference) => {
    const name = `${prefix}data/${key}`;
    const entry = zip.entries.get(name) ?? fail(`damaged checkpoint: the entry ${JSON.stringify(name)} is missing`);
    const expected = count * bytesPerElement(dtype);
    if (entry.size !== expected) {
      fail(`damaged checkpoint: entry ${JSON.stringify(name)}: expected ${expected} bytes, found ${entry.size}`);
    }
    return entry;
  };
  for (const storage of storages.values()) entryOf(storage);
  return { value, readStorage: (storage) => zip.read(entryOf(storage)) };
}

async function checkByteOrder(zip: ZipArchive, name: string, fail: (problem: string) => never): Promise<void> {
  const entry = zip.entries.get(name);
  if (!entry || entry.size > 16) return;
  const order = new TextDecoder().decode(await zip.read(entry));
  if (order !== 'little') fail(`expected a checkpoint in little-endian byte order, found ${JSON.stringify(order)}`);
}

/** Magic, protocol, system, value and storage keys, each a pickle; then each storage's element count (int64) and data. */
async function openLegacyForm(
  source: ByteSource,
  options: PickleCallbacks,
  storages: ReadonlyMap<string, StorageReference>,
): Promise<{ value: PickleValue; readStorage: StorageReader }> {
  const fail = (problem: string): never => {
    throw new SteadysegError(`${source.name}: ${problem}`);
  };
  const bytes = await source.read(0, Math.min(source.size, MAX_PICKLE_BYTES));
  if (bytes[0] !== 0x80) fail('expected a PyTorch checkpoint, found neither a zip archive nor a pickle');
  let at = 0;
  const next = (): PickleValue => {
    const { value, end } = unpickle(bytes, { ...options, offset: at });
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) fail("expected a PyTorch checkpoint, found a pickle without PyTorch's mark");
  if (next() !== LEGACY_PROTOCOL) fail(`expected checkpoint protocol ${LEGACY_PROTOCOL}, found another`);
  const system = next();
  if (!(system instanceof Map) || system.get('little_endian') !== true) {
    fail('expected a checkpoint in little-endian byte order, found another');
  }
  const value = next();
  const keys = next();

  const offsets = new Map<string, number>();
  if (!Array.isArray(keys) || keys.length !== storages.size) {
    return fail('damaged checkpoint: its list of storages does not fit its tensors');
  }
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage) return fail('damaged checkpoint: it lists a storage that no tensor uses');
    const size = await source.read(at, 8);
    const count = new DataView(size.buffer, size.byteOffset, 8).getBigInt64(0, true);
    if (count !== BigInt(storage.count)) {
      fail(`damaged checkpoint: storage "${storage.key}": expected ${storage.count} elements, found ${count}`);
    }
    offsets.set(storage.key, at + 8);
    at += 8 + storage.count * bytesPerElement(storage.dtype);
    if (at > source.size) fail(`cut off: expected at least ${at} bytes, found ${source.size}`);
  }
  const offsetOf = ({ key }: StorageReference) =>
    offsets.get(key) ?? fail(`damaged checkpoint: the data of storage "${key}" is missing`);
  for (const storage of storages.values()) offsetOf(storage);
  return {
    value,
    readStorage: (storage) => source.read(offsetOf(storage), storage.count * bytesPerElement(storage.dtype)),
  };
}

function aligned(bytes: Uint8Array, size: number): Uint8Array {
  // Not `slice`: Node's buffers give a view for that.
  return bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
}

/** Whether the elements follow each other in the storage; dimensions of size 1 may have any stride. */
function isContiguous({ shape, stride }: TensorReference): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) return elementCount(shape) === 0;
    expected *= shape[axis];
  }
  return true;
}

function viewTensor(tensor: TensorReference, storage: Uint8Array): Tensor {
  const { dtype, shape, offset, stride } = tensor;
  const size = bytesPerElement(dtype);
  const count = elementCount(shape);
  if (count === 0) return tensorFromBytes(dtype, shape, new Uint8Array(0));
  if (isContiguous(tensor)) {
    return tensorFromBytes(dtype, shape, storage.subarray(offset * size, (offset + count) * size));
  }
  return tensorFromBytes(dtype, shape, gather(dtype, shape, offset, stride, storage));
}

/** Copies a strided view into row-major order, element by element. */
function gather(
  dtype: DType,
  shape: readonly number[],
  offset: number,
  stride: readonly number[],
  storage: Uint8Array,
): Uint8Array {
  const size = bytesPerElement(dtype);
  const out = new Uint8Array(elementCount(shape) * size);
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let to = 0; to < out.length; to += size) {
    for (let byte = 0; byte < size; byte++) out[to + byte] = storage[from * size + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      from += stride[axis];
      if (index[axis] < shape[axis]) break;
      from -= index[axis] * stride[axis];
      index[axis] = 0;
    }
  }
  return out;
}
