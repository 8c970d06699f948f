// What this folder asks of a build of ONNX Runtime; nodeEngine.ts and webEngine.ts are the two there are.
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import type { DType, Tensor } from '../tensor/tensor.js';

/** A build of ONNX Runtime. */
export interface Engine {
  /** Where a model runs when nothing is said. */
  readonly defaultDevice: string;
  /** Devices this build knows. */
  devices(): readonly string[];
  /** Compiles a model; a path is read by the engine itself. */
  create(model: string | Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  /** An engine tensor over the same memory. */
  tensor(value: Tensor): OrtTensor;
}

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

type EngineDType = Exclude<DType, 'bfloat16'>;

/** Whether a type name of the engine is an element type of ours. */
export function isEngineDType(type: string): type is EngineDType {
  return dtypes.has(type);
}
