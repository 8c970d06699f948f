// The Python names that a checkpoint's tensors need, and what each becomes here. Objects of any other name are stepped over: nothing is run.
import { SteadysegError } from '../base/errors.js';
import { type DType, formatShape, type Shape } from '../tensor/tensor.js';
import { isPickleObject, type PickleObject, type PickleValue } from './pickle.js';
import { wholeNumbers } from './sizes.js';

/** Longest name of a device: `privateuseone` is the longest of PyTorch's own. */
const MAX_DEVICE_NAME = 32;

/** A storage that the file holds, by its key: `count` elements. */
export interface StorageReference extends PickleObject {
  readonly kind: 'storage';
  readonly dtype: DType;
  readonly key: string;
  readonly count: number;
}

/** A tensor that has not been read: a strided view on a storage, in elements. It lies within the storage. */
export interface TensorReference extends PickleObject {
  readonly kind: 'tensor';
  readonly dtype: DType;
  readonly shape: Shape;
  readonly storage: StorageReference;
  readonly offset: number;
  readonly stride: readonly number[];
}

interface StorageType extends PickleObject {
  readonly kind: 'storageType';
  readonly dtype: DType;
}

export function isTensorReference(value: PickleValue | undefined): value is TensorReference {
  return isPickleObject(value) && value.kind === 'tensor';
}

/** The element type that a persistent id's storage class stands for. */
export function storageTypeOf(value: PickleValue | undefined): DType | undefined {
  return isPickleObject(value) && isStorageType(value) ? value.dtype : undefined;
}

function isStorageType(value: PickleObject): value is StorageType {
  return value.kind === 'storageType';
}

const storageTypes: Record<string, DType> = {
  'torch.FloatStorage': 'float32',
  'torch.DoubleStorage': 'float64',
  'torch.HalfStorage': 'float16',
  'torch.BFloat16Storage': 'bfloat16',
  'torch.LongStorage': 'int64',
  'torch.IntStorage': 'int32',
  'torch.ShortStorage': 'int16',
  'torch.CharStorage': 'int8',
  'torch.ByteStorage': 'uint8',
  'torch.BoolStorage': 'bool',
  'torch.storage.UntypedStorage': 'uint8',
  'torch.storage._UntypedStorage': 'uint8',
};

/** Names without which nothing is lost: they stand for themselves, and tell a type or an empty state. */
const constants = [
  ...['int', 'float', 'bool', 'str', 'complex', 'object'].flatMap((name) => [
    `builtins.${name}`,
    `__builtin__.${name}`,
  ]),
  ...['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'].map(
    (name) => `torch.${name}`,
  ),
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
];

/** An object of a class or function that is not known here, or that class or function itself. It was not made; only its name is known. */
export interface UnknownObject extends PickleObject {
  readonly kind: 'unknown';
  readonly name: string;
  /** Whether it was to be made of tensors: their values would be missed. */
  readonly holdsTensors: boolean;
}

/** Names that run code or commands. Nothing would be run here either, but no checkpoint needs them: who finds one should know. */
const attack =
  /^(os|posix|nt|subprocess|pty|commands|socket|importlib|runpy|code|ctypes)\.|^(builtins|__builtin__)\.(eval|exec|execfile|compile|open|input|breakpoint|__import__)$/;

/**
 * The function to look a pickle's global names up with. `source` names the file in errors; `checkTensor` sees every tensor
 * made, `onUnknown` every name that is not known.
 */
export function createGlobals(
  source: string,
  checkTensor: (tensor: TensorReference) => void,
  onUnknown: (name: string) => void,
): (name: string) => PickleObject {
  const fail = (problem: string): never => {
    throw new SteadysegError(`${source}: damaged checkpoint: ${problem}`);
  };
  const rebuildTensor = callable((args) => {
    const tensor = tensorReference(args, fail);
    checkTensor(tensor);
    return tensor;
  });
  const known = new Map<string, PickleObject>();
  const define = (names: string[], object: PickleObject) => {
    for (const name of names) known.set(name, object);
  };
  for (const [name, dtype] of Object.entries(storageTypes)) known.set(name, storageType(dtype));
  for (const name of constants) known.set(name, unknownObject(name));

  // _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata]); _rebuild_tensor has the first four.
  define(['torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2'], rebuildTensor);
  // _rebuild_parameter(data, requires_grad, backward_hooks[, state])
  const rebuildParameter = callable(([data]) =>
    isTensorReference(data) ? data : fail('a parameter that is no tensor'),
  );
  define(['torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state'], rebuildParameter);
  // _rebuild_from_type_v2(function, type, arguments, state): a tensor with attributes of its own, which are left out.
  const rebuildFromType = callable(([rebuild, , args]) => {
    if (!Array.isArray(args)) return fail('a tensor made from what is no tuple');
    if (rebuild === rebuildTensor) return rebuildTensor.call?.(args, () => {}) ?? null;
    return fail('a tensor made by something other than _rebuild_tensor_v2');
  });
  define(['torch._tensor._rebuild_from_type_v2'], rebuildFromType);
  define(['torch.Size'], callable(([sizes = []]) => sizes));
  define(['torch.device'], callable(([type, index]) => deviceName(type, index, fail)));

  const dict = callable(([items = []], spend) => dictFrom(items, spend, fail));
  define(['collections.OrderedDict', 'collections.Counter', 'builtins.dict', '__builtin__.dict'], dict);
  define(['collections.defaultdict'], callable(() => new Map()));
  const list = callable(([items = []], spend) => [...iterable(items, spend, fail)]);
  define(['builtins.list', 'builtins.tuple', '__builtin__.list', '__builtin__.tuple'], list);
  const set = callable(([items = []], spend) => new Set(iterable(items, spend, fail)));
  define(['builtins.set', 'builtins.frozenset', '__builtin__.set', '__builtin__.frozenset'], set);
  // How protocol 2 writes bytes: a string with one character a byte.
  define(['_codecs.encode'], callable(([text, encoding], spend) => {
    if (typeof text !== 'string' || encoding !== 'latin1') return fail('bytes in an encoding other than latin1');
    spend(text.length);
    return bytesOfLatin1(text);
  }));
  define(['argparse.Namespace', 'numpy.ndarray'], record());
  define(['numpy.dtype'], callable(([code]) =>
    typeof code === 'string' ? numpyType(code, fail) : fail('a numpy type without a name'),
  ));
  define(['numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'], callable(([type, content]) =>
    numpyScalar(type, content, fail),
  ));
  define(['numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct'], record());

  return (name) => {
    const found = known.get(name);
    if (found) return found;
    if (attack.test(name)) {
      throw new SteadysegError(
        `${source}: refused the global "${name}", which runs code or commands and which no weights need: nothing was run; do not load this file in Python`,
      );
    }
    onUnknown(name);
    const object = unknownObject(name);
    known.set(name, object);
    return object;
  };
}

export function isUnknownObject(value: PickleValue | undefined): value is UnknownObject {
  return isPickleObject(value) && value.kind === 'unknown';
}

/** What stands for an unknown class or function; calls give what stands for its objects. */
function unknownObject(name: string, holdsTensors = false): UnknownObject {
  return {
    kind: 'unknown',
    name,
    holdsTensors,
    call(args, spend) {
      spend(args.length);
      return unknownObject(name, args.some(isOfTensors));
    },
    setState() {},
  };
}

function isOfTensors(value: PickleValue): boolean {
  if (Array.isArray(value)) return value.some((item) => isPickleObject(item) && isOfTensors(item));
  if (!isPickleObject(value)) return false;
  return isTensorReference(value) || isStorage(value) || (isUnknownObject(value) && value.holdsTensors);
}

function callable(call: NonNullable<PickleObject['call']>): PickleObject {
  return { kind: 'function', call };
}

/** The class of a storage. It can be called only by what PyTorch no longer writes, so it cannot be called here. */
function storageType(dtype: DType): StorageType {
  return { kind: 'storageType', dtype };
}

/** A class whose instances hold data that no weights reader needs; their state is dropped. */
function record(): PickleObject {
  return callable(() => ({ kind: 'record', setState() {} }));
}

function iterable(
  value: PickleValue,
  spend: (steps: number) => void,
  fail: (problem: string) => never,
): Iterable<PickleValue> {
  if (value instanceof Map) {
    spend(value.size);
    return value.keys();
  }
  if (value instanceof Set) spend(value.size);
  else if (Array.isArray(value)) spend(value.length);
  else return fail('a list made of what is none');
  return value;
}

function dictFrom(
  items: PickleValue,
  spend: (steps: number) => void,
  fail: (problem: string) => never,
): Map<PickleValue, PickleValue> {
  if (items instanceof Map) {
    spend(items.size);
    return new Map(items);
  }
  const dict = new Map<PickleValue, PickleValue>();
  for (const pair of iterable(items, spend, fail)) {
    if (!Array.isArray(pair) || pair.length !== 2) return fail('a dict made of what are no pairs');
    dict.set(pair[0], pair[1]);
  }
  return dict;
}

/** Checks the arguments of `_rebuild_tensor_v2`: whole numbers, and every element within the storage. */
function tensorReference(args: readonly PickleValue[], fail: (problem: string) => never): TensorReference {
  const [storage, offset, size, stride] = args;
  if (!isPickleObject(storage) || !isStorage(storage)) return fail('a tensor without a storage');
  const shape = wholeNumbers(size) ?? fail('a tensor whose shape is no tuple of whole numbers');
  const strides = wholeNumbers(stride) ?? fail('a tensor whose stride is no tuple of whole numbers');
  const [first] = wholeNumbers([offset ?? null]) ?? fail('a tensor whose offset is no whole number');
  if (shape.length !== strides.length) fail(`a tensor of ${shape.length} dimensions with ${strides.length} strides`);
  let count = 1;
  let last = first;
  for (let axis = 0; axis < shape.length; axis++) {
    count *= Math.max(1, shape[axis]);
    last += (shape[axis] - 1) * strides[axis];
  }
  // Checked after the loop: products and sums only grow, and beyond 2^53 they stay there.
  if (!Number.isSafeInteger(count) || (!shape.includes(0) && !(last < storage.count))) {
    fail(
      `a tensor of shape ${formatShape(shape)} with stride ${formatShape(strides)} at ${first} exceeds the ${storage.count} elements of storage "${storage.key.slice(0, 80)}"`,
    );
  }
  return { kind: 'tensor', dtype: storage.dtype, shape, storage, offset: first, stride: strides };
}

function isStorage(value: PickleObject): value is StorageReference {
  return value.kind === 'storage';
}

/** `cuda:0`. Only what a device may be made of: a tuple that holds itself twice would double in length at every level. */
function deviceName(
  type: PickleValue | undefined,
  index: PickleValue | undefined,
  fail: (problem: string) => never,
): string {
  if (typeof type !== 'string' || type.length > MAX_DEVICE_NAME) return fail('a device that is no name and number');
  if (index === undefined) return type;
  return typeof index === 'number' ? `${type}:${index}` : fail('a device that is no name and number');
}

function bytesOfLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

interface NumpyType extends PickleObject {
  readonly kind: 'numpyType';
  readonly code: string;
  littleEndian: boolean;
}

/** `dtype('f8')`; its state tells the byte order: `(version, '<', …)`. */
function numpyType(code: string, fail: (problem: string) => never): NumpyType {
  const type: NumpyType = {
    kind: 'numpyType',
    code,
    littleEndian: true,
    setState(state) {
      if (!Array.isArray(state)) return fail('a numpy type whose state is no tuple');
      type.littleEndian = state[1] !== '>';
    },
  };
  return type;
}

const numpyReaders: Record<string, [bytes: number, read: (data: DataView, little: boolean) => PickleValue]> = {
  f8: [8, (data, little) => data.getFloat64(0, little)],
  f4: [4, (data, little) => data.getFloat32(0, little)],
  i8: [8, (data, little) => Number(data.getBigInt64(0, little))],
  i4: [4, (data, little) => data.getInt32(0, little)],
  i2: [2, (data, little) => data.getInt16(0, little)],
  i1: [1, (data) => data.getInt8(0)],
  u8: [8, (data, little) => Number(data.getBigUint64(0, little))],
  u4: [4, (data, little) => data.getUint32(0, little)],
  u2: [2, (data, little) => data.getUint16(0, little)],
  u1: [1, (data) => data.getUint8(0)],
  b1: [1, (data) => data.getUint8(0) !== 0],
};

/** A numpy scalar such as a best score; of types that are no plain numbers, only a record that there was one. */
function numpyScalar(
  type: PickleValue | undefined,
  content: PickleValue | undefined,
  fail: (problem: string) => never,
): PickleValue {
  if (!isPickleObject(type) || !isNumpyType(type)) return fail('a numpy scalar without a type');
  const [size, read] = Object.hasOwn(numpyReaders, type.code) ? numpyReaders[type.code] : [];
  if (!size || !read) return { kind: 'record' };
  // Python 2 wrote the bytes as a string; both are at most a few bytes long when sound.
  if (typeof content === 'string' && content.length !== size) return fail('a numpy scalar of the wrong size');
  const bytes = typeof content === 'string' ? bytesOfLatin1(content) : content;
  if (!(bytes instanceof Uint8Array) || bytes.length !== size) return fail('a numpy scalar of the wrong size');
  return read(new DataView(bytes.buffer, bytes.byteOffset, size), type.littleEndian);
}

function isNumpyType(value: PickleObject): value is NumpyType {
  return value.kind === 'numpyType';
}
