// Flow between frames that are resized.
import { expect, it } from 'vitest';
import { resizeFlow } from '#src/flow/resize.js';

it('has the vectors in pixels of the new size', () => {
  const [width, height] = [8, 6];
  const data = Float32Array.from({ length: 2 * width * height }, (_, i) => (i % 2 === 0 ? 4 : -3));
  const small = resizeFlow({ width, height, data }, { width: 2, height: 2 });
  expect(small).toEqual({ width: 2, height: 2, data: Float32Array.of(1, -1, 1, -1, 1, -1, 1, -1) });
  const same = { width, height, data };
  expect(resizeFlow(same, { width, height })).toBe(same);
});
