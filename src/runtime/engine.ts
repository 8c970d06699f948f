// The engine under session.ts in Node: onnxruntime-node. Another build of ONNX Runtime can take this file's place.
import * as ort from 'onnxruntime-node';
import type { DType, Tensor } from '../tensor/tensor.js';

/** Element types the engine takes and gives; they have the same names here and there. */
const dtypes = new Set<string>([
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
] satisfies DType[]);

// Its messages come back as exceptions; what it logs besides would only disturb the terminal.
ort.env.logLevel = 'fatal';

type EngineDType = Exclude<DType, 'bfloat16'>;

/** Whether a type name of the engine is an element type of ours. */
export function isEngineDType(type: string): type is EngineDType {
  return dtypes.has(type);
}

/** Devices this build of the engine knows; those that need files of their own (`cuda`) may still fail to start. */
export function supportedDevices(): string[] {
  return ort.listSupportedBackends().map((backend) => backend.name);
}

export function createOrtSession(
  model: string | Uint8Array,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  return typeof model === 'string'
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options);
}

/** An engine tensor over the same memory. */
export function createOrtTensor(value: Tensor): ort.Tensor {
  if (value.dtype === 'float16') return new ort.Tensor('float16', halfArray(value.data as Uint16Array), value.shape);
  return new ort.Tensor(value.dtype as 'float32', value.data as Float32Array, value.shape);
}

/** float16 bits as the array type the engine's tensors want: Float16Array where JavaScript has it. */
function halfArray(bits: Uint16Array): Uint16Array {
  const Half = (globalThis as { Float16Array?: new (buffer: ArrayBufferLike, at: number, length: number) => unknown })
    .Float16Array;
  return Half ? (new Half(bits.buffer, bits.byteOffset, bits.length) as Uint16Array) : bits;
}
