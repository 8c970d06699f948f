// PIDNet-S, DDRNet-23-slim and SegFormer-B0 against their authors' modules, on weights made from names.
import { expect, it } from 'vitest';
import { inference } from '#src/nets/mode.js';
import { buildNetwork } from '#src/nets/registry.js';
import { stateDictEntries } from '#src/nets/stateDictEntries.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Shape } from '#src/tensor/tensor.js';
import { largestDifference, readGolden, readSharedJson, standardDeviation, weightsByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

/** Bounds in standard deviations of an output; SegFormer's tells an epsilon of 1e-6 in its layer norms from 1e-5. */
const networks = [
  { name: 'pidnet-s', golden: 'pidnet_s', bound: 1e-4 },
  { name: 'ddrnet23-slim', golden: 'ddrnet23_slim', bound: 1e-4 },
  { name: 'segformer-b0', golden: 'segformer_b0', bound: 1.5e-5 },
] as const;

function build(name: string, shape: Shape) {
  const graph = createGraph(name);
  const image = input(graph, 'image', 'float32', shape);
  const { logits, auxiliary, boundary } = buildNetwork(name, graph, image, { classes: 19, mode: inference });
  const outputs: Record<string, Value> = { logits };
  if (auxiliary) outputs.aux = auxiliary;
  if (boundary) outputs.boundary = boundary;
  return { graph, outputs };
}

for (const { name, golden, bound } of networks) {
  describeWithShared(name, [`goldens/nets/${golden}_eval.safetensors`], () => {
    it('has the state dict of its authors', () => {
      const { graph } = build(name, [1, 3, 64, 64]);
      const found = Object.fromEntries(stateDictEntries(graph).map((entry) => [entry.name, entry.shape]));
      const expected = readSharedJson<[string, Shape][]>('goldens', 'nets', `${golden}_state_dict.json`);
      expect(found).toEqual(Object.fromEntries(expected));
    });

    const { tensors, metadata } = readGolden(sharedPath('goldens', 'nets', `${golden}_eval.safetensors`));
    const cases = Object.keys(metadata).filter((key) => key === 'input' || key.startsWith('input.'));
    it.each(cases)('computes what they do: %s', async (key) => {
      const [inputName, , scale, , sizes] = metadata[key].split(' ');
      const shape = sizes.split(',').map(Number);
      const { graph, outputs } = build(name, shape);
      const model = exportModel(graph, outputs, { weights: weightsByName(graph, metadata.prefix) });
      const session = await createSession(writeModel(model), { threads: 2 });
      const results = await session.run({ image: symmetricByName(inputName, shape, Number(scale)) });
      await session.release();
      const prefix = key === 'input' ? '' : `${key.slice('input.'.length)}.`;
      const expected = Object.keys(outputs).filter((output) => tensors[`${prefix}${output}`]);
      expect(expected).toContain('logits');
      for (const output of expected) {
        const reference = tensors[`${prefix}${output}`];
        const error = largestDifference(results[output], reference) / standardDeviation(reference);
        expect(error, output).toBeLessThan(bound);
      }
    });
  });
}
