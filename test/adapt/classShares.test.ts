// Targets that leave each class its share of the pixels.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countClasses, fitShares, targetLabels, withShares } from '#src/adapt/classShares.js';
import { closeClipFiles, openClipFiles } from '#src/adapt/clipFiles.js';
import type { Predictor } from '#src/adapt/predictor.js';
import { labelsByName } from '#src/tensor/random.js';

const classes = 3;

/** Pixels that are of the second class to `byte` of 255, the rest of the first. */
function pixels(count: number, byte: number): number[] {
  return Array.from({ length: count }, () => [255 - byte, byte, 0]).flat();
}

/** Shares of the classes of each pixel, with factors, summed. */
function sumsBy(sample: Uint8Array, factors: readonly number[] = [1, 1, 1]): number[] {
  const sums = [0, 0, 0];
  for (let i = 0; i < sample.length; i += classes) {
    const raised = factors.map((factor, c) => factor * sample[i + c]);
    const total = raised.reduce((a, b) => a + b, 0);
    for (const [c, value] of raised.entries()) sums[c] += total > 0 ? value / total : 0;
  }
  return sums;
}

describe('factors of classes', () => {
  it('bring the sums of the targets to what is wanted', () => {
    const sample = Uint8Array.from(labelsByName('targets', [500, classes], 256).data);
    const wanted = [260, 150, 90];
    const { factors, sums } = fitShares([sample.subarray(0, 600), sample.subarray(600)], wanted);
    for (const [c, sum] of sums.entries()) expect(Math.abs(sum - wanted[c])).toBeLessThan(0.5);
    // The sums are those of the targets with the factors.
    const found = sumsBy(sample, factors);
    for (const [c, sum] of sums.entries()) expect(sum).toBeCloseTo(found[c], 6);
    // The largest class is what the others are raised and lowered beside.
    expect(factors[0]).toBe(1);
    expect(factors[1]).toBeGreaterThan(factors[2]);
  });

  it('are all one where the targets have what is wanted', () => {
    const { factors } = fitShares([Uint8Array.from([...pixels(30, 0), ...pixels(10, 255)])], [30, 10, 0]);
    expect(factors).toEqual([1, 1, 1]);
  });

  it('leave a class that was hardly given what it has, and are bounded', () => {
    // The third class, which the network never gave, keeps what it has.
    const sample = Uint8Array.from(
      labelsByName('targets', [1000, classes], 256).data.map((v, i) => (i % 3 === 2 ? v / 4 : v)),
    );
    const { sums } = fitShares([sample], [600, 400, 0]);
    const own = sumsBy(sample);
    expect(Math.abs(sums[2] - own[2])).toBeLessThan(0.5);
    expect(sums[0] / sums[1]).toBeCloseTo(1.5, 2);
    // What cannot be had, here half of the pixels for what has none or next to nothing, changes nothing else.
    const hard = Uint8Array.from([...pixels(70, 0), ...pixels(30, 1)]);
    expect(fitShares([hard], [70, 30, 0]).factors).toEqual([1, 8, 1]);
    expect(fitShares([hard], [99, 1, 0]).factors[1]).toBeGreaterThan(1);
    const faded = Uint8Array.from([...pixels(70, 200), ...pixels(30, 254)]);
    expect(fitShares([faded], [0, 500, 500]).factors).toEqual([1, 1, 1]);
    const split = Uint8Array.from(Array.from({ length: 60 }, () => [110, 110, 35]).flat());
    expect(fitShares([split], [50, 50, 9000]).factors).toEqual([1 / 8, 1 / 8, 1]);
    const noise = fitShares([Uint8Array.from(pixels(20_000, 128))], [19_999, 1, 0]);
    expect(noise.factors).toEqual([1, 1, 1]);
    // Pixels of no class count for none.
    expect(fitShares([new Uint8Array(classes)], [1, 0, 0]).sums).toEqual([0, 0, 0]);
  });
});

it('gives the targets of a clip the shares that the network gave it when it came', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-'));
  const size = { height: 120, width: 100 };
  const [pixels, count] = [12_000, 90];
  const files = await openClipFiles(folder, size, classes);
  try {
    for (let t = 0; t < count; t++) {
      // The lower half could be of the second class from the fortieth frame on, and is of the first rather.
      const targets = Array.from({ length: pixels }, (_, i) =>
        i >= pixels / 2 && t >= 40 ? [155, 100, 0] : [235, 20, 0],
      );
      await files.targets.write(t, Uint8Array.from(targets.flat()));
      await files.frames.write(t, new Uint8Array(3 * pixels).fill(t));
    }
    const unfitted = { ...size, classes, count, stems: [], pairs: [], cuts: [], targetSums: [0, 0, 0], folder, files };
    const predictor: Predictor = {
      run: async ([t]) => Uint8Array.from({ length: pixels }, (_, i) => (i >= pixels / 2 && t >= 40 ? 1 : 0)),
      close: async () => {},
    };
    const counts = await countClasses(unfitted, predictor);
    // 22 of the 40 frames that are spread over the 90 are numbered 40 and higher.
    expect(counts).toEqual([(40 - 11) * pixels, 11 * pixels, 0]);
    const clip = await withShares(unfitted, counts);
    const [first, second, third] = clip.targetSums;
    expect(second / (first + second)).toBeCloseTo(11 / 40, 2);
    expect(third).toBe(0);
    const [low, high] = clip.targetFactors ?? [];
    // By hand: with a ratio of r between the factors, the mean of 20r/(235 + 20r) in 29 of 40 pixels and 100r/(155 + 100r) in 11.
    const ratio = high / low;
    const share = (29 / 40) * ((20 * ratio) / (235 + 20 * ratio)) + (11 / 40) * ((100 * ratio) / (155 + 100 * ratio));
    expect(share).toBeCloseTo(11 / 40, 2);
    expect(clip.files).toBe(files);
    // Their classes: those of the consensus as long as nothing is raised.
    const raised = { ...clip, targetFactors: [1, 2, 1] };
    expect(Math.max(...(await targetLabels(raised, 80)).subarray(0, pixels / 2))).toBe(0);
    expect(Math.min(...(await targetLabels(raised, 80)).subarray(pixels / 2))).toBe(1);
    await files.consensus.write(80, new Uint8Array(pixels).fill(2));
    expect(Math.min(...(await targetLabels(unfitted, 80)))).toBe(2);
    const over = AbortSignal.abort(new Error('ended'));
    await expect(countClasses(unfitted, predictor, over)).rejects.toThrow('ended');
    await expect(withShares(unfitted, counts, over)).rejects.toThrow('ended');
  } finally {
    await closeClipFiles(files);
    await rm(folder, { recursive: true, force: true });
  }
});
