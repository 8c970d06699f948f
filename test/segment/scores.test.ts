import { describe, expect, it } from 'vitest';
import {
  addProbabilities,
  addResized,
  argmax,
  average,
  emptySum,
  highest,
  resizedArgmax,
  resizedConfidence,
  type Scores,
} from '#src/segment/scores.js';
import { createRandom } from '#src/tensor/random.js';

function randomScores(classes: number, height: number, width: number, seed = 3): Scores {
  const random = createRandom(seed);
  const data = Float32Array.from({ length: classes * height * width }, () => 4 * random.normal());
  return { classes, height, width, data };
}

/** Bilinear, in plain doubles. */
function sample(scores: Scores, c: number, y: number, x: number, tall: number, wide: number): number {
  const { width, height, data, enlargement } = scores;
  const at = (i: number, from: number, to: number) => {
    if (enlargement === 'half_pixel') return Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
  };
  const [sy, sx] = [at(y, height, tall), at(x, width, wide)];
  const [y0, x0] = [Math.floor(sy), Math.floor(sx)];
  const [y1, x1] = [Math.min(y0 + 1, height - 1), Math.min(x0 + 1, width - 1)];
  const value = (row: number, column: number) => data[(c * height + row) * width + column];
  const [fy, fx] = [sy - y0, sx - x0];
  const left = value(y0, x0) * (1 - fy) + value(y1, x0) * fy;
  const right = value(y0, x1) * (1 - fy) + value(y1, x1) * fy;
  return left * (1 - fx) + right * fx;
}

function reference(scores: Scores, tall: number, wide: number): { labels: number[]; confidence: number[] } {
  const labels: number[] = [];
  const confidence: number[] = [];
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const values = Array.from({ length: scores.classes }, (_, c) => sample(scores, c, y, x, tall, wide));
      const best = Math.max(...values);
      labels.push(values.indexOf(best));
      confidence.push(1 / values.reduce((sum, value) => sum + Math.exp(value - best), 0));
    }
  }
  return { labels, confidence };
}

describe('labels from scores', () => {
  it.each([
    ['the same size', 7, 9, 7, 9],
    ['larger', 6, 8, 41, 57],
    ['smaller', 40, 50, 7, 9],
    ['wider and lower', 20, 5, 9, 31],
    ['from one score', 1, 1, 3, 4],
    ['to one pixel', 5, 6, 1, 1],
  ])('are the argmax of the interpolated scores: %s', (_, height, width, tall, wide) => {
    const scores = randomScores(5, height, width);
    const expected = reference(scores, tall, wide);
    expect([...resizedArgmax(scores, tall, wide)]).toEqual(expected.labels);
    const { labels, confidence } = resizedConfidence(scores, tall, wide);
    expect([...labels]).toEqual(expected.labels);
    for (const [i, value] of expected.confidence.entries()) expect(confidence[i]).toBeCloseTo(value, 5);
  });

  it.each([
    ['the same size', 7, 9, 7, 9],
    ['larger', 6, 8, 41, 57],
    ['smaller', 40, 50, 7, 9],
    ['to one pixel', 5, 6, 1, 1],
  ])(
    'are of scores enlarged by half-pixel centres where the network wants that: %s',
    (_, height, width, tall, wide) => {
      const scores: Scores = { ...randomScores(5, height, width), enlargement: 'half_pixel' };
      const expected = reference(scores, tall, wide);
      expect([...resizedArgmax(scores, tall, wide)]).toEqual(expected.labels);
      const { labels, confidence } = resizedConfidence(scores, tall, wide);
      expect([...labels]).toEqual(expected.labels);
      for (const [i, value] of expected.confidence.entries()) expect(confidence[i]).toBeCloseTo(value, 5);
    },
  );

  it.each([
    ['twice the size', 6, 8, 12, 16, 41, 57],
    ['an odd factor', 5, 7, 31, 20, 29, 33],
    ['then shrunk', 5, 7, 40, 50, 9, 8],
    ['not at all', 5, 7, 5, 7, 12, 12],
    ['from one score', 1, 1, 4, 4, 9, 8],
  ])('are those of scores enlarged first: %s', (_, height, width, between, across, tall, wide) => {
    const scores = randomScores(5, height, width);
    const data = new Float32Array(5 * between * across);
    for (let c = 0, i = 0; c < 5; c++) {
      for (let y = 0; y < between; y++) {
        for (let x = 0; x < across; x++, i++) data[i] = sample(scores, c, y, x, between, across);
      }
    }
    const expected = resizedConfidence({ classes: 5, height: between, width: across, data }, tall, wide);
    const enlarged = { height: between, width: across, coordinates: 'align_corners' as const };
    const { labels, confidence } = resizedConfidence({ ...scores, enlarged }, tall, wide);
    expect(labels).toEqual(expected.labels);
    for (const [i, value] of expected.confidence.entries()) expect(confidence[i]).toBeCloseTo(value, 5);
    expect(resizedArgmax({ ...scores, enlarged }, tall, wide)).toEqual(labels);
    const sum = emptySum(5, tall, wide);
    addProbabilities(sum, { ...scores, enlarged }, { x: 0, y: 0, width: wide, height: tall }, false, 1);
    for (const [i, value] of highest(sum).entries()) expect(value).toBeCloseTo(confidence[i], 5);
  });

  it('finds a class that wins between two others without winning at any score', () => {
    const scores: Scores = { classes: 3, height: 1, width: 2, data: Float32Array.of(10, 0, 0, 10, 6, 6) };
    expect([...resizedArgmax(scores, 1, 3)]).toEqual([0, 2, 1]);
  });

  it('gives ties to the lowest id', () => {
    expect([...argmax({ classes: 3, height: 1, width: 2, data: new Float32Array(6) })]).toEqual([0, 0]);
  });

  it('covers large scores, where e^x would overflow', () => {
    const scores: Scores = { classes: 2, height: 1, width: 1, data: Float32Array.of(1000, 998) };
    expect(resizedConfidence(scores, 1, 1).confidence[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
  });
});

describe('averaged softmax', () => {
  const whole = { x: 0, y: 0, width: 9, height: 7 };

  it('adds up to 1 over the classes, and its highest value is the confidence', () => {
    const scores = randomScores(4, 3, 4);
    const sum = emptySum(4, 7, 9);
    addProbabilities(sum, scores, whole, false, 1);
    average(sum);
    for (let i = 0; i < 63; i++) {
      const total = [0, 1, 2, 3].reduce((all, c) => all + sum.data[c * 63 + i], 0);
      expect(total).toBeCloseTo(1, 5);
    }
    const { confidence } = resizedConfidence(scores, 7, 9);
    for (const [i, value] of highest(sum).entries()) expect(value).toBeCloseTo(confidence[i], 6);
    expect(argmax(sum)).toEqual(resizedArgmax(scores, 7, 9));
  });

  it('averages overlapping regions by count', () => {
    const sum = emptySum(1, 1, 3);
    const one: Scores = { classes: 1, height: 1, width: 2, data: Float32Array.of(0.75, 0.75) };
    addProbabilities(sum, one, { x: 0, y: 0, width: 2, height: 1 }, false, 1, 'sigmoid');
    addProbabilities(sum, one, { x: 1, y: 0, width: 2, height: 1 }, false, 1, 'sigmoid');
    expect([...sum.counts]).toEqual([1, 2, 1]);
    average(sum);
    expect([...sum.data]).toEqual([0.75, 0.75, 0.75]);
  });

  it('puts mirrored scores back', () => {
    const scores = randomScores(3, 7, 9);
    const flipped = { ...scores, data: scores.data.slice() };
    for (let start = 0; start < flipped.data.length; start += 9) flipped.data.subarray(start, start + 9).reverse();
    const [a, b] = [emptySum(3, 7, 9), emptySum(3, 7, 9)];
    addProbabilities(a, scores, whole, false, 1);
    addProbabilities(b, flipped, whole, true, 1);
    expect(b.data).toEqual(a.data);
  });

  it('resizes the maps of another scale with aligned corners', () => {
    const maps = randomScores(2, 3, 4);
    const total = emptySum(2, 5, 7);
    addResized(total, maps);
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 7; x++) expect(total.data[(5 + y) * 7 + x]).toBeCloseTo(sample(maps, 1, y, x, 5, 7), 5);
    }
  });
});
