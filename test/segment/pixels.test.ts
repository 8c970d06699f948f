import { describe, expect, it } from 'vitest';
import { type Pixels, prepareInput, resizePixels, wholeOf } from '#src/segment/pixels.js';
import { defaultPreprocessing, type Preprocessing } from '#src/segment/preprocessing.js';
import { alignedAxis, halfPixelAxis } from '#src/tensor/linearAxis.js';
import { mirrored, randomPixels } from './pixels.js';

const plain: Preprocessing = { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' };

describe('axis weights', () => {
  it.each([
    [5, 9],
    [9, 5],
    [540, 512],
    [1, 4],
    [4, 1],
  ])('are positions, within the axis, that add up to 1: %i → %i', (from, to) => {
    for (const [axis, position] of [
      [halfPixelAxis(from, to), (i: number) => ((i + 0.5) * from) / to - 0.5],
      [alignedAxis(from, to), (i: number) => (to === 1 ? 0 : (i * (from - 1)) / (to - 1))],
    ] as const) {
      for (let i = 0; i < to; i++) {
        expect(axis.lowWeight[i] + axis.highWeight[i]).toBeCloseTo(1, 14);
        const sampled = axis.low[i] * axis.lowWeight[i] + axis.high[i] * axis.highWeight[i];
        expect(sampled).toBeCloseTo(Math.min(from - 1, Math.max(0, position(i))), 9);
      }
    }
  });

  it('are the same bits from both ends', () => {
    for (const axis of [halfPixelAxis(540, 512), alignedAxis(64, 540)]) {
      expect([...axis.highWeight].reverse()).toEqual(
        [...axis.lowWeight].map((weight, i) => (axis.highWeight[i] === 0 ? 0 : weight)),
      );
    }
  });
});

describe('resizing', () => {
  it('is nothing at the same size', () => {
    const image = randomPixels(4, 5);
    expect(resizePixels(image, 4, 5)).toBe(image);
  });

  it('averages blocks where an axis shrinks by a whole factor', () => {
    const image = randomPixels(6, 6);
    const { data } = resizePixels(image, 3, 2);
    for (let y = 0; y < 3; y++) {
      for (let x = 0; x < 2; x++) {
        let sum = 0;
        for (let dy = 0; dy < 2; dy++)
          for (let dx = 0; dx < 3; dx++) sum += image.data[((2 * y + dy) * 6 + 3 * x + dx) * 3];
        expect(data[(y * 2 + x) * 3]).toBeCloseTo(sum / 6, 4);
      }
    }
  });

  it('keeps a linear ramp linear away from the ends', () => {
    const ramp: Pixels = {
      width: 8,
      height: 1,
      data: Uint8Array.from({ length: 24 }, (_, i) => 10 * Math.floor(i / 3)),
    };
    const { data } = resizePixels(ramp, 1, 12);
    for (let x = 1; x < 11; x++) expect(data[x * 3]).toBeCloseTo(10 * (((x + 0.5) * 8) / 12 - 0.5), 4);
  });

  it.each([
    [9, 14],
    [5, 6],
    [3, 4],
    [20, 30],
  ])('gives the mirrored picture for a mirrored picture, bit for bit (to %i×%i)', (height, width) => {
    const image = randomPixels(10, 12, 7);
    const one = resizePixels(mirrored(image), height, width);
    expect(one.data).toEqual(mirrored(resizePixels(image, height, width)).data);
  });
});

describe('preparing an input', () => {
  it('normalises into planes', () => {
    const image = randomPixels(3, 4);
    const out = new Float32Array(36);
    prepareInput(image, wholeOf(image), 3, 4, defaultPreprocessing, out);
    const { mean, std } = defaultPreprocessing;
    for (let i = 0; i < 12; i++) {
      for (let c = 0; c < 3; c++) expect(out[c * 12 + i]).toBeCloseTo((image.data[i * 3 + c] - mean[c]) / std[c], 5);
    }
  });

  it('cuts a region out and can put blue first', () => {
    const image = randomPixels(5, 6);
    const out = new Float32Array(12);
    prepareInput(image, { x: 3, y: 2, width: 2, height: 2 }, 2, 2, { ...plain, channelOrder: 'bgr' }, out);
    const pixel = (x: number, y: number, c: number) => image.data[(y * 6 + x) * 3 + c];
    const expected = [2, 1, 0].flatMap((c) => [pixel(3, 2, c), pixel(4, 2, c), pixel(3, 3, c), pixel(4, 3, c)]);
    expect([...out]).toEqual(expected);
  });
});
