// Where a pair changes most: found by a plain search, and what counts as one place.
import { expect, it } from 'vitest';
import type { LabelMap } from '#src/media/image.js';
import { overlapping, unsteadiestPlace } from '#src/metrics/places.js';
import { createRandom } from '#src/tensor/random.js';

const map = (width: number, height: number, id: (x: number, y: number) => number): LabelMap => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height }, (_, i) => id(i % width, Math.floor(i / width))),
});

it('finds the square with the most changes between classes', () => {
  const still = map(96, 48, () => 1);
  // Two spots change; in the larger one some pixels are no class. Cells are 4 pixels.
  const next = map(96, 48, (x, y) => {
    if (x >= 41 && x < 47 && y >= 22 && y < 30) return 0;
    return x >= 70 && x < 80 && y >= 4 && y < 12 ? (x < 77 ? 255 : 2) : 1;
  });
  const place = unsteadiestPlace(still, next, 3);
  expect(place).toMatchObject({ width: 16, height: 16, changed: 48 });
  expect(place.x <= 41 && place.x + 16 >= 47 && place.y <= 22 && place.y + 16 >= 30).toBe(true);
  expect(unsteadiestPlace(still, still, 3).changed).toBe(0);
});

it('lies in the frame, and holds what it says, at any size', () => {
  for (const [width, height] of [
    [1, 1],
    [3, 2],
    [5, 40],
    [50, 37],
    [100, 13],
  ]) {
    const random = createRandom(width);
    const [before, after] = [0, 1].map(() => map(width, height, () => random.integer(3)));
    const { changed, ...place } = unsteadiestPlace(before, after, 2);
    expect(place.x >= 0 && place.y >= 0 && place.width >= 1 && place.height >= 1).toBe(true);
    expect(place.x + place.width <= width && place.y + place.height <= height).toBe(true);
    let count = 0;
    for (let y = place.y; y < place.y + place.height; y++) {
      for (let x = place.x; x < place.x + place.width; x++) {
        const [a, b] = [before.data[y * width + x], after.data[y * width + x]];
        if (a !== b && a < 2 && b < 2) count++;
      }
    }
    expect(changed).toBe(count);
  }
});

it('is one place with another when a quarter is shared', () => {
  const at = (x: number, y: number) => ({ x, y, width: 8, height: 8, changed: 1 });
  expect(overlapping(at(0, 0), at(4, 2))).toBe(true);
  expect(overlapping(at(0, 0), at(4, 4))).toBe(false);
  expect(overlapping(at(0, 0), at(9, 9))).toBe(false);
});
