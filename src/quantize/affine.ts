// 8-bit numbers and the real ones they stand for: x = scale · (q - zero point) (SPEC section 11).

/** How unsigned bytes stand for real numbers. */
export interface Affine {
  readonly scale: number;
  /** The byte that stands for 0, which is always exact: it pads. */
  readonly zeroPoint: number;
}

/** Halves go to the even neighbour, as `QuantizeLinear` rounds. */
export function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The smallest normal float32: what is below loses digits. */
export const smallestScale = 2 ** -126;

/** Bytes for the numbers from `low` to `high`, widened to hold 0. */
export function affineOf(low: number, high: number): Affine {
  const [from, to] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = Math.fround((to - from) / 255);
  // Nothing but 0, or too little for a float32.
  if (!(scale >= smallestScale)) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(255, roundToEven((0 - from) / scale)) };
}

/** The byte of a number, as `QuantizeLinear` computes it: float32, rounded, saturated. */
export function toByte(x: number, { scale, zeroPoint }: Affine): number {
  return Math.min(255, Math.max(0, roundToEven(Math.fround(x / scale)) + zeroPoint));
}

/** The number that a byte stands for. */
export function fromByte(q: number, { scale, zeroPoint }: Affine): number {
  return Math.fround((q - zeroPoint) * scale);
}
