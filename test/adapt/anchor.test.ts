// The other pictures that a network for general use is held to.
import { expect, it } from 'vitest';
import { anchorPicture } from '#src/adapt/anchor.js';
import { createRandom, type Random } from '#src/tensor/random.js';

const [height, width] = [8, 16];
const pixels = height * width;
const size = { height, width };

/** A source of numbers that are given. */
function scripted(uniforms: readonly number[]): Random {
  const queue = [...uniforms];
  const uniform = () => {
    const next = queue.shift();
    if (next === undefined) throw new Error('no more numbers');
    return next;
  };
  return { ...createRandom(0), uniform, integer: (below) => Math.floor(uniform() * below) };
}

/** Columns 0, 10, 20 … in every channel. */
const ramp = Uint8Array.from({ length: 3 * pixels }, (_, i) => 10 * (i % width));
/** Whole, as it is: frame, zoom, place, no mirroring, contrast, brightness, three colours. */
const asItIs = [0, 1, 0, 0, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5];

it('is a frame as it is where nothing is changed, or mirrored', async () => {
  const plain = await anchorPicture(scripted([...asItIs, 0.9]), 1, async () => ramp, size);
  expect(plain).toEqual(ramp);
  const mirrored = await anchorPicture(scripted(asItIs.with(4, 0.1).concat(0.9)), 1, async () => ramp, size);
  expect([...mirrored.subarray(0, 3)]).toEqual([150, 140, 130]);
});

it('enlarges a part, and changes light, contrast and colours around middle grey', async () => {
  // At the right edge, as small as parts are: from 0.6 · 15 on, 0.4 as wide.
  const part = await anchorPicture(scripted([...asItIs.with(1, 0).with(2, 1), 0.9]), 1, async () => ramp, size);
  expect([part[0], part[15]]).toEqual([90, 150]);
  const draw = (at: number, value: number) =>
    anchorPicture(scripted([...asItIs.with(at, value), 0.9]), 1, async () => ramp, size);
  // 1.4 times the contrast: 128 + 1.4 · (130 - 128).
  expect((await draw(5, 1))[13]).toBe(131);
  expect((await draw(5, 1))[0]).toBe(0);
  expect((await draw(6, 0.75))[13]).toBe(Math.round(130 + 255 * 0.35 * 0.5));
  // The second colour alone: 1.25 times.
  const coloured = await draw(8, 1);
  expect([coloured[10], coloured[pixels + 10]]).toEqual([100, Math.round(128 + 1.25 * (100 - 128))]);
});

it('lays a part of another frame over every second one', async () => {
  const frames = [ramp, new Uint8Array(3 * pixels).fill(200)];
  const other = asItIs.with(0, 0.5);
  // 0.3 of the height and 0.7 of the width, from the top and the middle of what is left.
  const mixed = await anchorPicture(
    scripted([...asItIs, 0.1, ...other, 0, 1, 0, 0.5]),
    2,
    async (index) => frames[index],
    size,
  );
  const over = Array.from({ length: pixels }, (_, i) => mixed[i] === 200);
  expect(over.filter(Boolean)).toHaveLength(2 * 11);
  expect([over[1], over[2], over[12], over[13], over[width + 2], over[2 * width + 2]]).toEqual([
    false,
    true,
    true,
    false,
    true,
    false,
  ]);
  expect(mixed[0]).toBe(0);
});

it('is the same for the same seed, and another for another', async () => {
  const of = (seed: number) => anchorPicture(createRandom(seed), 1, async () => ramp, size);
  expect(await of(5)).toEqual(await of(5));
  expect(await of(5)).not.toEqual(await of(6));
});
