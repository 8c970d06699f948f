// Sums over ranks in half precision: near the exact ones whatever the scale, the same bits on all ranks, and no number stays none.
import { describe, expect, it } from 'vitest';
import { sumInHalves } from '#src/collective/halves.js';
import { createRandom } from '#src/tensor/random.js';
import { inProcessRanks } from './inProcess.js';

/** What each rank has: arrays of several magnitudes, together no multiple of the ranks. */
function arraysOf(rank: number): Float32Array[] {
  const random = createRandom(rank + 1);
  const array = (length: number, scale: number) =>
    Float32Array.from({ length }, () => scale * (random.uniform() - 0.5) * 2 ** Math.floor(8 * random.uniform()));
  return [array(101, 1e-12), array(57, 1), array(64, 3e30), array(7, 0), array(30, rank === 0 ? 1e-3 : 10)];
}

const summed = (size: number, arraysOfRank: (rank: number) => Float32Array[]) =>
  Promise.all(inProcessRanks(size).map((collective, rank) => sumInHalves(arraysOfRank(rank), collective)));

describe('sums in half precision', () => {
  it.each([1, 2, 3, 4])('are the exact ones but for rounding, the same on all ranks: %d', async (size) => {
    const all = await summed(size, arraysOf);
    const given = Array.from({ length: size }, (_, rank) => arraysOf(rank));
    for (const [k, sums] of all[0].entries()) {
      const largest = Math.max(...given.flatMap((arrays) => [...arrays[k].map(Math.abs)]));
      for (const [i, sum] of sums.entries()) {
        const values = given.map((arrays) => arrays[k][i]);
        const exact = values.reduce((total, value) => total + value, 0);
        const sizes = values.reduce((total, value) => total + Math.abs(value), Math.abs(exact));
        // Half a unit in the eleventh bit of each value and of the sum; below the normal numbers of float16, of the smallest of them.
        const tolerance = sizes * 2 ** -11 * 1.001 + (size + 1) * size * largest * 2 ** -38;
        expect(Math.abs(sum - exact), `array ${k}, value ${i}`).toBeLessThanOrEqual(tolerance);
      }
    }
    for (const other of all) expect(other).toEqual(all[0]);
  });

  it('are NaN on all ranks where a value is none on one, in that array alone', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const all = await summed(2, (rank) => [Float32Array.of(1, 2), Float32Array.of(3, rank === 0 ? bad : 4, 5)]);
      for (const [fine, broken] of all) {
        expect([...fine]).toEqual([2, 4]);
        expect([...broken]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
      }
    }
  });

  it('do not overflow where every rank has the same largest value', async () => {
    for (const value of [65504, 3e38 / 4, 1e-38]) {
      const [[sum]] = await summed(4, () => [Float32Array.of(value)]);
      expect(Math.abs(sum[0] / (4 * value) - 1)).toBeLessThan(2 ** -10);
    }
  });
});
