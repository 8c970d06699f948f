// What a network says of a frame of the clip, computed by hand.
import { expect, it } from 'vitest';
import { openPredictor } from '#src/adapt/predictor.js';
import { viewSize } from '#src/adapt/views.js';
import { constant } from '#src/onnx/graph.js';
import { conv } from '#src/onnx/ops.js';
import { createRandom } from '#src/tensor/random.js';
import { tensor } from '#src/tensor/tensor.js';
import type { Student } from '#src/train/student.js';

const [height, width] = [3, 5];
const size = { height, width };
/** Class 1 is likelier where the pixel to the left is red: what it says of a mirror image is something else. */
const student: Student = {
  name: 'left',
  classes: { count: 2, names: undefined },
  preprocessing: { mean: [0, 0, 0], std: [100, 100, 100], channelOrder: 'rgb' },
  weights: new Map(),
  build(image) {
    const weights = new Float32Array(2 * 3 * 3);
    weights[9] = 2;
    const kernel = constant(image.graph, tensor('float32', [2, 3, 1, 3], weights));
    const bias = constant(image.graph, tensor('float32', [2], Float32Array.of(0, -2)));
    return { logits: conv(image, kernel, bias, { pads: [0, 1, 0, 1] }), auxiliaries: [], features: new Map() };
  },
  toModel: () => new Uint8Array(),
};

const random = createRandom(3);
const planes = Uint8Array.from({ length: 3 * height * width }, () => random.integer(256));
const red = (x: number, y: number) => (x < 0 || x >= width ? 0 : planes[y * width + x]);
const ofClass1 = (pixel: number) => 1 / (1 + Math.exp(2 - (2 * pixel) / 100));

async function said(gives: 'labels' | 'probabilities' | 'views', views?: number, of = student): Promise<number[]> {
  const predictor = await openPredictor(of, of.weights, size, { gives, views, threads: 1 });
  return [...(await predictor.run(planes).finally(() => predictor.close()))];
}

const at = (i: number) => [i % width, Math.floor(i / width)] as const;

it('gives probabilities as bytes, the classes of a pixel side by side', async () => {
  const expected = Array.from({ length: height * width }, (_, i) => {
    const [x, y] = at(i);
    const p = ofClass1(red(x - 1, y));
    return [Math.round(255 * (1 - p)), Math.round(255 * p)];
  });
  expect(await said('probabilities')).toEqual(expected.flat());
});

it('gives the mean over the frame and its mirror image, seen as the frame', async () => {
  const expected = Array.from({ length: height * width }, (_, i) => {
    const [x, y] = at(i);
    const p = (ofClass1(red(x - 1, y)) + ofClass1(red(x + 1, y))) / 2;
    return [Math.round(255 * (1 - p)), Math.round(255 * p)];
  });
  expect(await said('views')).toEqual(expected.flat());
});

/** Half-pixel bilinear interpolation of a plane. */
function resized(plane: readonly number[], [rows, columns]: number[], [toRows, toColumns]: number[]): number[] {
  const along = (i: number, from: number, to: number) => {
    const position = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    const low = Math.floor(position);
    return [low, Math.min(from - 1, low + 1), position - low] as const;
  };
  return Array.from({ length: toRows * toColumns }, (_, i) => {
    const [top, bottom, down] = along(Math.floor(i / toColumns), rows, toRows);
    const [left, right, across] = along(i % toColumns, columns, toColumns);
    const row = (y: number) => (1 - across) * plane[y * columns + left] + across * plane[y * columns + right];
    return (1 - down) * row(top) + down * row(bottom);
  });
}

it('sees frames at other sizes when asked for more views', async () => {
  const wide: Student = { ...student, enlargement: 'half_pixel' };
  const reds = Array.from({ length: height * width }, (_, i) => planes[i]);
  // 3×5 is odd: three quarters of it are 2×4, five quarters 4×6.
  const seenAt = (rows: number, columns: number, mirrored: boolean) => {
    const small = resized(reds, [height, width], [rows, columns]);
    const scores = small.map((_, i) => {
      const x = (i % columns) + (mirrored ? 1 : -1);
      return (2 * (x < 0 || x >= columns ? 0 : small[i - (i % columns) + x])) / 100 - 2;
    });
    return resized(scores, [rows, columns], [height, width]).map((score) => 1 / (1 + Math.exp(-score)));
  };
  const sizes = [
    [3, 5],
    [2, 4],
    [4, 6],
  ];
  const views = sizes.flatMap(([rows, columns]) => [seenAt(rows, columns, false), seenAt(rows, columns, true)]);
  for (const count of [1, 2, 4, 6]) {
    const mean = views[0].map((_, i) => views.slice(0, count).reduce((sum, view) => sum + view[i] / count, 0));
    const found = await said('views', count, wide);
    mean.forEach((p, i) => {
      expect(Math.abs(found[2 * i + 1] - 255 * p), `${count} views, pixel ${i}`).toBeLessThan(0.51);
    });
  }
  await expect(said('views', 3)).rejects.toThrow('views: expected one of 1, 2, 4, 6, found 3');
});

it('says so when a network allows no other sizes', async () => {
  const rigid: Student = {
    ...student,
    build(image, mode) {
      if (image.shape[2] !== height) throw new Error('exported for 3×5');
      return student.build(image, mode);
    },
  };
  await expect(said('views', 4, rigid)).rejects.toThrow(
    'left: expected a network that sees frames at 2×4, too: take at most 2 views; exported for 3×5',
  );
});

it.each([
  [360, 480, 272, 352],
  [512, 1024, 384, 768],
  [513, 513, 385, 385],
])('sees %i×%i at three quarters as %i×%i, as often divisible by two', (rows, columns, toRows, toColumns) => {
  const found = viewSize({ height: rows, width: columns }, { scale: 0.75, mirrored: false });
  expect([found.height, found.width]).toEqual([toRows, toColumns]);
});

it('gives the likeliest class', async () => {
  const expected = Array.from({ length: height * width }, (_, i) => {
    const [x, y] = at(i);
    return red(x - 1, y) > 100 ? 1 : 0;
  });
  expect(await said('labels')).toEqual(expected);
});
