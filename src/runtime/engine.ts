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
  const { dtype, shape, data } = value;
  if (dtype === 'float16') {
    // Where JavaScript has half-precision arrays (Node 24), the constructor makes one of the bits, which the native part
    // cannot read. It reads these four properties, whatever the object is.
    return { type: 'float16', dims: shape, data, location: 'cpu' } as unknown as ort.Tensor;
  }
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
}
