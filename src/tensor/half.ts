// float16 and bfloat16 bits to and from float32.

/** The value of IEEE half-precision bits. */
function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The values of all halves, once they were asked for. */
let halves: Float32Array | undefined;

/** float32 values of IEEE half-precision bits. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => valueOfHalf(half));
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halves[bits[i]];
  return out;
}

/** IEEE half-precision bits of float32 values, rounded to nearest, ties to even; too large becomes infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = words[i];
    const sign = (bits >>> 16) & 0x8000;
    const exponent = ((bits >>> 23) & 255) - 127;
    const fraction = bits & 0x7fffff;
    if (exponent === 128) out[i] = sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
    else if (exponent > 15) out[i] = sign | 0x7c00;
    else if (exponent < -25) out[i] = sign;
    else {
      // The significand with its leading one, shifted so that `kept` are half-precision bits and `rest` is rounded away.
      const subnormal = exponent < -14;
      const shift = subnormal ? -exponent - 1 : 13;
      const significand = subnormal ? fraction | 0x800000 : fraction;
      const kept = significand >>> shift;
      const rest = significand & ((1 << shift) - 1);
      const half = 1 << (shift - 1);
      const roundUp = rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0;
      out[i] = sign | ((subnormal ? 0 : (exponent + 15) << 10) + kept + roundUp);
    }
  }
  return out;
}

/** float32 values of bfloat16 bits. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}
