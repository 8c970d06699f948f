// Steadiness and agreement: counted by hand, and what must hold for any labels and flow.
import { describe, expect, it } from 'vitest';
import type { LabelMap, OpticalFlow } from '#src/media/image.js';
import { addAgreement, agreement, agreementCounts, noAgreement } from '#src/metrics/agreement.js';
import {
  addSteadiness,
  noSteadiness,
  type SteadinessCounts,
  steadiness,
  steadinessCounts,
  totalVariation,
} from '#src/metrics/steadiness.js';
import { createRandom } from '#src/tensor/random.js';

const makeMap = (width: number, ids: readonly number[]): LabelMap => ({
  width,
  height: ids.length / width,
  data: Uint8Array.from(ids),
});

const makeFlow = (width: number, height: number, u: number, v: number): OpticalFlow => ({
  width,
  height,
  data: Float32Array.from({ length: 2 * width * height }, (_, i) => (i % 2 === 0 ? u : v)),
});

/** Two maps, and a flow that is mostly consistent. */
function randomPair(seed: number, ids: readonly number[]) {
  const random = createRandom(seed);
  const [width, height] = [17, 11];
  const map = () =>
    makeMap(
      width,
      Array.from({ length: width * height }, () => ids[random.integer(ids.length)]),
    );
  const [u, v] = [random.integer(5) - 2, random.integer(3) - 1];
  const noisy = (flow: OpticalFlow) => ({
    ...flow,
    data: flow.data.map((value) => (random.uniform() < 0.2 ? value + 3 * random.normal() : value)),
  });
  return {
    before: map(),
    after: map(),
    forward: noisy(makeFlow(width, height, u, v)),
    backward: noisy(makeFlow(width, height, -u, -v)),
  };
}

const countsOf = ({ before, after, forward, backward }: ReturnType<typeof randomPair>, classes: number) =>
  steadinessCounts(before, after, forward, backward, classes);

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

describe('steadiness', () => {
  // Everything moves one pixel to the right; 3 and 255 are no class.
  //   t      t+1          t+1 seen from t (· left the frame)
  //   0 0 1  2 0 0   →    0 0 ·
  //   1 1 2  0 1 0   →    1 0 ·
  //   2 3 0  1 2 0   →    2 0 ·
  //   1 2 0  0 1 255 →    1 255 ·
  const before = makeMap(3, [0, 0, 1, 1, 1, 2, 2, 3, 0, 1, 2, 0]);
  const after = makeMap(3, [2, 0, 0, 0, 1, 0, 1, 2, 0, 0, 1, 255]);
  const counts = () => steadinessCounts(before, after, makeFlow(3, 4, 1, 0), makeFlow(3, 4, -1, 0), 3);

  it('is counted by hand', () => {
    // Left: 0→0, 0→0, 1→1, 1→0, 2→2, 1→1.
    expect(counts()).toEqual({ steady: [2, 2, 1], before: [2, 3, 1], after: [3, 2, 1] });
    const { steady, kappa, flicker, shares } = steadiness(counts());
    expect(steady).toBeCloseTo(5 / 6, 15);
    // e = (2·3 + 3·2 + 1·1) / 36 = 13/36; κ = (30/36 - 13/36) / (23/36).
    expect(kappa).toBeCloseTo(17 / 23, 15);
    expect(flicker).toEqual([0, 1 / 3, 0]);
    expect(shares).toEqual([2 / 6, 3 / 6, 1 / 6]);
  });

  it('pools pairs before it divides', () => {
    // One pair all steady in class 0, one all steady in class 1: κ of each is 0, of both together 1.
    const one = (id: number, pixels: number): SteadinessCounts => {
      const of = [0, 1].map((at) => (at === id ? pixels : 0));
      return { steady: of, before: of, after: of };
    };
    expect(steadiness(one(0, 30)).kappa).toBe(0);
    expect(steadiness(addSteadiness(one(0, 30), one(1, 10))).kappa).toBe(1);
  });

  it('of a constant labelling is all steady and of no worth', () => {
    for (let seed = 0; seed < 10; seed++) {
      const pair = randomPair(seed, [0]);
      for (const id of [0, 2]) {
        const constant = { ...pair.before, data: pair.before.data.map(() => id) };
        const { steady, kappa, shares } = steadiness(countsOf({ ...pair, before: constant, after: constant }, 3));
        expect([steady, kappa, shares[id]]).toEqual([1, 0, 1]);
      }
    }
  });

  it('adds up: shares to 1, flicker by class to all of it, in any grouping of pairs', () => {
    const pairs = Array.from({ length: 9 }, (_, seed) => countsOf(randomPair(seed, [0, 1, 1, 2, 255]), 4));
    const whole = pairs.reduce(addSteadiness, noSteadiness(4));
    const parts = [0, 1, 2].map((part) =>
      pairs.filter((_, at) => at % 3 === part).reduce(addSteadiness, noSteadiness(4)),
    );
    expect(parts.toReversed().reduce(addSteadiness)).toEqual(whole);
    const { steady, kappa, flicker, shares } = steadiness(whole);
    expect(total(shares)).toBeCloseTo(1, 12);
    expect(total(shares.map((share, at) => (share === 0 ? 0 : share * flicker[at])))).toBeCloseTo(1 - steady, 12);
    expect(total(whole.before)).toBe(total(whole.after));
    // Labels drawn at random are as steady as chance.
    expect(Math.abs(kappa)).toBeLessThan(0.1);
    expect(flicker[3]).toBeNaN();
  });

  it('of nothing is no figure', () => {
    const { steady, kappa, flicker, shares } = steadiness(noSteadiness(2));
    expect([steady, kappa, ...flicker, ...shares]).toEqual(Array(6).fill(Number.NaN));
  });

  it('counts with memory that is used again as with new', () => {
    const pair = randomPair(3, [0, 1]);
    const into = new Uint8Array(17 * 11).fill(1);
    expect(steadinessCounts(pair.before, pair.after, pair.forward, pair.backward, 2, into)).toEqual(countsOf(pair, 2));
  });
});

describe('the total variation of shares', () => {
  it('is half the sum of differences: 0 for the same, 1 for none in common', () => {
    expect(totalVariation([0.5, 0.25, 0.25], [0.25, 0.5, 0.25])).toBe(0.25);
    expect(totalVariation([0.5, 0.5], [0.5, 0.5])).toBe(0);
    expect(totalVariation([1, 0, 0], [0, 0.5, 0.5])).toBe(1);
  });
});

describe('agreement with a reference', () => {
  const reference = makeMap(4, [0, 0, 1, 1, 2, 255, 0, 1]);
  const labels = makeMap(4, [0, 1, 1, 255, 2, 0, 2, 1]);

  it('counts where the reference is sure, by its class', () => {
    // 0.9 as float32 is a little below 0.9, and sure.
    const confidence = Float32Array.from([0.9, 1, 0.89999, 0.95, Number.NaN, 1, 0.5, 0.91]);
    const counts = agreementCounts(labels, reference, confidence, 3);
    expect(counts).toEqual({ sure: [2, 2, 0], agreed: [1, 1, 0] });
    expect(agreement(counts)).toEqual({ agreement: 0.5, byClass: [0.5, 0.5, Number.NaN] });
  });

  it('takes a reference without probabilities as sure wherever it is a class', () => {
    expect(agreementCounts(labels, reference, undefined, 3)).toEqual({ sure: [3, 3, 1], agreed: [1, 2, 1] });
  });

  it('with itself is 1, adds up, and of nothing is no figure', () => {
    const own = agreementCounts(reference, reference, undefined, 3);
    expect(agreement(own)).toEqual({ agreement: 1, byClass: [1, 1, 1] });
    const other = agreementCounts(labels, reference, undefined, 3);
    expect(addAgreement(own, other)).toEqual({ sure: [6, 6, 2], agreed: [4, 5, 2] });
    expect(agreement(noAgreement(2)).agreement).toBeNaN();
  });

  it('refuses maps of different sizes', () => {
    expect(() => agreementCounts(makeMap(2, [0, 0]), makeMap(1, [0, 0]), undefined, 1)).toThrow(/2×1 and 1×2/);
  });
});
