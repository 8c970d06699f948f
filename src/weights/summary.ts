// What is in a weights file: tensors, element types, sizes.
import { bytesPerElement, elementCount } from '../tensor/tensor.js';
import type { WeightsFile } from './weightsFile.js';

/** What is in a weights file. */
export interface WeightsSummary {
  readonly format: WeightsFile['format'];
  readonly tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
  readonly parameters: {
    /** Values of the floating-point tensors: weights and statistics. */
    readonly count: number;
    /** Bytes by element type. */
    readonly bytes: Readonly<Record<string, number>>;
  };
  readonly metadata: Readonly<Record<string, string>>;
  /** As of `WeightsFile`. */
  readonly steppedOver: readonly string[];
  readonly others: readonly string[];
}

/** Summarises an open weights file without reading its data. */
export function summarizeWeights(file: WeightsFile): WeightsSummary {
  let count = 0;
  const bytes: Record<string, number> = {};
  const tensors = [...file.tensors].map(([name, { dtype, shape }]) => {
    bytes[dtype] = (bytes[dtype] ?? 0) + elementCount(shape) * bytesPerElement(dtype);
    if (dtype.includes('float')) count += elementCount(shape);
    return { name, dtype, shape };
  });
  const { format, metadata, steppedOver, others } = file;
  return { format, tensors, parameters: { count, bytes }, metadata: Object.fromEntries(metadata), steppedOver, others };
}
