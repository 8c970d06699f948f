// Histograms of values that stream by, and the ranges that follow from them.
import { describe, expect, it } from 'vitest';
import { emptyHistogram, withValues } from '#src/quantize/histogram.js';
import { rangeOf } from '#src/quantize/ranges.js';
import { createRandom } from '#src/tensor/random.js';

const histogramOf = (...portions: readonly number[][]) =>
  portions.reduce((histogram, values) => withValues(histogram, Float32Array.from(values)), emptyHistogram);

describe('histograms', () => {
  it('count every value in the bin that holds it, however they are portioned', () => {
    const random = createRandom(5);
    const values = Array.from({ length: 500 }, (_, i) => Math.fround((random.uniform() - 0.4) * 10 ** (i / 100)));
    const whole = histogramOf(values);
    const parts = histogramOf(values.slice(0, 10), values.slice(10, 300), values.slice(300));
    expect(parts.counts).toEqual(whole.counts);
    expect([parts.low, parts.high, parts.width]).toEqual([Math.min(...values), Math.max(...values), whole.width]);
    expect(Math.log2(whole.width) % 1).toBe(0);
    for (let i = 0; i < whole.counts.length; i++) {
      const from = (whole.first + i) * whole.width;
      expect(whole.counts[i]).toBe(values.filter((value) => value >= from && value < from + whole.width).length);
    }
    expect((whole.high - whole.low) / whole.width).toBeGreaterThan(1024);
  });

  it('count zeros, and what is no number, apart', () => {
    const { counts, zeros, notFinite, low, high } = histogramOf([0, 0, 1], [Number.NaN, Number.POSITIVE_INFINITY, 2]);
    expect([zeros, notFinite, low, high]).toEqual([2, 2, 0, 2]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(histogramOf([Number.NaN]).notFinite).toBe(1);
  });

  it('of one value hold it', () => {
    for (const value of [0.1, -3e30, 1e-20]) {
      const { counts, first, width } = histogramOf([value, value]);
      const bin = counts.findIndex((count) => count > 0);
      expect(counts[bin]).toBe(2);
      expect((first + bin) * width).toBeLessThanOrEqual(Math.fround(value));
    }
  });
});

describe('ranges', () => {
  it('are all values, or all but one in ten thousand at each end', () => {
    const values = Array.from({ length: 20_000 }, (_, i) => i - 4000);
    const histogram = histogramOf([...values, 1e6]);
    expect(rangeOf.range(histogram)).toEqual({ low: -4000, high: 1e6 });
    const { low, high } = rangeOf.percentile(histogramOf(values));
    // Two values may lie beyond each end; ends are those of bins.
    expect(low).toBeGreaterThanOrEqual(-4000);
    expect(low).toBeLessThanOrEqual(-3990);
    expect(high).toBeGreaterThan(15_985);
    expect(high).toBeLessThanOrEqual(15_999);
    expect(rangeOf.percentile(histogram).high).toBeLessThan(20_000);
  });

  it('count zeros among all values', () => {
    const rare = [...Array<number>(99_995).fill(0), 1, 1, 1, 1, 1];
    expect(rangeOf.percentile(histogramOf(rare))).toEqual({ low: 0, high: 0 });
    expect(rangeOf.percentile(histogramOf([0, 1, 1, 1])).high).toBe(1);
  });

  it('by entropy leave out what is rare and far away, and nothing of what is evenly spread', () => {
    const random = createRandom(9);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
    const values = Array.from({ length: 50_000 }, normal);
    const far = rangeOf.entropy(histogramOf([...values, 40]));
    expect(far.high).toBeGreaterThan(2.5);
    expect(far.high).toBeLessThan(20);
    const even = rangeOf.entropy(histogramOf(Array.from({ length: 100_000 }, (_, i) => i / 1e5)));
    expect(even.high).toBeGreaterThan(0.98);
  });
});
