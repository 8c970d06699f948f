// Samples without a neighbour do not count in losses over frames; batches without labels have a cross entropy of 0.
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { motionLoss } from '#src/losses/motion.js';
import { multiFrameLoss, trainedMultiFrameLoss } from '#src/losses/multiFrame.js';
import { pixelWiseLoss } from '#src/losses/pixelWise.js';
import { type SampleWeights, sampleWeights } from '#src/losses/sampleWeights.js';
import { segmentationLoss } from '#src/losses/segmentation.js';
import { pairFramesLoss, selfSimilarityLoss } from '#src/losses/similarity.js';
import { initializeParameters } from '#src/nets/initialize.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { elementCount, type Tensor, tensor } from '#src/tensor/tensor.js';

type Maps = (name: string, channels?: number) => Value;

const losses: Record<string, (map: Maps, weights: SampleWeights) => Value> = {
  motion: (map, weights) =>
    motionLoss({
      logits: map('a'),
      neighbourLogits: map('b'),
      image: map('image', 3),
      neighbour: map('other', 3),
      flow: map('flow', 2),
      weights,
    }),
  pixel: (map, weights) => pixelWiseLoss(map('a'), map('b'), { weights }),
  pairFrames: (map, weights) =>
    pairFramesLoss({ frame: map('a'), neighbour: map('b') }, { frame: map('c'), neighbour: map('d') }, { weights }),
  selfSimilarity: (map, weights) => selfSimilarityLoss(map('a'), map('b'), { weights }),
  multiFrame: (map, weights) => multiFrameLoss(three(map, 'abc'), three(map, 'def'), { pooling: 2, weights }),
  'multiFrame, trained': (map, weights) =>
    trainedMultiFrameLoss(three(map, 'abc'), three(map, 'def'), { weights }).distance,
  antiCollapse: (map, weights) => trainedMultiFrameLoss(three(map, 'abc'), three(map, 'def'), { weights }).antiCollapse,
};

const three = (map: Maps, [front, centre, back]: string) => ({
  front: map(front),
  centre: map(centre),
  back: map(back),
});

/** The loss on the first `samples` of three samples, weighted or not. */
async function lossOf(name: string, samples: number, weights?: readonly boolean[]): Promise<number> {
  const graph = createGraph(name);
  const feeds: Record<string, Tensor> = {};
  const declared = new Map<string, Value>();
  const map: Maps = (key, channels = 4) => {
    const all = symmetricByName(key, [3, channels, 6, 8], 2);
    const shape = [samples, channels, 6, 8];
    feeds[key] = tensor('float32', shape, all.data.slice(0, elementCount(shape)));
    const value = declared.get(key) ?? input(graph, key, 'float32', shape);
    declared.set(key, value);
    return value;
  };
  if (weights) feeds.weights = tensor('float32', [samples], sampleWeights(weights));
  const loss = losses[name](map, weights && input(graph, 'weights', 'float32', [samples]));
  const session = await createSession(
    writeModel(exportModel(graph, { loss }, { weights: initializeParameters(graph, 1) })),
  );
  const { loss: found } = await session.run(feeds);
  await session.release();
  return Number(found.data[0]);
}

describe('samples without a neighbour', () => {
  for (const name of Object.keys(losses)) {
    it(`do not count in ${name}`, async () => {
      const two = await lossOf(name, 2);
      expect(Math.abs(two)).toBeGreaterThan(1e-4);
      expect((await lossOf(name, 3, [true, true, false])) / two).toBeCloseTo(1, 5);
      expect((await lossOf(name, 3, [true, true, true])) / (await lossOf(name, 3))).toBeCloseTo(1, 5);
      expect(await lossOf(name, 3, [false, false, false])).toBe(0);
    });
  }
});

describe('a batch without labels', () => {
  for (const mining of [undefined, { threshold: 0.7, minKept: 5, heads: 'both' as const }]) {
    it(`has a cross entropy of 0 and no gradient${mining ? ', mined or not' : ''}`, async () => {
      const graph = createGraph('unlabelled');
      const logits = input(graph, 'logits', 'float32', [1, 3, 4, 4]);
      const labels = input(graph, 'labels', 'uint8', [1, 8, 8]);
      const loss = segmentationLoss({ logits, auxiliaries: [logits] }, labels, { mining, classWeights: [1, 2, 3] });
      const [gradient] = gradients(graph, loss, [logits]);
      const session = await createSession(writeModel(exportModel(graph, { loss, gradient })), {
        optimization: 'disabled',
      });
      const found = await session.run({
        logits: symmetricByName('logits', [1, 3, 4, 4], 2),
        labels: tensor('uint8', [1, 8, 8], new Uint8Array(64).fill(255)),
      });
      expect(found.loss.data[0]).toBe(0);
      expect(Array.from(found.gradient.data as Float32Array).every((value) => value === 0)).toBe(true);
      await session.release();
    });
  }
});
