// Dense tensors: a typed array with an element type and a shape, row-major.
import { SteadysegError } from '../base/errors.js';

/** Element types, named as in safetensors and ONNX. `float16`, `bfloat16` hold their bits in a Uint16Array; `bool` is 0 or 1 in a Uint8Array. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

/** The typed array that holds elements of each type. */
export interface DTypeData {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
}

/** Sizes of all axes. */
export type Shape = readonly number[];

/** A dense row-major tensor of element type `D`. `data.length` is the product of `shape`. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DTypeData[D];
}

const arrayTypes: { [D in DType]: new (buffer: ArrayBufferLike, offset?: number, length?: number) => DTypeData[D] } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

const elementBytes: Record<DType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
};

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return elementBytes[dtype];
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const dimension of shape) count *= dimension;
  return count;
}

/** `[2, 3]` → `2×3`; a scalar is `scalar`. */
export function formatShape(shape: readonly (number | string)[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly (number | string)[], b: readonly (number | string)[]): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** A tensor over existing data. @throws SteadysegError when the number of elements is not the product of the shape. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: DTypeData[D]): Tensor<D> {
  if (data.length !== elementCount(shape)) {
    throw new SteadysegError(
      `expected ${elementCount(shape)} elements for shape ${formatShape(shape)}, found ${data.length}`,
    );
  }
  return { dtype, shape, data };
}

/** A tensor of zeros. */
export function zeros<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
  const count = elementCount(shape);
  const data = new arrayTypes[dtype](new ArrayBuffer(count * elementBytes[dtype]), 0, count);
  return { dtype, shape, data };
}

/** A float32 tensor from numbers. */
export function float32(shape: Shape, values: ArrayLike<number>): Tensor<'float32'> {
  return tensor('float32', shape, Float32Array.from(values));
}

/** A number as int64. The largest int64, exporters' "to the end", is 2^63 as a number: one past the range, where it would wrap. */
export function int64Of(value: number): bigint {
  return value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value);
}

/** An int64 tensor from whole numbers. */
export function int64(shape: Shape, values: readonly number[]): Tensor<'int64'> {
  return tensor('int64', shape, BigInt64Array.from(values, int64Of));
}

/** The elements of a tensor as numbers; of half-precision types, whose data is bits, these are no values. */
export function numbersOf({ data }: Tensor): number[] {
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/** A tensor over little-endian bytes, copied only where their alignment asks for it. */
export function tensorFromBytes<D extends DType>(dtype: D, shape: Shape, bytes: Uint8Array): Tensor<D> {
  const size = elementBytes[dtype];
  const count = elementCount(shape);
  if (bytes.byteLength !== count * size) {
    throw new SteadysegError(
      `expected ${count * size} bytes for ${dtype} ${formatShape(shape)}, found ${bytes.byteLength}`,
    );
  }
  // Not `slice`: Node's buffers give a view for that.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return { dtype, shape, data: new arrayTypes[dtype](aligned.buffer, aligned.byteOffset, count) };
}

/** The little-endian bytes of a tensor, as a view on its data. */
export function bytesOf(value: Tensor): Uint8Array {
  return new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
}
