// A page keeps the last frames of a long clip, and knows how many there were.
import { expect, it } from 'vitest';
import { createReel } from '../../web/reel.js';

/** A frame of 100 MB. */
function frame(index: number) {
  const image = { width: 1, height: 1, data: { length: 60e6 } as Uint8Array };
  const map = { width: 1, height: 1, data: { length: 20e6 } as Uint8Array };
  return { index, image, labels: { left: map, right: map } };
}

it('keeps 400 MB, and counts what it was given', () => {
  const reel = createReel<ReturnType<typeof frame>>();
  for (let index = 0; index < 6; index++) reel.add(frame(index));
  expect(reel.steps().map(({ index }) => index)).toEqual([2, 3, 4, 5]);
  expect(reel.added()).toBe(6);
  reel.clear();
  reel.add(frame(0));
  expect([reel.steps().length, reel.added()]).toEqual([1, 1]);
});
