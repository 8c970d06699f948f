// Targets that leave each class its share of the pixels: averaged along the flow and sharpened, thin and rare ones lose theirs.
import { createRandom, deriveSeed } from '../tensor/random.js';
import type { PreparedClip } from './clipFiles.js';
import type { Predictor } from './predictor.js';

/** Frames that the shares are taken of, spread over the clip, and how many probabilities in all. */
const [mostFrames, mostValues] = [40, 4_000_000];
/** A class with less of the pixels is noise: it keeps what the targets give it. */
const leastShare = 1e-4;
/** What a class is raised or lowered by at most, beside the largest. */
const mostFactor = 8;
/** Sums may be off by this, after so many rounds of fitting at most. */
const [tolerance, mostFittings] = [1e-3, 200];

/** Soft targets as training takes them: times a factor for each class, brought to sum 1 again. */
export interface TargetShares {
  readonly factors: readonly number[];
  /** What they come to by class, in pixels of the sample. */
  readonly sums: readonly number[];
}

/**
 * Pixels of each class, as a network says of frames spread over the clip.
 * @param predictor of the network as it runs: views and their mean have less of what is thin.
 */
export async function countClasses(
  clip: PreparedClip,
  predictor: Predictor,
  signal?: AbortSignal | undefined,
): Promise<number[]> {
  const counts = Array<number>(clip.classes).fill(0);
  for (const t of spreadFrames(clip.count)) {
    signal?.throwIfAborted();
    for (const label of await predictor.run(await clip.files.frames.read(t))) counts[label]++;
  }
  return counts;
}

/**
 * The clip with targets in which every class has its share of the pixels: `Q'_c ∝ m_c·Q_c` with `mean Q'_c ∝ counts_c`.
 * @param counts what `countClasses` gives of the network as it came.
 */
export async function withShares(
  clip: PreparedClip,
  counts: readonly number[],
  signal?: AbortSignal | undefined,
): Promise<PreparedClip> {
  const { height, width, classes, files } = clip;
  const frames = spreadFrames(clip.count);
  const pixels = Math.ceil(Math.min(height * width, mostValues / classes / frames.length));
  const samples: Uint8Array[] = [];
  for (const t of frames) {
    signal?.throwIfAborted();
    const targets = await files.targets.read(t);
    const random = createRandom(deriveSeed(0, 'shares', t));
    const sample = new Uint8Array(classes * pixels);
    for (let at = 0; at < sample.length; at += classes) {
      const start = classes * random.integer(height * width);
      sample.set(targets.subarray(start, start + classes), at);
    }
    samples.push(sample);
  }
  const { factors, sums } = fitShares(samples, counts);
  return { ...clip, targetFactors: factors, targetSums: sums };
}

/** The class of each pixel in the targets of a frame: that of the consensus, where no class is raised or lowered. */
export async function targetLabels({ files, classes, targetFactors }: PreparedClip, t: number): Promise<Uint8Array> {
  if (!targetFactors) return files.consensus.read(t);
  const targets = await files.targets.read(t);
  const labels = new Uint8Array(targets.length / classes);
  for (let pixel = 0, start = 0; pixel < labels.length; pixel++, start += classes) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (targetFactors[c] * targets[start + c] > targetFactors[best] * targets[start + best]) best = c;
    }
    labels[pixel] = best;
  }
  return labels;
}

/** Indices of the frames that shares are taken of. */
export function spreadFrames(count: number): number[] {
  const frames = Math.min(count, mostFrames);
  return Array.from({ length: frames }, (_, k) => Math.floor((k * count) / frames));
}

/**
 * Iterative proportional fitting of Q to class sums, all in proportion to the largest class, whose factor is 1: what a bounded
 * factor cannot give a class does not change the others.
 * @param samples Q by pixel, C bytes each. @param wanted pixels of each class, of as many as one likes.
 */
export function fitShares(samples: readonly Uint8Array[], wanted: readonly number[]): TargetShares {
  let factors = wanted.map(() => 1);
  let sums = sumsOf(samples, factors);
  const isFitted = wanted.map((value, c) => value >= leastShare * total(wanted) && sums[c] > 0);
  const ofFitted = (values: readonly number[]) => total(values.filter((_, c) => isFitted[c]));
  const scale = ofFitted(sums) / ofFitted(wanted);
  const aims = sums.map((sum, c) => (isFitted[c] ? scale * wanted[c] : sum));
  const largest = aims.indexOf(Math.max(...aims));
  for (let k = 0; k < mostFittings; k++) {
    const found = sums;
    const before = factors;
    const off = aims.map((aim, c) => (found[c] > 0 ? (aim * found[largest]) / (found[c] * aims[largest]) : 1));
    factors = before.map((factor, c) => Math.min(mostFactor, Math.max(1 / mostFactor, factor * off[c])));
    sums = sumsOf(samples, factors);
    if (factors.every((factor, c) => Math.abs(factor / before[c] - 1) < tolerance)) break;
  }
  return { factors, sums };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function sumsOf(samples: readonly Uint8Array[], factors: readonly number[]): number[] {
  const classes = factors.length;
  const sums = Array<number>(classes).fill(0);
  for (const sample of samples) {
    for (let start = 0; start < sample.length; start += classes) {
      let whole = 0;
      for (let c = 0; c < classes; c++) whole += factors[c] * sample[start + c];
      if (whole === 0) continue;
      for (let c = 0; c < classes; c++) sums[c] += (factors[c] * sample[start + c]) / whole;
    }
  }
  return sums;
}
