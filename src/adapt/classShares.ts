// Targets that leave each class its share of the pixels: averaged along the flow and sharpened, thin and rare ones lose theirs.
import type { PreparedClip } from './clipFiles.js';
import type { Predictor } from './predictor.js';

/** Frames that the shares are taken of, spread over the clip, and pixels in all. */
const [mostFrames, mostPixels] = [40, 400_000];
/** A class with less of the pixels is noise: it keeps what the targets give it. */
const leastShare = 1e-4;
/** What a class is raised or lowered by at most. */
const mostFactor = 8;
/** Proportional fitting converges by then to a thousandth and better. */
const fittings = 30;

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
export async function countClasses(clip: PreparedClip, predictor: Predictor): Promise<number[]> {
  const counts = Array<number>(clip.classes).fill(0);
  for (const t of spreadFrames(clip)) {
    for (const label of await predictor.run(await clip.files.frames.read(t))) counts[label]++;
  }
  return counts;
}

/**
 * The clip with targets in which every class has its share of the pixels: `Q'_c ∝ m_c·Q_c` with `mean Q'_c ∝ counts_c`.
 * @param counts what `countClasses` gives of the network as it came.
 */
export async function withShares(clip: PreparedClip, counts: readonly number[]): Promise<PreparedClip> {
  const { height, width, classes, files } = clip;
  const frames = spreadFrames(clip);
  // An odd step takes all columns by and by.
  const step = Math.ceil((frames.length * height * width) / mostPixels) | 1;
  const samples: Uint8Array[] = [];
  for (const t of frames) {
    const targets = await files.targets.read(t);
    const sample = new Uint8Array(classes * Math.ceil((height * width) / step));
    for (let pixel = 0, at = 0; pixel < height * width; pixel += step, at += classes) {
      sample.set(targets.subarray(classes * pixel, classes * (pixel + 1)), at);
    }
    samples.push(sample);
  }
  const { factors, sums } = fitShares(samples, counts);
  return { ...clip, targetFactors: factors, targetSums: sums };
}

function spreadFrames({ count }: Pick<PreparedClip, 'count'>): number[] {
  const frames = Math.min(count, mostFrames);
  return Array.from({ length: frames }, (_, k) => Math.floor((k * count) / frames));
}

/**
 * Iterative proportional fitting of Q to class sums.
 * @param samples Q by pixel, C bytes each. @param wanted pixels of each class, of as many as one likes.
 */
export function fitShares(samples: readonly Uint8Array[], wanted: readonly number[]): TargetShares {
  let factors = wanted.map(() => 1);
  let sums = sumsOf(samples, factors);
  const isFitted = wanted.map((value) => value >= leastShare * total(wanted));
  const ofFitted = (values: readonly number[]) => total(values.filter((_, c) => isFitted[c]));
  const scale = ofFitted(sums) / ofFitted(wanted);
  const aims = sums.map((sum, c) => (isFitted[c] ? scale * wanted[c] : sum));
  for (let k = 0; k < fittings; k++) {
    const found = sums;
    factors = factors.map((factor, c) =>
      found[c] === 0 ? 1 : Math.min(mostFactor, Math.max(1 / mostFactor, (factor * aims[c]) / found[c])),
    );
    sums = sumsOf(samples, factors);
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
