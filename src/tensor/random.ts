// Seeded random numbers: mulberry32 with a state that can be saved, and values that come from a name.
import type { Shape } from './tensor.js';
import { elementCount, type Tensor, tensor } from './tensor.js';

const STEP = 0x6d2b79f5;

/** mulberry32's output for the counter `a`: an unsigned 32-bit integer. */
function mulberry32(a: number): number {
  let t = Math.imul(a ^ (a >>> 15), a | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

/** FNV-1a, 32 bit, of the UTF-8 bytes of `text`. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** A random number generator whose whole state is one 32-bit integer. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, n). */
  integer(n: number): number;
  /** Standard normal (Box–Muller; two uniforms each, so that the state stays one integer). */
  normal(): number;
  /** The state, for a checkpoint; `createRandom(state)` goes on from there. */
  state(): number;
}

/** A generator from a 32-bit seed, or from a saved state. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + STEP) >>> 0;
    return mulberry32(state) / 2 ** 32;
  };
  return {
    uniform,
    integer: (n) => Math.floor(uniform() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    state: () => state,
  };
}

/** A seed for one purpose out of a run's seed, e.g. `deriveSeed(seed, 'augment', epoch, sample)`: independent of call order. */
export function deriveSeed(seed: number, ...parts: (string | number)[]): number {
  return fnv1a([seed, ...parts].join('/'));
}

/** The k-th (from 0) uniform number in [0, 1) that belongs to a seed, without stepping through those before it. */
export function uniformAt(seed: number, k: number): number {
  return mulberry32((seed + Math.imul(k + 1, STEP)) >>> 0) / 2 ** 32;
}

/** float32 tensor whose values come from a name: `(2u - 1)·scale`, u the uniforms of the name's FNV-1a hash. */
export function symmetricByName(name: string, shape: Shape, scale: number): Tensor<'float32'> {
  return byName(name, shape, (u) => (2 * u - 1) * scale);
}

/** float32 tensor whose values come from a name: `low + (high - low)·u`. */
export function uniformByName(name: string, shape: Shape, low: number, high: number): Tensor<'float32'> {
  return byName(name, shape, (u) => low + (high - low) * u);
}

/** uint8 labels whose values come from a name: `⌊u·(classes + 1)⌋`, where `classes` itself becomes 255. */
export function labelsByName(name: string, shape: Shape, classes: number): Tensor<'uint8'> {
  const seed = fnv1a(name);
  const data = new Uint8Array(elementCount(shape));
  for (let k = 0; k < data.length; k++) {
    const id = Math.floor(uniformAt(seed, k) * (classes + 1));
    data[k] = id === classes ? 255 : id;
  }
  return tensor('uint8', shape, data);
}

function byName(name: string, shape: Shape, value: (u: number) => number): Tensor<'float32'> {
  const seed = fnv1a(name);
  const data = new Float32Array(elementCount(shape));
  for (let k = 0; k < data.length; k++) data[k] = value(uniformAt(seed, k));
  return tensor('float32', shape, data);
}
