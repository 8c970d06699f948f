import { expect, it } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from '#src/tensor/half.js';

it('round-trips every half-precision number', () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = float32ToFloat16(float16ToFloat32(bits));
  const isNaN16 = (b: number) => (b & 0x7c00) === 0x7c00 && (b & 0x3ff) !== 0;
  const wrong = [...bits].filter((b) => (isNaN16(b) ? !isNaN16(back[b]) : back[b] !== b));
  expect(wrong).toEqual([]);
});

it('rounds to nearest, ties to even, and overflows to infinity', () => {
  const halves = float16ToFloat32(
    float32ToFloat16(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65520, 2 ** -25, 2 ** -24 * 1.5)),
  );
  expect([...halves]).toEqual([1, 1 + 2 ** -9, Number.POSITIVE_INFINITY, 0, 2 ** -23]);
});

it('widens bfloat16', () => {
  expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000))]).toEqual([1, -2]);
});
