import { readdirSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { farnebackFlow } from '#src/flow/farneback.js';
import { readFlo } from '#src/media/flo.js';
import type { RgbImage } from '#src/media/image.js';
import { describeWithShared, sharedPath } from '../shared.js';
import { endPointError, frameOf, texture } from './frames.js';

const source = farnebackFlow({ threads: 2 });
afterAll(() => source.close());

it('finds the motion of a moved texture, both ways', async () => {
  const pair = { first: frameOf('a', texture(160, 120)), second: frameOf('b', texture(160, 120, 2.5, -1.25)) };
  const [forward, backward] = await Promise.all([source.flow(pair, 'forward'), source.flow(pair, 'backward')]);
  expect([forward.width, forward.height, forward.data.length]).toEqual([160, 120, 160 * 120 * 2]);
  expect(endPointError(forward, () => [2.5, -1.25], 16)).toBeLessThan(0.25);
  expect(endPointError(backward, () => [-2.5, 1.25], 16)).toBeLessThan(0.25);
});

it('names itself with its parameters', () => {
  expect(source.name).toBe('farneback pyr_scale=0.5 levels=4 winsize=15 iterations=3 poly_n=5 poly_sigma=1.1');
  expect(farnebackFlow({ levels: 5 }).name).not.toBe(source.name);
});

it('refuses frames of different sizes and parameters that OpenCV would not take', async () => {
  const pair = { first: frameOf('a', texture(16, 12)), second: frameOf('b', texture(16, 13)) };
  await expect(source.flow(pair, 'forward')).rejects.toThrow(
    'flow a → b: expected frames of one size, found 16×12 and 16×13',
  );
  expect(() => farnebackFlow({ polyN: 6 })).toThrow('expected a polyN of 5 or 7 but received 6');
  expect(() => farnebackFlow({ pyramidScale: 1 })).toThrow('expected pyramidScale between 0 and 1 but received 1');
});

it('takes frames smaller than its window', async () => {
  const pair = { first: frameOf('a', texture(3, 2)), second: frameOf('b', texture(3, 2)) };
  const { data } = await source.flow(pair, 'forward');
  expect(data.length).toBe(12);
  expect(data.every(Number.isFinite)).toBe(true);
});

/** Half the size by averaging 2×2 pixels, halves rounded up, as OpenCV's area interpolation does. */
async function halfSize(path: string): Promise<RgbImage> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const [width, height] = [info.width / 2, info.height / 2];
  const half = new Uint8Array(width * height * 3);
  for (let i = 0; i < half.length; i++) {
    const [x, y, channel] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    const at = (y * 2 * info.width + x * 2) * 3 + channel;
    const below = at + info.width * 3;
    half[i] = (data[at] + data[at + 3] + data[below] + data[below + 3] + 2) >> 2;
  }
  return { width, height, data: half };
}

describeWithShared('the golden flows', ['goldens/metrics/flow', 'data/camvid/val'], () => {
  it('are met within 1e-4 pixels', async () => {
    const frames = readdirSync(sharedPath('data/camvid/val')).sort();
    const goldens = readdirSync(sharedPath('goldens/metrics/flow')).sort();
    expect(goldens.length).toBe(6);
    const errors = await Promise.all(
      goldens.map(async (golden) => {
        const at = frames.findIndex((frame) => frame.startsWith(golden.replace('.flo', '')));
        const [first, second] = await Promise.all(
          frames
            .slice(at, at + 2)
            .map(async (frame) => frameOf(frame, await halfSize(sharedPath('data/camvid/val', frame)))),
        );
        const { data } = await readFlo(sharedPath('goldens/metrics/flow', golden));
        const flow = await source.flow({ first, second }, 'forward');
        return endPointError(flow, (pixel) => [data[pixel * 2], data[pixel * 2 + 1]]);
      }),
    );
    expect(Math.max(...errors)).toBeLessThan(1e-4);
  });
});
