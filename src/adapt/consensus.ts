// The consensus of a network along the optical flow: its probabilities at t and, warped to t, at the frames around (SPEC section 9).
import { chainFlow } from '../data/chainFlow.js';
import type { OpticalFlow, Size } from '../media/image.js';
import { warpLabels } from '../metrics/warp.js';

/** Class probabilities times 255, height×width×classes. */
export interface ProbabilityMap extends Size {
  readonly classes: number;
  readonly data: Uint8Array;
}

/** A neighbouring frame as frame t sees it. */
export interface Neighbour {
  readonly probabilities: ProbabilityMap;
  /** t → neighbour. */
  readonly flow: OpticalFlow;
  /** By pixel of t: 0 where the neighbour shows it. */
  readonly hidden: Uint8Array;
}

/** Where the point at each pixel of t cannot be seen in the other frame (the `masked` rule of SPEC §6): 255, else 0. */
export function hiddenPixels(forward: OpticalFlow, backward: OpticalFlow): Uint8Array {
  const { width, height } = forward;
  return warpLabels({ width, height, data: new Uint8Array(width * height) }, forward, backward, 'masked').data;
}

/** Flow from `from` to `to` as the flow from `from` to a frame between, then on from there. */
export function chained(first: OpticalFlow, rest: OpticalFlow): OpticalFlow {
  return chainFlow([first, rest]).flow;
}

/** What a frame and those around it say together. */
export interface Consensus {
  /** H×W. */
  readonly labels: Uint8Array;
  /** Sharpened. */
  readonly targets: ProbabilityMap;
}

/**
 * `C = (P_t + Σ_d v_d · warp(P_{t+d})) / (1 + Σ_d v_d)`, sampled bilinearly, then sharpened: `Q ∝ C^{1/τ}`.
 * @returns C's classes by pixel, and Q.
 */
export function consensusOf(own: ProbabilityMap, neighbours: readonly Neighbour[], temperature: number): Consensus {
  const { width, height, classes } = own;
  const sum = Float32Array.from(own.data);
  for (const neighbour of neighbours) addWarped(sum, neighbour);
  const labels = new Uint8Array(width * height);
  const data = new Uint8Array(sum.length);
  const powers = new Float32Array(classes);
  for (let pixel = 0, start = 0; pixel < labels.length; pixel++, start += classes) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (sum[start + c] > sum[start + best]) best = c;
    labels[pixel] = best;
    const top = sum[start + best] || 1;
    let total = 0;
    for (let c = 0; c < classes; c++) {
      const share = sum[start + c] / top;
      powers[c] = temperature === 0.5 ? share * share : share ** (1 / temperature);
      total += powers[c];
    }
    for (let c = 0; c < classes; c++) data[start + c] = Math.round((255 * powers[c]) / total);
  }
  return { labels, targets: { width, height, classes, data } };
}

/** Adds what a neighbour gives for each pixel that it shows. The division by their number cancels in labels and in Q. */
function addWarped(sum: Float32Array, { probabilities, flow, hidden }: Neighbour): void {
  const { width, height, classes, data } = probabilities;
  const row = width * classes;
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      if (hidden[pixel] !== 0) continue;
      const atX = Math.min(width - 1, Math.max(0, x + flow.data[2 * pixel]));
      const atY = Math.min(height - 1, Math.max(0, y + flow.data[2 * pixel + 1]));
      const left = Math.floor(atX);
      const top = Math.floor(atY);
      const fx = atX - left;
      const fy = atY - top;
      const a = (top * width + left) * classes;
      const b = left + 1 < width ? a + classes : a;
      const down = top + 1 < height ? row : 0;
      const [topLeft, topRight] = [(1 - fx) * (1 - fy), fx * (1 - fy)];
      const [bottomLeft, bottomRight] = [(1 - fx) * fy, fx * fy];
      const start = pixel * classes;
      for (let c = 0; c < classes; c++) {
        sum[start + c] +=
          topLeft * data[a + c] +
          topRight * data[b + c] +
          bottomLeft * data[a + down + c] +
          bottomRight * data[b + down + c];
      }
    }
  }
}

/**
 * Weights of the classes, `w_c ∝ q_c^{-1/2}` with q the mean of Q (at least 1e-4), so that `Σ q_c·w_c = 1` (SPEC §9.3).
 * @param sums of Q by class.
 */
export function targetWeights(sums: readonly number[]): number[] {
  const total = sums.reduce((a, b) => a + b, 0) || 1;
  const shares = sums.map((sum) => Math.max(1e-4, sum / total));
  const raw = shares.map((share) => share ** -0.5);
  const scale = raw.reduce((sum, weight, c) => sum + weight * shares[c], 0);
  return raw.map((weight) => weight / scale);
}
