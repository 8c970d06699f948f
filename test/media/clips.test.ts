import { expect, it } from 'vitest';
import { orderIntoClips } from '#src/media/clips.js';

const split = (paths: string[]) => orderIntoClips(paths).clips.map(({ name, first, count }) => [name, first, count]);
/** The stems of each clip. */
const members = (paths: string[], rule?: Parameters<typeof orderIntoClips>[1]) => {
  const { order, clips } = orderIntoClips(paths, rule);
  expect(order.toSorted((a, b) => a - b)).toEqual(paths.map((_, at) => at));
  return clips.map(({ first, count }) =>
    order.slice(first, first + count).map((at) => paths[at].replace(/^v\/|\.png$/g, '')),
  );
};
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

it('parts views that lie side by side in one folder', () => {
  const stems = (view: string) => ['001', '002', '003'].map((number) => `cam_${number}_${view}`);
  const mixed = (left: string[], right: string[]) =>
    left.flatMap((stem, at) => [`v/${stem}.png`, `v/${right[at]}.png`]);
  expect(members(mixed(stems('left'), stems('right')))).toEqual([stems('left'), stems('right')]);
  const counted = (camera: number) => ['0001', '0002', '0003', '0004'].map((number) => `${number}_cam${camera}`);
  expect(members(mixed(counted(1), counted(2)))).toEqual([counted(1), counted(2)]);
  const timed = (view: string) => ['1623370435', '1623370467', '1623370501'].map((time) => `${time}_${view}`);
  expect(members(mixed(timed('left'), timed('right')))).toEqual([timed('left'), timed('right')]);
  const gap = (view: string) => ['001', '002', '003', '007', '008'].map((number) => `cam_${number}_${view}`);
  expect(members(mixed(gap('a'), gap('b'))).map((clip) => clip.length)).toEqual([3, 2, 3, 2]);
});

it('bounds the step, and lets names without numbers stand alone, where it is asked to', () => {
  const second = numbered('v/', 0, 4, 30);
  expect(members(second, { maxStep: 2 }).length).toBe(4);
  expect(members(second).length).toBe(1);
  expect(members(numbered('v/', 0, 4, 2), { maxStep: 2 }).length).toBe(1);
  expect(members(['v/a.png', 'v/b.png', 'v/c.png'], { unnumbered: 'alone' })).toEqual([['a'], ['b'], ['c']]);
});
