// The labels of a frame and its mirror image together: the class of the highest mean probability, without C×H×W maps of either.
import type { TapAxis } from '../tensor/linearAxis.js';
import {
  axesTo,
  exponential,
  interleavedRows,
  type LabelsWithConfidence,
  mixRows,
  type PixelScores,
  resizedArgmax,
  type Scores,
} from './scores.js';

/** The scores of a network for a frame, and for the frame mirrored left to right. */
export interface MirrorPair {
  readonly plain: Scores;
  readonly mirrored: Scores;
}

/**
 * The argmax of the mean probabilities of the two views, resized to `height × width`. Where both views have the same best
 * class, so has their mean; only the pixels where they differ, a few in a hundred, need probabilities.
 */
export function pairLabels(pair: MirrorPair, height: number, width: number, kind: PixelScores): Uint8Array {
  const labels = resizedArgmax(pair.plain, height, width);
  const other = resizedArgmax(pair.mirrored, height, width);
  const meanOf = pairReader(pair, height, width, kind);
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = y * width; x < width; x++, at++) {
      if (labels[at] !== other[y * width + width - 1 - x]) labels[at] = meanOf(y, x).label;
    }
  }
  return labels;
}

/** The same with the mean probability of each label. */
export function pairConfidence(
  pair: MirrorPair,
  height: number,
  width: number,
  kind: PixelScores,
): LabelsWithConfidence {
  const labels = new Uint8Array(height * width);
  const confidence = new Float32Array(height * width);
  const meanOf = pairReader(pair, height, width, kind);
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = y * width; x < width; x++, at++) {
      const best = meanOf(y, x);
      labels[at] = best.label;
      confidence[at] = best.probability;
    }
  }
  return { labels, confidence };
}

/** A function that gives the likeliest class of a pixel and its mean probability, in an object it reuses; rows come in order. */
function pairReader({ plain, mirrored }: MirrorPair, height: number, width: number, kind: PixelScores) {
  const readPlain = viewReader(plain, height, width, kind);
  const readMirrored = viewReader(mirrored, height, width, kind);
  const best = { label: 0, probability: 0 };
  return (y: number, x: number) => {
    const first = readPlain(y, x);
    const second = readMirrored(y, width - 1 - x);
    best.probability = -1;
    for (let c = 0; c < first.length; c++) {
      // The same in either order: a frame and its mirror image get the same.
      const mean = (first[c] + second[c]) / 2;
      if (mean > best.probability) {
        best.probability = mean;
        best.label = c;
      }
    }
    return best;
  };
}

/** A function that gives the probabilities of a pixel of the resized scores, in an array it reuses. */
function viewReader(scores: Scores, height: number, width: number, kind: PixelScores) {
  const { classes } = scores;
  const { vertical, horizontal } = axesTo(scores, height, width);
  const rowOf = interleavedRows(scores);
  const tall = new Float64Array(scores.width * classes);
  const pixel = new Float64Array(classes);
  let mixed = -1;
  return (y: number, x: number): Float64Array => {
    if (y !== mixed) mixRows(rowOf, vertical, y, tall);
    mixed = y;
    interpolate(tall, horizontal, x, pixel);
    if (kind === 'logits') softmax(pixel);
    return pixel;
  };
}

function interpolate(tall: Float64Array, axis: TapAxis, x: number, pixel: Float64Array): void {
  const classes = pixel.length;
  const [left, centre, right] = [axis.first[x] * classes, axis.second[x] * classes, axis.third[x] * classes];
  const near = axis.firstWeight[x];
  const middle = axis.secondWeight[x];
  const far = axis.thirdWeight[x];
  for (let c = 0; c < classes; c++) {
    pixel[c] = tall[left + c] * near + tall[right + c] * far + tall[centre + c] * middle;
  }
}

function softmax(pixel: Float64Array): void {
  let best = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < pixel.length; c++) if (pixel[c] > best) best = pixel[c];
  let sum = 0;
  for (let c = 0; c < pixel.length; c++) {
    pixel[c] = exponential(pixel[c] - best);
    sum += pixel[c];
  }
  for (let c = 0; c < pixel.length; c++) pixel[c] /= sum;
}
