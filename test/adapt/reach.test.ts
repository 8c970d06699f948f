// How far weights may go towards the trained ones.
import { expect, it } from 'vitest';
import { type ReachOptions, reachOf } from '#src/adapt/reach.js';

it('goes no further than little video and use elsewhere allow', () => {
  const reach = (frames: number, options: Partial<ReachOptions> = {}) =>
    reachOf({ ...{ frames, pixels: 360 * 480, labelled: false, general: false, held: false }, ...options });
  expect([8, 30, 40, 80, 101].map((frames) => reach(frames))).toEqual([0.4, 0.4, 0.5, 1, 1]);
  // Larger frames show more, smaller ones not less than their number says.
  expect(reach(15, { pixels: 512 * 1024 })).toBeCloseTo(0.5625, 3);
  expect([reach(4, { pixels: 1024 * 2048 }), reach(15, { pixels: 720 * 480 })]).toEqual([0.4, 0.4]);
  expect(reach(20, { pixels: 720 * 480 })).toBe(0.5);
  expect([reach(30, { pixels: 512 * 1024 }), reach(70, { pixels: 512 * 1024 })]).toEqual([0.6, 0.875]);
  expect(reach(60, { pixels: 64 * 64 })).toBe(0.75);
  expect([reach(8, { labelled: true }), reach(101, { held: true })]).toEqual([1, 1]);
  expect([reach(101, { general: true }), reach(101, { general: true, labelled: true })]).toEqual([0.34, 0.34]);
  expect(reach(101, { general: true, held: true })).toBe(0.47);
  expect(reach(8, { general: true, held: true })).toBe(0.4);
});
