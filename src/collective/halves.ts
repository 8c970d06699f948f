// Sums over ranks that travel in half precision: half the bytes of exact ones, rounded twice to the eleven bits of float16.
import { float16ToFloat32, float32ToFloat16 } from '../tensor/half.js';
import type { Collective } from './collective.js';

/** Sums are scaled to stay below this, half the largest float16: rounding never leads beyond it. */
const largestSum = 2 ** 15;
/** Steeper scales than this are no use: float32 itself ends near its inverse. */
const largestExponent = 120;

/**
 * The sums of arrays over all ranks, the same bits on each. Every array has a scale of its own, a power of two that all ranks know,
 * so that values down to 2^-28 of the sum of the ranks' largest keep eleven bits. Each rank adds up one part of the values, in float32,
 * and sends the sums to the others. An array with a value that is no number, or infinite, on any rank is NaN on all.
 */
export async function sumInHalves(
  arrays: readonly Float32Array[],
  collective: Collective,
): Promise<Float32Array<ArrayBuffer>[]> {
  const bounds = Float32Array.from(arrays, largest);
  await collective.sum(bounds);
  const scales = Array.from(bounds, scaleOf);
  const length = arrays.reduce((sum, array) => sum + array.length, 0);
  const part = Math.ceil(length / collective.size);
  const scaled = new Float32Array(part * collective.size);
  let at = 0;
  for (const [k, array] of arrays.entries()) {
    for (let i = 0; i < array.length; i++) scaled[at + i] = array[i] * scales[k];
    at += array.length;
  }
  const given = float16ToFloat32(await collective.exchange(float32ToFloat16(scaled)));
  const sums = given.slice(0, part);
  for (let rank = 1; rank < collective.size; rank++) {
    for (let i = 0; i < part; i++) sums[i] += given[rank * part + i];
  }
  const all = float16ToFloat32(await collective.collect(float32ToFloat16(sums)));
  at = 0;
  return arrays.map((array, k) => {
    const sum = all.slice(at, at + array.length);
    for (let i = 0; i < sum.length; i++) sum[i] /= scales[k];
    at += array.length;
    return sum;
  });
}

function largest(array: Float32Array): number {
  let found = 0;
  // NaN where one is.
  for (let i = 0; i < array.length; i++) found = Math.max(found, Math.abs(array[i]));
  return found;
}

/** Of an array whose sums are at most `bound`: NaN where that is no finite number. */
function scaleOf(bound: number): number {
  if (!Number.isFinite(bound)) return Number.NaN;
  if (bound === 0) return 1;
  return 2 ** Math.min(largestExponent, Math.floor(Math.log2(largestSum / bound)));
}
