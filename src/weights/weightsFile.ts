// What every weights file looks like to its readers: named tensors, known before they are read.
import type { DType, Shape, Tensor } from '../tensor/tensor.js';

/** Type and shape of a tensor that has not been read. */
export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** An open weights file. Nothing but its header is in memory until `read`. */
export interface WeightsFile {
  readonly name: string;
  readonly format: 'safetensors' | 'pth';
  /** Every tensor by name, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The file's own metadata; empty where the format has none. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Of a checkpoint: Python names of the objects that were stepped over, such as a scheduler's. */
  readonly steppedOver: readonly string[];
  /** Of a checkpoint: keys of other state dicts in it. */
  readonly others: readonly string[];
  /** One tensor. @throws SteadysegError for a name the file does not hold, or damaged data. */
  read(name: string): Promise<Tensor>;
  /** Closes the file. */
  close(): Promise<void>;
}
