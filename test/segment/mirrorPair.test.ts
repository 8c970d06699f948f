// A frame and its mirror image together give what their averaged probability maps give.
import { describe, expect, it } from 'vitest';
import { pairConfidence, pairLabels } from '#src/segment/mirrorPair.js';
import {
  addProbabilities,
  argmax,
  average,
  emptySum,
  highest,
  type PixelScores,
  type Scores,
} from '#src/segment/scores.js';
import { createRandom } from '#src/tensor/random.js';

function randomScores(seed: number, classes: number, height: number, width: number, spread: number): Scores {
  const random = createRandom(seed);
  const data = Float32Array.from({ length: classes * height * width }, () => spread * random.normal());
  return { classes, height, width, data };
}

/** The same, already as probabilities. */
function normalised(scores: Scores): Scores {
  const pixels = scores.height * scores.width;
  const data = scores.data.map(Math.exp);
  for (let i = 0; i < pixels; i++) {
    let sum = 0;
    for (let c = 0; c < scores.classes; c++) sum += data[c * pixels + i];
    for (let c = 0; c < scores.classes; c++) data[c * pixels + i] /= sum;
  }
  return { ...scores, data };
}

describe('a pair of mirror images', () => {
  const cases: [string, PixelScores, number, number][] = [
    ['scores of another size', 'logits', 37, 53],
    ['scores of the frame’s size', 'logits', 9, 13],
    ['probabilities', 'softmax', 37, 53],
  ];
  it.each(cases)('gives the argmax of the mean probabilities, and these: %s', (_, kind, height, width) => {
    for (const spread of [0.5, 3, 30]) {
      const [plain, mirrored] = [1, 2].map((seed) => {
        const scores = randomScores(seed, 5, 9, 13, spread);
        return kind === 'softmax' ? normalised(scores) : scores;
      });
      const sum = emptySum(5, height, width);
      const whole = { x: 0, y: 0, width, height };
      addProbabilities(sum, plain, whole, false, 0.5, kind);
      addProbabilities(sum, mirrored, whole, true, 0.5, kind);
      average(sum);
      const pair = { plain, mirrored };
      const both = pairConfidence(pair, height, width, kind);
      // Sums of float32 round: classes that are equal to six digits may change places.
      const expected = argmax(sum);
      const meanOf = (label: number, at: number) => sum.data[label * height * width + at];
      for (const labels of [pairLabels(pair, height, width, kind), both.labels]) {
        for (const [at, label] of labels.entries()) {
          if (label !== expected[at]) expect(meanOf(expected[at], at) - meanOf(label, at)).toBeLessThan(1e-6);
        }
        const same = labels.filter((label, at) => label === expected[at]).length;
        expect(same / labels.length).toBeGreaterThan(spread > 10 ? 0.75 : 0.999);
      }
      for (const [at, value] of highest(sum).entries()) expect(both.confidence[at]).toBeCloseTo(value, 5);
    }
  });
});
