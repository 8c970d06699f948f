// Regions of one class: how much their pixels count, and which of them an adaptation lost.
import { expect, it } from 'vitest';
import { countRegions, lostRegions, lostShareOf } from '#src/adapt/lostRegions.js';
import { regionsOf, regionWeights } from '#src/adapt/regions.js';

/** A map of digits, a row a string. */
function map(...rows: readonly string[]): { labels: Uint8Array; size: { height: number; width: number } } {
  return {
    labels: Uint8Array.from(rows.join(''), Number),
    size: { height: rows.length, width: rows[0].length },
  };
}

/** A square picture of class 0, and in it a rectangle of class 1. */
function rectangle(height: number, width: number, side = 100): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) - 10, Math.floor(i / side) - 10];
    return x >= 0 && x < width && y >= 0 && y < height ? 1 : 0;
  });
}

it('connects pixels of one class along rows and columns, not across corners nor around the edges', () => {
  const { labels, size } = map('0011', '1001', '0100', '2220');
  const { of, areas, classes } = regionsOf(labels, size);
  expect([...of]).toEqual([0, 0, 1, 1, 2, 0, 0, 1, 3, 4, 0, 0, 5, 5, 5, 0]);
  expect(areas).toEqual([7, 3, 1, 1, 1, 3]);
  expect(classes).toEqual([0, 1, 1, 0, 1, 2]);
  const corner = map('101', '100');
  expect(regionsOf(corner.labels, corner.size).areas).toEqual([2, 3, 1]);
});

it('weighs pixels by the root of how much smaller than a hundredth of the picture their region is', () => {
  const size = { height: 100, width: 100 };
  const weightOf = (height: number, width: number, side = 100) =>
    regionWeights(rectangle(height, width, side), { height: side, width: side })[10 * side + 10];
  expect([weightOf(10, 20), weightOf(10, 10), weightOf(5, 10), weightOf(5, 5)]).toEqual([16, 16, 23, 32]);
  expect([weightOf(10, 10, 400), weightOf(10, 11, 400), weightOf(10, 16, 400)]).toEqual([64, 61, 51]);
  expect(regionWeights(rectangle(5, 5), size)[0]).toBe(16);
  // As many pixels weigh the most in any larger picture, a sixteenth of a large region in any smaller one.
  expect([weightOf(9, 12, 800), weightOf(9, 10, 800), weightOf(10, 12, 800)]).toEqual([123, 123, 117]);
  expect([weightOf(5, 8, 200), weightOf(4, 6, 200), weightOf(4, 8, 200)]).toEqual([51, 64, 57]);
  // Noise.
  expect([weightOf(3, 5), weightOf(4, 4), weightOf(3, 5, 400)]).toEqual([16, 40, 16]);
});

it('counts regions that it saw half of, by class, and those of which less than a tenth is left', () => {
  const size = { height: 100, width: 100 };
  const consensus = rectangle(4, 10);
  const shrunk = (pixels: number) => {
    let left = pixels;
    return consensus.map((label) => (label === 1 && left-- <= 0 ? 0 : label));
  };
  const counted = (before: number, after: number) => {
    const counts = { seen: [0, 0], lost: [0, 0] };
    countRegions(counts, consensus, shrunk(before), shrunk(after), size);
    return counts;
  };
  expect(counted(20, 3)).toEqual({ seen: [1, 1], lost: [0, 1] });
  expect(counted(20, 4)).toEqual({ seen: [1, 1], lost: [0, 0] });
  expect(counted(19, 0)).toEqual({ seen: [1, 0], lost: [0, 0] });
});

it('takes a region of less than 16 pixels, or a ten-thousandth of the picture, for noise', () => {
  const seen = (width: number, side: number) => {
    const labels = rectangle(1, width, side);
    const counts = { seen: [0, 0], lost: [0, 0] };
    countRegions(counts, labels, labels, labels, { height: side, width: side });
    return counts.seen[1];
  };
  expect([seen(15, 100), seen(16, 100), seen(24, 500), seen(25, 500)]).toEqual([0, 1, 0, 1]);
});

it('tells the share that is lost, and classes of which many are', () => {
  expect(lostShareOf({ seen: [10, 20, 10], lost: [0, 3, 1] })).toBe(0.1);
  expect(lostShareOf({ seen: [0, 0], lost: [0, 0] })).toBe(0);
  const seen = [100, 31, 30, 3, 40];
  const lost = (...counts: number[]) => ({ seen, lost: counts });
  expect(lostRegions(lost(0, 0, 0, 0, 9), lost(9, 3, 3, 2, 12))).toEqual([{ label: 2, lost: 3, seen: 30 }]);
});
