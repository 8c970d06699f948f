// Dense inverse search: equal to OpenCV's on synthetic pictures (fixtures/flow/make.py), and to its errors on known motion.
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { denseInverseSearch, type InverseSearchPreset } from '#src/flow/dis/denseInverseSearch.js';
import { levelOf } from '#src/flow/dis/level.js';
import { searchPatches } from '#src/flow/dis/patchSearch.js';
import { greyImage, shrunken } from '#src/flow/dis/pyramid.js';
import { inverseSearchFlow } from '#src/flow/inverseSearch.js';
import { readFlo } from '#src/media/flo.js';
import { isUnknownFlow } from '#src/media/flowValues.js';
import type { OpticalFlow } from '#src/media/image.js';
import { readKittiFlow } from '#src/media/kitti.js';
import { readPicture } from '#src/media/pictures.js';
import { createRandom } from '#src/tensor/random.js';
import { describeWithShared, sharedPath } from '../shared.js';
import { endPointError, frameOf, texture } from './frames.js';

const fixture = (name: string) => join(import.meta.dirname, '..', 'fixtures', 'flow', name);

/** Lengths of the differences, smallest first, where the expected flow is known. */
function errors(flow: OpticalFlow, expected: OpticalFlow): number[] {
  expect([flow.width, flow.height]).toEqual([expected.width, expected.height]);
  const found: number[] = [];
  for (let i = 0; i < expected.data.length; i += 2) {
    const [u, v] = [expected.data[i], expected.data[i + 1]];
    if (!isUnknownFlow(u, v)) found.push(Math.hypot(flow.data[i] - u, flow.data[i + 1] - v));
  }
  return found.sort((a, b) => a - b);
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: number[]) => values[values.length >> 1];

it.each<[string, InverseSearchPreset]>([
  ['160x120', 'fast'],
  ['160x120', 'medium'],
  ['117x83', 'ultrafast'],
  ['117x83', 'medium'],
  ['88x40', 'fast'],
])('finds what OpenCV finds: %s, %s', async (size, preset) => {
  const [from, to] = await Promise.all(['a', 'b'].map((name) => readPicture(fixture(`${size}_${name}.png`))));
  const differences = errors(denseInverseSearch(from, to, preset), await readFlo(fixture(`${size}_${preset}.flo`)));
  expect(mean(differences)).toBeLessThan(1e-4);
  expect(median(differences)).toBeLessThan(1e-5);
});

// Mean and median end-point error, in pixels, of OpenCV 4.6.
describeWithShared('known motion', ['data/clips/flow'], () => {
  const frames = async (clip: string) => {
    const folder = sharedPath('data/clips/flow', clip, 'frames');
    return await Promise.all(['000000.png', '000001.png'].map((name) => readPicture(join(folder, name))));
  };

  it.each<[InverseSearchPreset, number, number]>([
    ['ultrafast', 42.017, 9.801],
    ['fast', 39.988, 8.032],
    ['medium', 38.202, 5.173],
  ])('is met in KITTI as well as by OpenCV: %s', async (preset, expectedMean, expectedMedian) => {
    const [from, to] = await frames('kitti');
    const truth = await readKittiFlow(sharedPath('data/clips/flow/kitti/truth/000000.png'));
    const found = errors(denseInverseSearch(from, to, preset), truth);
    expect(Math.abs(mean(found) / expectedMean - 1)).toBeLessThan(0.005);
    expect(Math.abs(median(found) / expectedMedian - 1)).toBeLessThan(0.005);
  });

  it.each<[InverseSearchPreset, number, number]>([
    ['ultrafast', 2.273, 0.637],
    ['fast', 1.978, 0.503],
    ['medium', 1.598, 0.153],
  ])('is met in FlyingChairs as well as by OpenCV: %s', async (preset, expectedMean, expectedMedian) => {
    const [from, to] = await frames('flyingchairs_1');
    const truth = await readFlo(sharedPath('data/clips/flow/flyingchairs_1/truth/000000.flo'));
    const found = errors(denseInverseSearch(from, to, preset), truth);
    expect(Math.abs(mean(found) / expectedMean - 1)).toBeLessThan(0.005);
    expect(Math.abs(median(found) / expectedMedian - 1)).toBeLessThan(0.005);
  });
});

describe('without a reference', () => {
  it('finds no motion between a picture and itself', () => {
    const picture = texture(96, 64);
    for (const preset of ['ultrafast', 'fast', 'medium'] as const) {
      const { data } = denseInverseSearch(picture, picture, preset);
      expect(data.every((value) => value === 0)).toBe(true);
    }
  });

  it('finds motion beyond the side of a patch', () => {
    const flow = denseInverseSearch(texture(320, 240), texture(320, 240, 9.5, -6.25), 'medium');
    expect(endPointError(flow, () => [9.5, -6.25], 24)).toBeLessThan(0.1);
  });

  it('spreads displacements within a band of rows of patches, and not into the next', () => {
    const [width, height, stride] = [64, 64, 4];
    const random = createRandom(1);
    const noise = { width, height, data: Uint8Array.from({ length: width * height }, () => random.integer(256)) };
    // Nothing moves. The search begins right for the third and fourth row of patches, a band, and far off for the others.
    const bandRows = 2;
    const start = Float32Array.from({ length: width * height }, (_, i) => {
      const row = Math.floor((Math.floor(i / width) - 4) / stride);
      return row === 2 || row === 3 ? 0 : 40;
    });
    const { u, v, columns, rows } = searchPatches(levelOf(noise, noise), start, new Float32Array(width * height), {
      stride,
      iterations: 12,
    });
    expect([columns, rows]).toEqual([15, 15]);
    const still = Array.from({ length: rows }, (_, row) =>
      u.subarray(row * columns, (row + 1) * columns).some((x, column) => x === 0 && v[row * columns + column] === 0),
    );
    expect(still).toEqual(Array.from({ length: rows }, (_, row) => Math.floor(row / bandRows) === 1));
  });

  it('gives finite flow for pictures of any size and without structure', () => {
    for (const [width, height] of [
      [12, 8],
      [8, 12],
      [200, 9],
      [9, 200],
      [300, 25],
    ]) {
      const flat = { width, height, data: new Uint8Array(width * height * 3).fill(90) };
      for (const preset of ['ultrafast', 'fast', 'medium'] as const) {
        const moved = denseInverseSearch(texture(width, height), texture(width, height, 3, 1), preset);
        const none = denseInverseSearch(flat, flat, preset);
        expect(moved.data.length).toBe(width * height * 2);
        expect(moved.data.every(Number.isFinite)).toBe(true);
        expect(none.data.every((value) => value === 0)).toBe(true);
      }
    }
  });

  it('refuses pictures that are too small, or of different sizes', () => {
    expect(() => denseInverseSearch(texture(40, 7), texture(40, 7))).toThrow(
      'dense inverse search: expected pictures of at least 12×8 pixels, found 40×7',
    );
    expect(() => denseInverseSearch(texture(11, 11), texture(11, 11))).toThrow('at least 12×8 pixels, found 11×11');
    expect(() => denseInverseSearch(texture(40, 30), texture(30, 40))).toThrow(
      'dense inverse search: expected pictures of one size, found 40×30 and 30×40',
    );
  });
});

describe('the pyramid', () => {
  it('weighs colours as OpenCV does', () => {
    const data = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30]);
    expect([...greyImage({ width: 5, height: 1, data }).data]).toEqual([76, 150, 29, 255, 18]);
  });

  it('averages whole and cut pixels, and rounds halves as OpenCV does', () => {
    const row = (...values: number[]) => ({ width: values.length, height: 1, data: Uint8Array.from(values) });
    expect([...shrunken(row(0, 30, 60, 90, 120), 2, 1).data]).toEqual([24, 96]);
    expect([...shrunken(row(1, 2, 3, 4), 2, 1).data]).toEqual([2, 4]);
    const squares = { width: 4, height: 2, data: Uint8Array.from([0, 1, 2, 3, 1, 0, 3, 2]) };
    expect([...shrunken(squares, 2, 1).data]).toEqual([1, 3]);
  });
});

describe('as a source', () => {
  const source = inverseSearchFlow({ threads: 2 });
  afterAll(() => source.close());

  it('finds the motion of a moved texture, both ways', async () => {
    const pair = { first: frameOf('a', texture(160, 120)), second: frameOf('b', texture(160, 120, 2.5, -1.25)) };
    const [forward, backward] = await Promise.all([source.flow(pair, 'forward'), source.flow(pair, 'backward')]);
    expect(endPointError(forward, () => [2.5, -1.25], 16)).toBeLessThan(0.1);
    expect(endPointError(backward, () => [-2.5, 1.25], 16)).toBeLessThan(0.1);
  });

  it('names itself with its parameters', () => {
    expect(source.name).toBe(
      'dis-medium finest_scale=1 patch_size=8 patch_stride=3 grad_descent_iter=25 variational_refinement_iter=5',
    );
    expect(inverseSearchFlow({ preset: 'fast' }).name).toMatch(/^dis-fast finest_scale=2 /);
  });

  it('names the frames that it refuses', async () => {
    const pair = { first: frameOf('a', texture(16, 12)), second: frameOf('b', texture(16, 13)) };
    await expect(source.flow(pair, 'forward')).rejects.toThrow(
      'flow a → b: expected frames of one size, found 16×12 and 16×13',
    );
    const small = { first: frameOf('a', texture(6, 9)), second: frameOf('b', texture(6, 9)) };
    await expect(source.flow(small, 'backward')).rejects.toThrow(
      'flow b → a: dense inverse search: expected pictures of at least 12×8 pixels, found 6×9',
    );
    expect(() => inverseSearchFlow({ threads: 0 })).toThrow('expected at least 1 thread but received 0');
  });
});
