// Tileable fractal noise with its mip levels: the grain of every surface.
import { createRandom } from '../tensor/random.js';

/** Side of the finest level in texels; a power of two, so that wrapping is a mask. */
const SIDE = 256;
const LEVELS = 7;

/** A periodic noise picture and its halvings; values of the finest level have mean 0 and lie in about -1..1. */
export interface Noise {
  readonly levels: readonly Float32Array[];
}

/** Noise whose octaves have periods of 8, 16, …, 128 cells a tile; the same seed gives the same values. */
export function createNoise(seed: number): Noise {
  const random = createRandom(seed);
  const base = new Float32Array(SIDE * SIDE);
  let total = 0;
  for (let cells = 8; cells <= 128; cells *= 2) {
    // Amplitude falls slower than 1/f, so that grain stays visible close by.
    const amplitude = cells ** -0.6;
    total += amplitude * amplitude;
    const lattice = Float32Array.from({ length: cells * cells }, () => 2 * random.uniform() - 1);
    const step = SIDE / cells;
    for (let y = 0; y < SIDE; y++) {
      const y0 = Math.floor(y / step);
      const fy = smooth((y % step) / step);
      const top = y0 * cells;
      const bottom = ((y0 + 1) % cells) * cells;
      for (let x = 0; x < SIDE; x++) {
        const x0 = Math.floor(x / step);
        const x1 = (x0 + 1) % cells;
        const fx = smooth((x % step) / step);
        const upper = lattice[top + x0] + (lattice[top + x1] - lattice[top + x0]) * fx;
        const lower = lattice[bottom + x0] + (lattice[bottom + x1] - lattice[bottom + x0]) * fx;
        base[y * SIDE + x] += amplitude * (upper + (lower - upper) * fy);
      }
    }
  }
  let mean = 0;
  for (const value of base) mean += value;
  mean /= base.length;
  for (let i = 0; i < base.length; i++) base[i] = (base[i] - mean) / Math.sqrt(total);
  const levels: Float32Array[] = [base];
  for (let level = 1; level < LEVELS; level++) levels.push(halve(levels[level - 1], SIDE >> (level - 1)));
  return { levels };
}

/**
 * Noise at (u, v) metres with `density` texels a metre, bilinear, from the level whose texels are about `footprint`
 * metres (what one sample covers), so that far surfaces do not sparkle.
 */
export function noiseAt(noise: Noise, u: number, v: number, density: number, footprint: number): number {
  let level = 31 - Math.clz32((footprint * density) | 0) + 1;
  if (level >= LEVELS) level = LEVELS - 1;
  const table = noise.levels[level];
  const side = SIDE >> level;
  const mask = side - 1;
  const shrink = density / (1 << level);
  const x = u * shrink;
  const y = v * shrink;
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const fy = y - y0;
  const left = x0 & mask;
  const right = (x0 + 1) & mask;
  const top = (y0 & mask) * side;
  const bottom = ((y0 + 1) & mask) * side;
  const a = table[top + left];
  const b = table[bottom + left];
  const upper = a + (table[top + right] - a) * fx;
  const lower = b + (table[bottom + right] - b) * fx;
  return upper + (lower - upper) * fy;
}

/** A number in [0, 1) for a cell of an integer grid. */
export function cellHash(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

function halve(table: Float32Array, side: number): Float32Array {
  const half = side / 2;
  const out = new Float32Array(half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const i = 2 * y * side + 2 * x;
      out[y * half + x] = (table[i] + table[i + 1] + table[i + side] + table[i + side + 1]) / 4;
    }
  }
  return out;
}
