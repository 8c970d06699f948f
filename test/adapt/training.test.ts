// The step of an adaptation against SPEC section 9, written out.
import { expect, it } from 'vitest';
import { drawPair, method, pairStep } from '#src/adapt/training.js';
import { parameter } from '#src/onnx/graph.js';
import { conv } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import type { Student } from '#src/train/student.js';

const [height, width, classes] = [4, 6, 3];
const pixels = height * width;

/** Scores are sums of the colours of the pixel. */
const weight = symmetricByName('weight', [classes, 3, 1, 1], 1.5);
const student: Student = {
  name: 'colours',
  classes: { count: classes, names: undefined },
  preprocessing: { mean: [128, 128, 128], std: [64, 64, 64], channelOrder: 'rgb' },
  weights: new Map([['weight', weight]]),
  build: (image) => ({
    logits: conv(
      image,
      parameter(image.graph, 'weight', [classes, 3, 1, 1], { kind: 'constant', value: 0 }),
      undefined,
      {},
    ),
    auxiliaries: [],
    features: new Map(),
  }),
  toModel: () => new Uint8Array(),
};

/** Class probabilities of a pixel. */
function said(image: Tensor, pixel: number): number[] {
  const powers = Array.from({ length: classes }, (_, c) => {
    const sums = [0, 1, 2].map(
      (k) => (Number(weight.data[3 * c + k]) * (Number(image.data[k * pixels + pixel]) - 128)) / 64,
    );
    return Math.exp(sums[0] + sums[1] + sums[2]);
  });
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

it('adds the consensus of both frames, rare classes weighing more, and the motion over what the next frame shows', async () => {
  const sums = [900, 90, 10];
  const factors = [0.5, 2, 3];
  const step = pairStep(student, { height, width, targetSums: sums, targetFactors: factors });
  const flow = Float32Array.from({ length: 2 * pixels }, (_, i) => (i < pixels ? 1 : 0));
  const visible = Float32Array.from({ length: pixels }, (_, i) => (i % width < width - 1 && i % 5 !== 2 ? 1 : 0));
  const feeds = {
    weight,
    image: labelsByName('image', [1, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [1, 3, height, width], 256),
    'targets.frame': labelsByName('targets', [1, height, width, classes], 256),
    'targets.neighbour': labelsByName('next targets', [1, height, width, classes], 256),
    'pixelWeights.frame': labelsByName('pixel weights', [1, height, width], 129),
    'pixelWeights.neighbour': labelsByName('next pixel weights', [1, height, width], 129),
    flow: tensor('float32', [1, 2, height, width], flow),
    flowValid: tensor('float32', [1, 1, height, width], visible),
  };
  const session = await createSession(writeModel(step.model), { optimization: 'disabled' });
  const found = await session.run(feeds);
  await session.release();

  // w ∝ q^(-1/2) with Σ q·w = 1.
  const shares = sums.map((sum) => sum / 1000);
  const scale = shares.reduce((sum, share) => sum + Math.sqrt(share), 0);
  const classWeights = shares.map((share) => share ** -0.5 / scale);
  let [loss, weights] = [0, 0];
  for (const [frame, targets, counting] of [
    [feeds.image, feeds['targets.frame'], feeds['pixelWeights.frame']],
    [feeds.neighbour, feeds['targets.neighbour'], feeds['pixelWeights.neighbour']],
  ] as const) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      const probabilities = said(frame, pixel);
      const bytes = factors.map((factor, c) => factor * Number(targets.data[classes * pixel + c]));
      const total = bytes.reduce((a, b) => a + b, 0);
      const of =
        Number(counting.data[pixel]) * bytes.reduce((sum, byte, c) => sum + (byte / total) * classWeights[c], 0);
      weights += of;
      loss -= of * bytes.reduce((sum, byte, c) => sum + (byte / total) * Math.log(probabilities[c]), 0);
    }
  }
  let [moved, seen] = [0, 0];
  for (let pixel = 0; pixel < pixels; pixel++) {
    if (visible[pixel] === 0) continue;
    seen++;
    const [now, next] = [said(feeds.image, pixel), said(feeds.neighbour, pixel + 1)];
    moved += now.reduce((sum, value, c) => sum + (value - next[c]) ** 2, 0);
  }
  expect(Number(found.loss.data[0])).toBeCloseTo(loss / weights + (10 * moved) / seen, 4);
});

it('draws all pairs, half of them mirrored, the same for the same seed', () => {
  const pairs = [3, 4, 8];
  const drawn = Array.from({ length: 400 }, (_, step) => drawPair(pairs, 1, step));
  for (const t of pairs) expect(drawn.filter((one) => one.t === t).length).toBeGreaterThan(100);
  const mirrored = drawn.filter((one) => one.mirrored).length;
  expect(mirrored).toBeGreaterThan(160);
  expect(mirrored).toBeLessThan(240);
  expect(drawn).toEqual(drawn.map((_, step) => drawPair(pairs, 1, step)));
  expect(drawn).not.toEqual(drawn.map((_, step) => drawPair(pairs, 2, step)));
});

it('has the constants of the method', () => {
  expect(method).toEqual({ temperature: 0.5, motion: 10, rate: 2e-4, averaging: 0.98, anchor: 3 });
});
