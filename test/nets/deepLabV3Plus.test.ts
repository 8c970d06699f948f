// DeepLabV3+ against PyTorch (torchvision's MobileNetV2 under the head of bench/peer/deeplab.py, in float64), on weights made from names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inference } from '#src/nets/mode.js';
import { buildNetwork } from '#src/nets/registry.js';
import { stateDictEntries } from '#src/nets/stateDictEntries.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Shape } from '#src/tensor/tensor.js';
import { largestDifference, readGolden, standardDeviation, weightsByName } from '../goldens.js';

const fixture = (file: string) =>
  join(import.meta.dirname, '..', 'fixtures', 'nets', `deeplabv3plus_mobilenetv2_${file}`);

function build(shape: Shape) {
  const graph = createGraph('deeplabv3plus');
  const image = input(graph, 'image', 'float32', shape);
  const outputs = buildNetwork('deeplabv3plus-mobilenetv2', graph, image, { classes: 3, mode: inference });
  return { graph, outputs };
}

describe('DeepLabV3+ on MobileNetV2 against PyTorch', () => {
  it('has the state dict of PyTorch, in its order', () => {
    const { graph } = build([1, 3, 65, 97]);
    const found = stateDictEntries(graph).map((entry) => [entry.name, entry.shape]);
    expect(found).toEqual(JSON.parse(readFileSync(fixture('state_dict.json'), 'utf8')));
  });

  it('computes logits within 1e-4 of their standard deviation', async () => {
    const { tensors, metadata } = readGolden(fixture('eval.safetensors'));
    const [inputName, , scale, , sizes] = metadata.input.split(' ');
    const shape = sizes.split(',').map(Number);
    const { graph, outputs } = build(shape);
    const weights = weightsByName(graph, metadata.prefix);
    const session = await createSession(writeModel(exportModel(graph, { logits: outputs.logits }, { weights })));
    const { logits } = await session.run({ image: symmetricByName(inputName, shape, Number(scale)) });
    await session.release();
    expect(largestDifference(logits, tensors.logits) / standardDeviation(tensors.logits)).toBeLessThan(1e-4);
  });
});
