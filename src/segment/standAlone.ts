// From the scores of classes that each stand alone to labels: what no class claims is background.
import type { Background } from './network.js';
import { type LabelsWithConfidence, type PixelScores, rowsOf, type Scores, sigmoid } from './scores.js';

/**
 * The likeliest class of each pixel of the scores resized to `height × width` (bilinear, aligned corners) where its
 * probability is above the threshold, else the background. The confidence of the background is what is left to the likeliest.
 */
export function resizedStandAlone(
  scores: Scores,
  height: number,
  width: number,
  kind: PixelScores,
  { id, threshold }: Background,
): LabelsWithConfidence {
  const labels = new Uint8Array(height * width);
  const confidence = new Float32Array(height * width);
  const rows = rowsOf(scores, height, width);
  const limit = kind === 'logits' ? Math.log(threshold / (1 - threshold)) : threshold;
  const first = id === 0 ? 1 : 0;
  for (let y = 0; y < height; y++) {
    const row = rows(y);
    for (let x = 0, at = y * width; x < width; x++, at++) {
      let best = row[x];
      let label = first;
      for (let c = 1; c < scores.classes; c++) {
        const score = row[c * width + x];
        if (score > best) {
          best = score;
          label = first + c;
        }
      }
      const probability = kind === 'logits' ? sigmoid(best) : best;
      const claimed = best > limit;
      labels[at] = claimed ? label : id;
      confidence[at] = claimed ? probability : 1 - probability;
    }
  }
  return { labels, confidence };
}
