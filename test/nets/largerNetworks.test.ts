// The larger variants of PIDNet, DDRNet and SegFormer: as large and as costly as published, and equal to bench/peer's networks in
// float64, which are equal to their authors' in the small variants.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inference } from '#src/nets/mode.js';
import { isAuxiliary } from '#src/nets/networkWeights.js';
import { recognizeNetwork } from '#src/nets/recognizeNetwork.js';
import { buildNetwork } from '#src/nets/registry.js';
import { stateDictEntries } from '#src/nets/stateDictEntries.js';
import { exportModel } from '#src/onnx/export.js';
import { countCost } from '#src/onnx/flops.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { elementCount, type Shape } from '#src/tensor/tensor.js';
import { largestDifference, readGolden, standardDeviation, weightsByName } from '../goldens.js';

function build(name: string, shape: Shape, classes: number) {
  const graph = createGraph(name);
  const image = input(graph, 'image', 'float32', shape);
  return { graph, logits: buildNetwork(name, graph, image, { classes, mode: inference }).logits };
}

/** Millions of weights that inference uses (SegFormer's with the 150 classes of ADE20K), and billions of multiply–adds at 1024×2048. */
const published: readonly (readonly [name: string, millions: number, billions: number | undefined])[] = [
  ['pidnet-s', 7.6, 47.6],
  ['pidnet-l', 36.9, 275.8],
  ['ddrnet23-slim', 5.7, 36.3],
  ['ddrnet23', 20.1, 143.1],
  ['segformer-b0', 3.8, undefined],
  ['segformer-b1', 13.7, undefined],
  ['segformer-b2', 27.5, undefined],
  ['segformer-b3', 47.3, undefined],
  ['segformer-b4', 64.1, undefined],
  ['segformer-b5', 84.7, undefined],
];

describe('a network', () => {
  it.each(published)('%s has %s million weights, as published', (name, millions, billions) => {
    const shape = billions === undefined ? [1, 3, 64, 64] : [1, 3, 1024, 2048];
    const { graph, logits } = build(name, shape, billions === undefined ? 150 : 19);
    const weights = stateDictEntries(graph).filter(
      ({ name: entry, dtype }) => dtype === 'float32' && !entry.includes('running_') && !isAuxiliary(entry),
    );
    const count = weights.reduce((sum, entry) => sum + elementCount(entry.shape), 0);
    expect(Math.abs(count / 1e6 - millions)).toBeLessThan(0.051);
    // What publications count besides convolutions is less than a hundredth.
    if (billions !== undefined) {
      const found = countCost([logits]).multiplyAdds / 1e9;
      expect(Math.abs(found / billions - 1)).toBeLessThan(0.01);
    }
    expect(recognizeNetwork(new Map(stateDictEntries(graph).map((entry) => [entry.name, entry])))).toBe(name);
  });
});

const { tensors, metadata } = readGolden(
  join(import.meta.dirname, '..', 'fixtures', 'nets', 'larger_networks_eval.safetensors'),
);

describe('against PyTorch', { timeout: 120_000 }, () => {
  it.each(Object.keys(tensors))('%s has the same state dict and computes the same', async (name) => {
    const [, sizes, , digest, count] = metadata[name].split(' ');
    const shape = sizes.split(',').map(Number);
    const { graph, logits } = build(name, shape, 4);
    const entries = stateDictEntries(graph).map((entry) => `${entry.name} ${entry.shape.join('x')}`);
    expect(entries.length).toBe(Number(count));
    expect(createHash('sha256').update(entries.sort().join('\n')).digest('hex')).toBe(digest);
    const model = exportModel(graph, { logits }, { weights: weightsByName(graph, `${name}.`) });
    const session = await createSession(writeModel(model));
    const results = await session.run({ image: symmetricByName(`${name}.x`, shape, 2) });
    await session.release();
    expect(largestDifference(results.logits, tensors[name]) / standardDeviation(tensors[name])).toBeLessThan(1e-4);
  });
});
