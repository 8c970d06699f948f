import { expect, it } from 'vitest';
import { chainFlow } from '#src/flow/chain.js';
import { UNKNOWN_FLOW } from '#src/media/flowValues.js';
import type { OpticalFlow } from '#src/media/image.js';

/** Flow that is a function of the pixel. */
function flowOf(width: number, height: number, at: (x: number, y: number) => [number, number]): OpticalFlow {
  const pixels = Array.from({ length: width * height }, (_, i) => at(i % width, Math.floor(i / width)));
  return { width, height, data: Float32Array.from(pixels.flat()) };
}

const [width, height] = [9, 6];
const still = flowOf(width, height, () => [0, 0]);

it('goes on from where the first flow arrives, between pixels', () => {
  // A linear flow is met exactly by bilinear sampling.
  const first = flowOf(width, height, (x, y) => [(4 - x) / 4, (2 - y) / 8]);
  const second = flowOf(width, height, (x, y) => [0.5 * x - 0.25 * y + 1, 0.125 * x + 0.75 * y - 2]);
  const { data } = chainFlow(first, second);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [atX, atY] = [x + (4 - x) / 4, y + (2 - y) / 8];
      const at = 2 * (y * width + x);
      expect(data[at]).toBeCloseTo((4 - x) / 4 + 0.5 * atX - 0.25 * atY + 1, 5);
      expect(data[at + 1]).toBeCloseTo((2 - y) / 8 + 0.125 * atX + 0.75 * atY - 2, 5);
    }
  }
});

it('changes nothing where either is still', () => {
  const flow = flowOf(width, height, (x, y) => [x > 4 ? -1.5 : 0.25, y > 3 ? -2 : 1]);
  expect(chainFlow(flow, still).data).toEqual(flow.data);
  expect(chainFlow(still, flow).data).toEqual(flow.data);
});

it('knows nothing of what leaves the frame on the way, even if it comes back', () => {
  const first = flowOf(width, height, () => [1.5, 0]);
  const second = flowOf(width, height, () => [-1.5, 0]);
  const { data } = chainFlow(first, second);
  for (let i = 0; i < width * height; i++) {
    const outside = (i % width) + 1.5 > width - 1;
    expect([data[2 * i], data[2 * i + 1]]).toEqual(outside ? [UNKNOWN_FLOW, UNKNOWN_FLOW] : [0, 0]);
  }
});

it('knows nothing of what meets unknown flow, however little it weighs', () => {
  const hole = flowOf(width, height, (x, y) => (x === 4 && y === 3 ? [UNKNOWN_FLOW, 0] : [0, 0]));
  const first = flowOf(width, height, (x, y) => (x === 2 && y === 1 ? [1 + 2 ** -12, 1 + 2 ** -12] : [0, 0]));
  const unknown = [...chainFlow(first, hole).data.keys()].filter(
    (i) => chainFlow(first, hole).data[i] === UNKNOWN_FLOW,
  );
  const indexOf = (x: number, y: number) => 2 * (y * width + x);
  expect(unknown).toEqual([indexOf(2, 1), indexOf(2, 1) + 1, indexOf(4, 3), indexOf(4, 3) + 1]);
  expect(chainFlow(hole, still).data[indexOf(4, 3)]).toBe(UNKNOWN_FLOW);
});

it('refuses flows of different sizes', () => {
  expect(() =>
    chainFlow(
      still,
      flowOf(4, 4, () => [0, 0]),
    ),
  ).toThrow('expected 9×6 as the first, found 4×4');
});
