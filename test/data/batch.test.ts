// A batch is what its parts are: each sample in its place, one draw for all that belongs to it.
import { describe, expect, it } from 'vitest';
import { type Augmentation, drawAugmentation, publishedAugmentation, samplingOf } from '#src/data/augmentation.js';
import { type BatchPlan, prepareBatch, type SamplePlan } from '#src/data/batch.js';
import { changeColors } from '#src/data/colorChange.js';
import type { FrameReference } from '#src/data/dataset.js';
import type { Decoder } from '#src/data/decode.js';
import { resampleFlow, resampleImage, resampleLabels } from '#src/data/resample.js';
import { presetClasses } from '#src/media/classes.js';
import { createRandom } from '#src/tensor/random.js';

const size = { height: 30, width: 40 };
const crop = { height: 16, width: 20 };
const pixels = crop.height * crop.width;
const bytes = (seed: number, length: number, below: number) => {
  const random = createRandom(seed);
  return Uint8Array.from({ length }, () => random.integer(below));
};

/** Pixels follow from the digits in a path. */
const seedOf = (path: string) => Number(/\d+/.exec(path)?.[0]);
const imageOf = (path: string) => ({ ...size, data: bytes(seedOf(path), 3 * 1200, 256) });
const labelsOf = (path: string) => ({ ...size, data: bytes(seedOf(path), 1200, 7) });
const flowOf = (path: string) => ({
  flow: { ...size, data: Float32Array.from(bytes(seedOf(path), 2400, 5), (value) => value - 2) },
});
const decoder: Decoder = {
  image: async (reference) => imageOf('path' in reference ? reference.path : ''),
  labels: async (reference) => labelsOf('path' in reference ? reference.path : ''),
  flow: async (reference) => flowOf('paths' in reference ? reference.paths[0] : ''),
};

const file = (path: string): FrameReference => ({ kind: 'file', path });
const sample = (seed: number, changes: Partial<SamplePlan> = {}): SamplePlan => ({
  ...{ name: `sample ${seed}`, seed, frame: file(`frame ${seed}`), neighbours: [] },
  label: { kind: 'file', path: `label ${seed}`, classes: presetClasses('camvid'), ids: 'trainIds' },
  ...changes,
});
const neighbour = (seed: number, offset: number) => ({
  ...{ offset, frame: file(`neighbour ${seed}`) },
  flow: { kind: 'files' as const, paths: [`flow ${seed}`], hidden: [] },
});
const always: Augmentation = {
  ...publishedAugmentation,
  rotationProbability: 1,
  blurProbability: 1,
  flipProbability: 1,
  colorJitter: 0.4,
};

const prepare = (samples: SamplePlan[], changes: Partial<BatchPlan> = {}) =>
  prepareBatch(
    { samples, crop, augmentation: always, classes: 5, withFlow: true, withBoundaries: false, ...changes },
    decoder,
    (length) => new ArrayBuffer(length),
  );

/** What the parts of a sample are by themselves. */
function parts(seed: number, neighbourSeed: number) {
  const draw = drawAugmentation(createRandom(seed), always, size, crop);
  const sampling = samplingOf(draw, size, crop);
  const arrays = {
    image: new Uint8ClampedArray(3 * pixels),
    other: new Uint8ClampedArray(3 * pixels),
    labels: new Uint8Array(pixels),
  };
  const [flow, valid] = [new Float32Array(2 * pixels), new Float32Array(pixels)];
  const colored = (path: string) => changeColors(imageOf(path), draw.color);
  resampleImage(colored(`${seed}`), sampling, true, crop, arrays.image, 0);
  resampleImage(colored(`${neighbourSeed}`), sampling, true, crop, arrays.other, 0);
  resampleLabels(labelsOf(`${seed}`), sampling, 5, crop, arrays.labels, 0);
  resampleFlow(flowOf(`${neighbourSeed}`), sampling, crop, flow, 0, valid, 0);
  return { ...arrays, flow, valid };
}

describe('a batch', () => {
  it('has every sample in its place, its neighbour, label and flow changed as its frame', async () => {
    const samples = [11, 12].map((seed) => sample(seed, { neighbours: [neighbour(10 * seed, seed === 11 ? -2 : 1)] }));
    const { images, labels, neighbours } = await prepare(samples);
    expect([...neighbours[0].offsets]).toEqual([-2, 1]);
    for (const [n, seed] of [11, 12].entries()) {
      const expected = parts(seed, 10 * seed);
      const of = (data: Float32Array | Uint8Array | Uint8ClampedArray | undefined, channels: number) =>
        data?.subarray(n * channels * pixels, (n + 1) * channels * pixels);
      expect(of(images, 3)).toEqual(expected.image);
      expect(of(labels, 1)).toEqual(expected.labels);
      expect(of(neighbours[0].images, 3)).toEqual(expected.other);
      expect(of(neighbours[0].flow, 2)).toEqual(expected.flow);
      expect(of(neighbours[0].valid, 1)).toEqual(expected.valid);
      expect(expected.valid.some((value) => value === 1)).toBe(true);
      expect(expected.labels.some((id) => id !== 255)).toBe(true);
    }
  });

  it('has 255 where there is no label, and the frame itself where there is no neighbour', async () => {
    const alone = sample(12, { label: undefined, neighbours: [undefined] });
    const { images, labels, neighbours } = await prepare([sample(11, { neighbours: [neighbour(5, 1)] }), alone]);
    expect(labels.subarray(pixels).every((id) => id === 255)).toBe(true);
    expect(labels.subarray(0, pixels).every((id) => id === 255)).toBe(false);
    expect(neighbours[0].images.subarray(3 * pixels)).toEqual(images.subarray(3 * pixels));
    expect([...neighbours[0].offsets]).toEqual([1, 0]);
    expect(neighbours[0].valid?.subarray(pixels).every((value) => value === 0)).toBe(true);
  });

  it('is blurred only where the draw says so', async () => {
    const sharp = await prepare([sample(11)], { augmentation: { ...always, blurProbability: 0 } });
    const roughness = (data: Uint8ClampedArray) =>
      data.reduce((sum, value, i) => sum + (i > 0 ? Math.abs(value - data[i - 1]) : 0), 0);
    expect(roughness(sharp.images)).toBeGreaterThan(1.5 * roughness((await prepare([sample(11)])).images));
  });
});
