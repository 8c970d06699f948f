// Reads golden files, and the weights and inputs that come from names (rules in the goldens' README).
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Graph } from '#src/onnx/graph.js';
import { symmetricByName, uniformByName } from '#src/tensor/random.js';
import { elementCount, type Shape, type Tensor, tensorFromBytes } from '#src/tensor/tensor.js';
import { sharedPath } from './shared.js';

type Float32Tensor = Tensor<'float32'>;

/** Float32 tensors and metadata of a .safetensors file that is known to be good. */
export function readGolden(path: string): { tensors: Record<string, Float32Tensor>; metadata: Record<string, string> } {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(bytes.toString('utf8', 8, start));
  const tensors: Record<string, Float32Tensor> = {};
  for (const [name, entry] of Object.entries(entries as Record<string, { shape: Shape; data_offsets: number[] }>)) {
    const [from, to] = entry.data_offsets;
    tensors[name] = tensorFromBytes('float32', entry.shape, bytes.subarray(start + from, start + to));
  }
  return { tensors, metadata: metadata ?? {} };
}

export function readSharedJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(sharedPath(...parts), 'utf8'));
}

/** A state-dict entry's value from its full name. */
export function weightByName(name: string, shape: Shape): Float32Tensor {
  if (name.endsWith('.running_mean')) return symmetricByName(name, shape, 0.1);
  if (name.endsWith('.running_var')) return uniformByName(name, shape, 0.5, 1.5);
  if (shape.length >= 2) return symmetricByName(name, shape, Math.sqrt(3 / elementCount(shape.slice(1))));
  return name.endsWith('weight') ? uniformByName(name, shape, 0.5, 1.5) : symmetricByName(name, shape, 0.1);
}

/** Every parameter of a graph, from the prefix and its name. */
export function weightsByName(graph: Graph, prefix: string): Map<string, Float32Tensor> {
  return new Map(
    [...graph.parameters].map(([name, { value }]) => [name, weightByName(`${prefix}${name}`, value.shape)]),
  );
}

/** Largest difference of two tensors of the same shape. */
export function largestDifference(found: Tensor, expected: Tensor): number {
  expect(found.shape).toEqual(expected.shape);
  let largest = 0;
  for (let i = 0; i < expected.data.length; i++) {
    largest = Math.max(largest, Math.abs(Number(expected.data[i]) - Number(found.data[i])));
  }
  return largest;
}

export function standardDeviation({ data }: Float32Tensor): number {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  return Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
}
