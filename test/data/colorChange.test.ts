// Brightness, contrast and saturation: each by itself, and one after the other.
import { describe, expect, it } from 'vitest';
import { changeColors } from '#src/data/colorChange.js';

const none = { brightness: 1, contrast: 1, saturation: 1 };
const image = { height: 1, width: 3, data: Uint8Array.from([100, 50, 200, 10, 10, 10, 250, 128, 0]) };
const change = (changes: object) => [...changeColors(image, { ...none, ...changes }).data];

/** Grey of ImageNet's mean colour, and of the first and last pixel. */
const middle = 0.299 * 123.675 + 0.587 * 116.28 + 0.114 * 103.53;
const first = 0.299 * 100 + 0.587 * 50 + 0.114 * 200;

describe('colours', () => {
  it('stay as they are with factors of 1', () => {
    expect(changeColors(image, none)).toBe(image);
  });

  it('get brighter by a factor, and stay within what a byte holds', () => {
    expect(change({ brightness: 1.2 })).toEqual([120, 60, 240, 12, 12, 12, 255, 154, 0]);
  });

  it('move away from the middle grey with more contrast', () => {
    const expected = [100, 50, 200, 10, 10, 10, 250, 128, 0].map((value) =>
      Math.round(middle + 1.1 * (value - middle)),
    );
    expect(change({ contrast: 1.1 })).toEqual(expected.map((value) => Math.min(255, Math.max(0, value))));
  });

  it('move towards their own grey with less saturation, and greys stay', () => {
    const found = change({ saturation: 0.5 });
    expect(found.slice(0, 3)).toEqual([100, 50, 200].map((value) => Math.round((value + first) / 2)));
    expect(found.slice(3, 6)).toEqual([10, 10, 10]);
    expect(new Set(change({ saturation: 0 }).slice(0, 3)).size).toBe(1);
  });

  it('change in that order: saturation last, about the grey that brightness and contrast made', () => {
    const [brightness, contrast, saturation] = [0.9, 1.2, 0.7];
    const after = [100, 50, 200].map((value) => contrast * (brightness * value - middle) + middle);
    const grey = 0.299 * after[0] + 0.587 * after[1] + 0.114 * after[2];
    const expected = after.map((value) => Math.round(saturation * value + (1 - saturation) * grey));
    expect(change({ brightness, contrast, saturation }).slice(0, 3)).toEqual(expected);
  });
});
