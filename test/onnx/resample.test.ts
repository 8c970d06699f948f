// Resampling by matrices, against its formulas.
import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { bilinear } from '#src/onnx/resample.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { adaptiveAverageMatrix, type CoordinateMode, interpolationMatrix } from '#src/tensor/interpolation.js';
import { symmetricByName } from '#src/tensor/random.js';

/** Where output i samples, by ONNX's formulas. */
const positions = {
  align_corners: (i: number, from: number, to: number) => (to === 1 ? 0 : (i * (from - 1)) / (to - 1)),
  half_pixel: (i: number, from: number, to: number) => ((i + 0.5) * from) / to - 0.5,
  asymmetric: (i: number, from: number, to: number) => (i * from) / to,
};

describe('bilinear resampling', () => {
  it.each([
    [[3, 5], [7, 4], undefined],
    [[6, 2], [2, 6], 'half_pixel'],
    [[4, 4], [4, 9], 'asymmetric'],
    [[2, 3], [1, 1], 'align_corners'],
    [[1, 4], [3, 4], 'half_pixel'],
  ] as const)('of %j to %j (%s)', async ([rows, columns], [height, width], coordinates) => {
    const x = symmetricByName('x', [2, 1, rows, columns], 1);
    const graph = createGraph('resample');
    const value = input(graph, 'x', 'float32', x.shape);
    const y = coordinates ? bilinear(value, height, width, coordinates) : bilinear(value, height, width);
    const session = await createSession(writeModel(exportModel(graph, { y })), { threads: 1 });
    const found = (await session.run({ x })).y;
    await session.release();
    expect(found.shape).toEqual([2, 1, height, width]);
    const position = positions[coordinates ?? 'align_corners'];
    const at = (n: number, row: number, column: number) => {
      const clamp = (place: number, size: number) => Math.min(Math.max(place, 0), size - 1);
      const [cy, cx] = [clamp(row, rows), clamp(column, columns)];
      const [top, left] = [Math.floor(cy), Math.floor(cx)];
      const pixel = (y: number, x_: number) =>
        x.data[(n * rows + Math.min(y, rows - 1)) * columns + Math.min(x_, columns - 1)];
      const along = (y: number) => pixel(y, left) * (1 - cx + left) + pixel(y, left + 1) * (cx - left);
      return along(top) * (1 - cy + top) + along(top + 1) * (cy - top);
    };
    for (let i = 0; i < found.data.length; i++) {
      const [n, row, column] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
      const expected = at(n, position(row, rows, height), position(column, columns, width));
      expect(Number(found.data[i])).toBeCloseTo(expected, 5);
    }
  });
});

describe('a matrix of nearest neighbours', () => {
  const taken = (mode: 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil', coordinates: CoordinateMode) => {
    const matrix = interpolationMatrix(4, 6, coordinates, mode);
    return Array.from({ length: 6 }, (_, row) => matrix.subarray(4 * row, 4 * row + 4).indexOf(1));
  };
  // Positions 0, 2/3, 4/3, 2, 8/3, 10/3; with half pixels -1/6, 1/2, 7/6, 11/6, 5/2, 19/6.
  it('rounds as it is told', () => {
    expect(taken('floor', 'asymmetric')).toEqual([0, 0, 1, 2, 2, 3]);
    expect(taken('ceil', 'asymmetric')).toEqual([0, 1, 2, 2, 3, 3]);
    expect(taken('round_prefer_floor', 'half_pixel')).toEqual([0, 0, 1, 2, 2, 3]);
    expect(taken('round_prefer_ceil', 'half_pixel')).toEqual([0, 1, 1, 2, 3, 3]);
  });
});

it('adaptive pooling averages overlapping windows, as PyTorch does', () => {
  const [third, half] = [Math.fround(1 / 3), 0.5];
  expect([...adaptiveAverageMatrix(5, 3)]).toEqual([
    ...[half, half, 0, 0, 0],
    ...[0, third, third, third, 0],
    ...[0, 0, 0, half, half],
  ]);
  expect([...adaptiveAverageMatrix(2, 4)]).toEqual([1, 0, 1, 0, 0, 1, 0, 1]);
});
