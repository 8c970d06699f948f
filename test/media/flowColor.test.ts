import { expect, it } from 'vitest';
import { flowColors, largestRadius } from '#src/media/flowColor.js';
import { UNKNOWN_FLOW } from '#src/media/flowValues.js';

/** The colour of one vector. */
function colorOf(u: number, v: number, maxRadius = 1): number[] {
  return [...flowColors({ width: 1, height: 1, data: Float32Array.of(u, v) }, maxRadius).data];
}

it('gives the directions of the Middlebury wheel: right red, down yellow, left cyan to blue, up violet', () => {
  expect(colorOf(1, 0)).toEqual([255, 0, 0]);
  const [down, left, up] = [colorOf(0, 1), colorOf(-1, 0), colorOf(0, -1)];
  expect(down[0] > 200 && down[1] > 200 && down[2] === 0).toBe(true);
  expect(left[0] === 0 && left[2] === 255).toBe(true);
  expect(up[2] === 255 && up[0] > 50 && up[1] === 0).toBe(true);
});

it('is white without motion, paler for slower, darker beyond the largest radius, black where unknown', () => {
  expect(colorOf(0, 0)).toEqual([255, 255, 255]);
  expect(colorOf(0.5, 0)).toEqual([255, 127, 127]);
  expect(colorOf(2, 0)).toEqual([191, 0, 0]);
  expect(colorOf(UNKNOWN_FLOW, 0)).toEqual([0, 0, 0]);
  expect(colorOf(Number.NaN, 0)).toEqual([0, 0, 0]);
});

it('normalises by the longest known vector', () => {
  const flow = { width: 3, height: 1, data: Float32Array.of(3, 4, UNKNOWN_FLOW, 0, 5, 0) };
  expect(largestRadius(flow)).toBe(5);
  expect([...flowColors(flow).data.subarray(6)]).toEqual([255, 0, 0]);
  const still = flowColors({ width: 2, height: 1, data: new Float32Array(4) });
  expect([...still.data]).toEqual([255, 255, 255, 255, 255, 255]);
});

it('turns through the wheel without a jump but the one where magenta meets red', () => {
  let largest = 0;
  for (let degree = 0; degree < 360; degree++) {
    const [a, b] = [degree, degree + 1].map((d) =>
      colorOf(Math.cos((d / 180) * Math.PI), Math.sin((d / 180) * Math.PI), 1.0001),
    );
    largest = Math.max(largest, ...a.map((value, channel) => Math.abs(value - b[channel])));
  }
  expect(largest).toBeLessThanOrEqual(44);
});
