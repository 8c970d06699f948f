// From a network's scores to labels at the frame's size: interpolation, softmax and argmax fused, so that C×H×W scores are never stored.
import type { EnlargementMode } from '../tensor/interpolation.js';
import { alignedAxis, composedTaps, halfPixelAxis, type TapAxis, tapsOf } from '../tensor/linearAxis.js';
import type { ScoreKind } from './trace.js';

/** Scores of one image, `[classes, height, width]`. */
export interface Scores {
  readonly classes: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
  /** How they are brought to the size of the image; corners aligned by default. */
  readonly enlargement?: EnlargementMode | undefined;
  /** The network's own last step, still to be done: its scores are these, enlarged. */
  readonly enlarged?: Enlargement | undefined;
}

/** A bilinear enlargement to `height × width`. */
export interface Enlargement {
  readonly height: number;
  readonly width: number;
  readonly coordinates: EnlargementMode;
}

/** Class planes are walked in pieces of this many pixels, so that the running maxima stay in the first-level cache. */
const blockPixels = 2048;

/** The class with the highest score at every pixel, before any enlargement; the lowest id wins a tie. */
export function argmax({ classes, height, width, data }: Scores): Uint8Array {
  const pixels = height * width;
  const labels = new Uint8Array(pixels);
  const best = new Float32Array(blockPixels);
  for (let start = 0; start < pixels; start += blockPixels) {
    const count = Math.min(blockPixels, pixels - start);
    best.set(data.subarray(start, start + count));
    for (let c = 1; c < classes; c++) {
      const plane = c * pixels + start;
      for (let i = 0; i < count; i++) {
        const score = data[plane + i];
        if (score > best[i]) {
          best[i] = score;
          labels[start + i] = c;
        }
      }
    }
  }
  return labels;
}

const axesBy = { align_corners: alignedAxis, half_pixel: halfPixelAxis } as const;

/** Where the samples of `height × width` lie among the scores: by the network's own enlargement, if any, then by that to the image. */
export function axesTo(scores: Scores, height: number, width: number): { vertical: TapAxis; horizontal: TapAxis } {
  const { enlarged, enlargement = 'align_corners' } = scores;
  const axis = (from: number, between: number | undefined, to: number): TapAxis => {
    if (!enlarged || between === undefined) return tapsOf(axesBy[enlargement](from, to));
    return composedTaps(axesBy[enlargement](between, to), axesBy[enlarged.coordinates](from, between));
  };
  return {
    vertical: axis(scores.height, enlarged?.height, height),
    horizontal: axis(scores.width, enlarged?.width, width),
  };
}

/** Marks a column whose rows differ in their best class. */
const mixed = -1;

/**
 * The argmax of the scores resized to `height × width`, bilinearly.
 *
 * Where all scores that a pixel reads have the same best class, interpolation cannot change it: every weight is ≥ 0 and
 * rounding is monotone. Only the pixels at class borders, a few in a hundred, are interpolated.
 */
export function resizedArgmax(scores: Scores, height: number, width: number): Uint8Array {
  const coarse = argmax(scores);
  if (height === scores.height && width === scores.width && !scores.enlarged) return coarse;
  const labels = new Uint8Array(height * width);
  const { vertical, horizontal } = axesTo(scores, height, width);
  const { first, second, third } = horizontal;
  const columns = new Int16Array(scores.width);
  const pending = new Int32Array(width);
  const best = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    const [top, middle, bottom] = rowsRead(vertical, y, scores.width);
    for (let x = 0; x < scores.width; x++) {
      const label = coarse[top + x];
      columns[x] = label === coarse[middle + x] && label === coarse[bottom + x] ? label : mixed;
    }
    const at = y * width;
    let count = 0;
    for (let x = 0; x < width; x++) {
      const label = columns[first[x]];
      if (label !== mixed && label === columns[second[x]] && label === columns[third[x]]) labels[at + x] = label;
      else pending[count++] = x;
    }
    if (count > 0) argmaxOf(scores, vertical, horizontal, y, pending, count, best, labels, at);
  }
  return labels;
}

/** Where the rows start that row y reads. */
function rowsRead({ first, second, third }: TapAxis, y: number, width: number): [number, number, number] {
  return [first[y] * width, second[y] * width, third[y] * width];
}

/** Interpolates and compares the scores of `count` pixels of row y. */
function argmaxOf(
  { classes, height, width, data }: Scores,
  vertical: TapAxis,
  horizontal: TapAxis,
  y: number,
  pending: Int32Array,
  count: number,
  best: Float64Array,
  labels: Uint8Array,
  at: number,
): void {
  const { first, second, third, firstWeight, secondWeight, thirdWeight } = horizontal;
  const [top, middle, bottom] = rowsRead(vertical, y, width);
  const upper = vertical.firstWeight[y];
  const central = vertical.secondWeight[y];
  const lower = vertical.thirdWeight[y];
  for (let c = 0; c < classes; c++) {
    const plane = c * height * width;
    const [a, b, d] = [plane + top, plane + middle, plane + bottom];
    for (let i = 0; i < count; i++) {
      const x = pending[i];
      const [p, q, r] = [first[x], second[x], third[x]];
      // In the order of resizedConfidence, so that both give the same labels.
      const left = data[a + p] * upper + data[d + p] * lower + data[b + p] * central;
      const centre = data[a + q] * upper + data[d + q] * lower + data[b + q] * central;
      const right = data[a + r] * upper + data[d + r] * lower + data[b + r] * central;
      const score = left * firstWeight[x] + right * thirdWeight[x] + centre * secondWeight[x];
      if (c === 0 || score > best[i]) {
        best[i] = score;
        labels[at + x] = c;
      }
    }
  }
}

/** What scores are: `logits` become probabilities by a softmax over the classes, of one class by a sigmoid; others are some. */
export type PixelScores = Exclude<ScoreKind, 'labels'>;

/** Labels, and the probability of each. */
export interface LabelsWithConfidence {
  readonly labels: Uint8Array;
  readonly confidence: Float32Array;
}

/**
 * The argmax of the scores resized to `height × width` (the labels of `resizedArgmax`) and its probability, in one
 * pass: reading a frame's scores again is what would take the time.
 */
export function resizedConfidence(
  scores: Scores,
  height: number,
  width: number,
  kind: PixelScores = 'logits',
): LabelsWithConfidence {
  const { vertical, horizontal } = axesTo(scores, height, width);
  const labels = new Uint8Array(height * width);
  const confidence = new Float32Array(height * width);
  const rowOf = interleavedRows(scores);
  const tall = new Float64Array(scores.width * scores.classes);
  const pixel = new Float64Array(scores.classes);
  for (let y = 0; y < height; y++) {
    mixRows(rowOf, vertical, y, tall);
    const from = y * width;
    const to = from + width;
    classifyRow(tall, horizontal, pixel, kind, labels.subarray(from, to), confidence.subarray(from, to));
  }
  return { labels, confidence };
}

/**
 * A function that gives a row of scores with the classes of a pixel side by side, so that all the work on a pixel stays
 * in a few cache lines. Three rows that follow one another are kept.
 */
export function interleavedRows({ classes, height, width, data }: Scores): (y: number) => Float32Array {
  const kept = Array.from({ length: 3 }, () => ({ y: -1, row: new Float32Array(width * classes) }));
  return (y) => {
    const place = kept[y % 3];
    if (place.y !== y) {
      const { row } = place;
      place.y = y;
      for (let c = 0; c < classes; c++) {
        const from = (c * height + y) * width;
        for (let x = 0, at = c; x < width; x++, at += classes) row[at] = data[from + x];
      }
    }
    return place.row;
  };
}

/** Row y of the scores resized along their height. */
export function mixRows(rowOf: (y: number) => Float32Array, vertical: TapAxis, y: number, tall: Float64Array): void {
  const top = rowOf(vertical.first[y]);
  const middle = rowOf(vertical.second[y]);
  const upper = vertical.firstWeight[y];
  const central = vertical.secondWeight[y];
  const lower = vertical.thirdWeight[y];
  if (lower === 0) {
    for (let i = 0; i < tall.length; i++) tall[i] = top[i] * upper + middle[i] * central;
    return;
  }
  const bottom = rowOf(vertical.third[y]);
  for (let i = 0; i < tall.length; i++) tall[i] = top[i] * upper + bottom[i] * lower + middle[i] * central;
}

/** Labels and confidence of a row; `pixel` is room for the scores of one pixel. */
function classifyRow(
  tall: Float64Array,
  { first, second, third, firstWeight, secondWeight, thirdWeight }: TapAxis,
  pixel: Float64Array,
  kind: PixelScores,
  labels: Uint8Array,
  confidence: Float32Array,
): void {
  const classes = pixel.length;
  for (let x = 0; x < labels.length; x++) {
    const left = first[x] * classes;
    const centre = second[x] * classes;
    const near = firstWeight[x];
    const middle = secondWeight[x];
    const far = thirdWeight[x];
    let best = Number.NEGATIVE_INFINITY;
    let label = 0;
    if (far === 0) {
      for (let c = 0; c < classes; c++) {
        const score = tall[left + c] * near + tall[centre + c] * middle;
        pixel[c] = score;
        if (score > best) {
          best = score;
          label = c;
        }
      }
    } else {
      const right = third[x] * classes;
      for (let c = 0; c < classes; c++) {
        const score = tall[left + c] * near + tall[right + c] * far + tall[centre + c] * middle;
        pixel[c] = score;
        if (score > best) {
          best = score;
          label = c;
        }
      }
    }
    labels[x] = label;
    if (kind !== 'logits') {
      confidence[x] = best;
      continue;
    }
    // The best class contributes e⁰ = 1 to the sum.
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += exponential(pixel[c] - best);
    confidence[x] = 1 / sum;
  }
}

/** Sums of probabilities over views of one picture, `[classes, height, width]`, with the number of maps at each pixel. */
export interface ProbabilitySum extends Scores {
  readonly counts: Float32Array;
}

export function emptySum(classes: number, height: number, width: number): ProbabilitySum {
  const pixels = height * width;
  return { classes, height, width, data: new Float32Array(classes * pixels), counts: new Float32Array(pixels) };
}

/**
 * Adds the probabilities that the scores of one view are, resized to `height × width` and put at (x, y) of the sum.
 * `mirrored` scores are those of the view flipped left to right; `share` is what the view counts.
 */
export function addProbabilities(
  sum: ProbabilitySum,
  scores: Scores,
  region: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  mirrored: boolean,
  share: number,
  kind: PixelScores = 'logits',
): void {
  const { width, height } = region;
  const rows = rowsOf(scores, height, width);
  const sums = new Float32Array(width);
  const pixels = sum.height * sum.width;
  const step = mirrored ? -1 : 1;
  for (let y = 0; y < height; y++) {
    const row = rows(y);
    if (kind !== 'logits') sums.fill(1);
    else if (scores.classes > 1) exponentials(row, scores.classes, width, sums);
    else sigmoids(row, sums);
    const start = (region.y + y) * sum.width + region.x + (mirrored ? width - 1 : 0);
    for (let x = 0, at = start; x < width; x++, at += step) {
      sums[x] = share / sums[x];
      sum.counts[at] += share;
    }
    for (let c = 0; c < scores.classes; c++) {
      const from = c * width;
      for (let x = 0, at = c * pixels + start; x < width; x++, at += step) {
        // Rounded before it is added: a view and its mirror give the same sum in either order.
        sum.data[at] += Math.fround(row[from + x] * sums[x]);
      }
    }
  }
}

/** Divides a sum by its counts, in place: the averaged probabilities. */
export function average({ classes, data, counts }: ProbabilitySum): void {
  const pixels = counts.length;
  for (let c = 0; c < classes; c++) {
    for (let i = 0; i < pixels; i++) data[c * pixels + i] /= counts[i];
  }
}

/** Adds maps resized to the size of `total` (bilinear, aligned corners). */
export function addResized(total: ProbabilitySum, maps: Scores): void {
  const { classes, height, width } = total;
  const rows = rowsOf(maps, height, width);
  for (let y = 0; y < height; y++) {
    const row = rows(y);
    for (let c = 0; c < classes; c++) {
      const at = (c * height + y) * width;
      for (let x = 0; x < width; x++) total.data[at + x] += row[c * width + x];
    }
  }
  for (let i = 0; i < total.counts.length; i++) total.counts[i]++;
}

/** The highest value at every pixel. */
export function highest({ classes, height, width, data }: Scores): Float32Array {
  const pixels = height * width;
  const best = data.slice(0, pixels);
  for (let c = 1; c < classes; c++) {
    for (let i = 0; i < pixels; i++) if (data[c * pixels + i] > best[i]) best[i] = data[c * pixels + i];
  }
  return best;
}

/** Replaces the scores of a row of one class by their sigmoids, whose sums are 1. */
function sigmoids(row: Float32Array, sums: Float32Array): void {
  for (let x = 0; x < row.length; x++) row[x] = sigmoid(row[x]);
  sums.fill(1);
}

/** The probability of a class that stands alone. */
export function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score));
}

/** Replaces the scores of a row, `[classes, width]`, by e^(score - highest), and gives their sums over the classes. */
function exponentials(rows: Float32Array, classes: number, width: number, sums: Float32Array): void {
  const best = rows.slice(0, width);
  for (let c = 1; c < classes; c++) {
    for (let x = 0; x < width; x++) if (rows[c * width + x] > best[x]) best[x] = rows[c * width + x];
  }
  sums.fill(0);
  for (let c = 0; c < classes; c++) {
    for (let x = 0; x < width; x++) {
      const value = exponential(rows[c * width + x] - best[x]);
      rows[c * width + x] = value;
      sums[x] += value;
    }
  }
}

/** 2^-n, and 2^(-j / fineSteps) between two of them. */
const powersOfTwo = Float64Array.from({ length: 151 }, (_, n) => 2 ** -n);
const fineSteps = 4096;
const finePowers = Float64Array.from({ length: fineSteps }, (_, j) => 2 ** (-j / fineSteps));

/** e^x for x ≤ 0 with a relative error below 1e-7, from two tables and a linear rest: Math.exp takes several times as long. */
export function exponential(x: number): number {
  if (x < -100) return 0;
  const steps = -x * (Math.LOG2E * fineSteps);
  const whole = steps | 0;
  const rest = 1 - (steps - whole) * (Math.LN2 / fineSteps);
  return powersOfTwo[whole >> 12] * finePowers[whole & (fineSteps - 1)] * rest;
}

/** A function that gives row y, `[classes, width]`, of the scores resized to `height × width`, in a buffer it reuses. */
export function rowsOf(scores: Scores, height: number, width: number): (y: number) => Float32Array {
  const { classes, data } = scores;
  const { vertical, horizontal } = axesTo(scores, height, width);
  const { first, second, third, firstWeight, secondWeight, thirdWeight } = horizontal;
  const tall = new Float32Array(scores.width);
  const rows = new Float32Array(classes * width);
  return (y) => {
    const [top, middle, bottom] = rowsRead(vertical, y, scores.width);
    const upper = vertical.firstWeight[y];
    const central = vertical.secondWeight[y];
    const lower = vertical.thirdWeight[y];
    for (let c = 0; c < classes; c++) {
      const plane = c * scores.height * scores.width;
      const [a, b, d] = [plane + top, plane + middle, plane + bottom];
      for (let x = 0; x < scores.width; x++) {
        tall[x] = data[a + x] * upper + data[d + x] * lower + data[b + x] * central;
      }
      const at = c * width;
      for (let x = 0; x < width; x++) {
        rows[at + x] =
          tall[first[x]] * firstWeight[x] + tall[third[x]] * thirdWeight[x] + tall[second[x]] * secondWeight[x];
      }
    }
    return rows;
  };
}
