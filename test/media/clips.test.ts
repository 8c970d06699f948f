import { expect, it } from 'vitest';
import { splitIntoClips } from '#src/media/clips.js';

const split = (paths: string[]) => splitIntoClips(paths).map(({ name, first, count }) => [name, first, count]);
const numbered = (prefix: string, from: number, count: number, step = 1, digits = 5) =>
  Array.from({ length: count }, (_, k) => `${prefix}${String(from + k * step).padStart(digits, '0')}.png`);

it('takes drives of one folder apart, each with its own step', () => {
  const paths = [...numbered('v/0016E5_', 7959, 101, 2), ...numbered('v/Seq05VD_f', 0, 5, 30)];
  expect(split(paths)).toEqual([
    ['0016E5_07959', 0, 101],
    ['Seq05VD_f00000', 101, 5],
  ]);
});

it('starts a new clip after a gap', () => {
  const paths = [...numbered('v/', 1, 4), ...numbered('v/', 9, 3)];
  expect(split(paths)).toEqual([
    ['00001', 0, 4],
    ['00009', 4, 3],
  ]);
});

it('keeps a folder together whose names do not count', () => {
  expect(split(['v/a.png', 'v/b.png', 'v/c.png'])).toEqual([['v', 0, 3]]);
  expect(split(['v/1623370435.png', 'v/1623370467.png', 'v/1623370501.png', 'v/1623370530.png'])).toEqual([
    ['v', 0, 4],
  ]);
  expect(split(numbered('v/', 0, 6))).toEqual([['v', 0, 6]]);
});

it('never goes beyond a folder', () => {
  expect(split(['a/1.png', 'a/2.png', 'b/3.png', 'b/4.png'])).toEqual([
    ['a', 0, 2],
    ['b', 2, 2],
  ]);
});

it('takes Cityscapes frames as consecutive only when they are', () => {
  const snippet = (sequence: string, from: number, count: number) =>
    numbered(`s/ulm_${sequence}_`, from, count, 1, 6).map((path) => path.replace('.png', '_leftImg8bit.png'));
  const paths = [...snippet('000000', 0, 30), ...snippet('000001', 0, 30)];
  expect(split(paths).map(([, first, count]) => [first, count])).toEqual([
    [0, 30],
    [30, 30],
  ]);
  const labelled = [...snippet('000000', 19, 1), ...snippet('000001', 19, 1), ...snippet('000001', 49, 1)];
  expect(split(labelled).map(([, , count]) => count)).toEqual([1, 1, 1]);
});

it('splits nothing into nothing, and one picture into one clip', () => {
  expect(split([])).toEqual([]);
  expect(split(['v/7.png'])).toEqual([['v', 0, 1]]);
});
