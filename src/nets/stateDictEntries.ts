// The state dict that PyTorch would hold for a network: names, element types and shapes.
import type { Graph } from '../onnx/graph.js';
import type { DType, Shape } from '../tensor/tensor.js';

export interface StateDictEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

const variance = '.running_var';

/**
 * Entries in order of declaration. Beside the graph's parameters these are the `num_batches_tracked` counters (int64
 * scalars) that PyTorch keeps after each running variance, and that nothing here computes with.
 */
export function stateDictEntries(graph: Graph): StateDictEntry[] {
  return [...graph.parameters].flatMap(([name, { value }]): StateDictEntry[] => {
    const entry = { name, dtype: value.dtype, shape: value.shape };
    if (!name.endsWith(variance)) return [entry];
    const counter = `${name.slice(0, -variance.length)}.num_batches_tracked`;
    return [entry, { name: counter, dtype: 'int64', shape: [] }];
  });
}
