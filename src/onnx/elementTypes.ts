// ONNX's numbers for element types (TensorProto.DataType).
import type { DType } from '../tensor/tensor.js';

const codes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const dtypes = new Map(Object.entries(codes).map(([dtype, code]) => [code, dtype as DType]));

/** The number of an element type. */
export function elementTypeCode(dtype: DType): number {
  return codes[dtype];
}

/** The element type of a number, or undefined for those that are not supported (strings, complex, 8- and 4-bit floats). */
export function dtypeOfCode(code: number): DType | undefined {
  return dtypes.get(code);
}
