import { describe, expect, it } from 'vitest';
import {
  type Draw,
  drawAugmentation,
  noAugmentation,
  publishedAugmentation,
  samplingOf,
} from '#src/data/augmentation.js';
import { chainFlow } from '#src/data/chainFlow.js';
import { resampleFlow, resampleImage, resampleLabels } from '#src/data/resample.js';
import { UNKNOWN_FLOW } from '#src/media/flowValues.js';
import type { LabelMap, OpticalFlow, RgbImage } from '#src/media/image.js';
import { createRandom } from '#src/tensor/random.js';

const mean = [0.485 * 255, 0.456 * 255, 0.406 * 255];

function noiseImage(height: number, width: number, seed: number): RgbImage {
  const random = createRandom(seed);
  return { height, width, data: Uint8Array.from({ length: height * width * 3 }, () => random.integer(256)) };
}

/** A smooth picture: colour (channel c) at a real place, so that resampling hardly blurs it. */
function smoothImage(height: number, width: number, shiftX: number, shiftY: number): RgbImage {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const value = Math.sin((x - shiftX) * 0.15 + c) + Math.cos((y - shiftY) * 0.12 - c);
        data[3 * (y * width + x) + c] = Math.round(128 + 60 * value);
      }
    }
  }
  return { height, width, data };
}

function image(source: RgbImage, draw: Draw, crop: { height: number; width: number }): Uint8ClampedArray {
  const out = new Uint8ClampedArray(3 * crop.height * crop.width);
  resampleImage(source, samplingOf(draw, source, crop), draw.blur, crop, out, 0);
  return out;
}

const still = {
  angle: 0,
  blur: false,
  flip: false,
  left: 0,
  top: 0,
  color: { brightness: 1, contrast: 1, saturation: 1 },
};

describe('draws', () => {
  it('follow SPEC §4: scale, rotation, blur, flip, and a crop that lies within the picture or around its middle', () => {
    const random = createRandom(1);
    const source = { height: 100, width: 200 };
    const crop = { height: 90, width: 180 };
    const draws = Array.from({ length: 4000 }, () => drawAugmentation(random, publishedAugmentation, source, crop));
    const share = (test: (draw: Draw) => boolean) => draws.filter(test).length / draws.length;
    expect(share((draw) => draw.flip)).toBeCloseTo(0.5, 1);
    expect(share((draw) => draw.blur)).toBeCloseTo(0.5, 1);
    expect(share((draw) => draw.angle !== 0)).toBeCloseTo(0.5, 1);
    expect(share((draw) => draw.scaled.width < 250)).toBeCloseTo(0.5, 1);
    expect(Math.max(...draws.map((draw) => Math.abs(draw.angle)))).toBeLessThanOrEqual((10 * Math.PI) / 180);
    for (const { scaled, left, top } of draws) {
      expect(scaled.width).toBeGreaterThanOrEqual(100);
      expect(scaled.width).toBeLessThanOrEqual(400);
      if (scaled.width >= 180) expect(left >= 0 && left + 180 <= scaled.width).toBe(true);
      else expect(left).toBe(-Math.floor((180 - scaled.width) / 2));
      if (scaled.height < 90) expect(top).toBe(-Math.floor((90 - scaled.height) / 2));
    }
  });

  it('have the probabilities and the range of angles that were asked for, both ways', () => {
    const random = createRandom(2);
    const size = { height: 10, width: 10 };
    const asked = { ...publishedAugmentation, rotationProbability: 0.2, blurProbability: 0.7, flipProbability: 0.9 };
    const draws = Array.from({ length: 4000 }, () => drawAugmentation(random, asked, size, size));
    const share = (test: (draw: Draw) => boolean) => draws.filter(test).length / draws.length;
    expect(share((draw) => draw.angle !== 0)).toBeCloseTo(0.2, 1);
    expect(share((draw) => draw.blur)).toBeCloseTo(0.7, 1);
    expect(share((draw) => draw.flip)).toBeCloseTo(0.9, 1);
    const degrees = draws.map(({ angle }) => (angle * 180) / Math.PI);
    expect(Math.min(...degrees)).toBeLessThan(-9.8);
    expect(Math.max(...degrees)).toBeGreaterThan(9.8);
  });

  it('change colours by as much as was asked for, both ways, and not at all without', () => {
    const random = createRandom(4);
    const size = { height: 10, width: 10 };
    const asked = { ...publishedAugmentation, colorJitter: 0.3 };
    const draws = Array.from({ length: 400 }, () => drawAugmentation(random, asked, size, size).color);
    for (const part of ['brightness', 'contrast', 'saturation'] as const) {
      const factors = draws.map((color) => color[part]);
      expect(Math.min(...factors)).toBeGreaterThan(0.7);
      expect(Math.min(...factors)).toBeLessThan(0.71);
      expect(Math.max(...factors)).toBeLessThan(1.3);
      expect(Math.max(...factors)).toBeGreaterThan(1.29);
    }
    const { color } = drawAugmentation(random, publishedAugmentation, size, size);
    expect(color).toEqual({ brightness: 1, contrast: 1, saturation: 1 });
  });

  it('reach every place of the crop, the last included', () => {
    const random = createRandom(3);
    const [source, crop] = [
      { height: 12, width: 13 },
      { height: 10, width: 10 },
    ];
    const draws = Array.from({ length: 400 }, () => drawAugmentation(random, noAugmentation, source, crop));
    expect([...new Set(draws.map(({ top }) => top))].sort()).toEqual([0, 1, 2]);
    expect([...new Set(draws.map(({ left }) => left))].sort()).toEqual([0, 1, 2, 3]);
  });

  it('use the same number of random numbers whatever comes of them', () => {
    const [a, b] = [createRandom(5), createRandom(5)];
    drawAugmentation(a, publishedAugmentation, { height: 10, width: 10 }, { height: 50, width: 50 });
    drawAugmentation(b, noAugmentation, { height: 90, width: 90 }, { height: 50, width: 50 });
    expect(a.state()).toBe(b.state());
  });
});

describe('resampling', () => {
  const source = noiseImage(20, 30, 3);
  const whole = { height: 20, width: 30 };

  it('without changes gives the pixels of the crop', () => {
    const crop = { height: 8, width: 9 };
    const out = image(source, { ...still, scaled: whole, left: 5, top: 7 }, crop);
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 9; x++) {
        for (let c = 0; c < 3; c++) {
          const value = source.data[3 * ((y + 7) * 30 + x + 5) + c];
          expect(out[c * 72 + y * 9 + x]).toBe(value);
        }
      }
    }
  });

  it('is bilinear between pixels', () => {
    const draw = { ...still, scaled: { height: 27, width: 39 }, left: 4, top: 3, angle: 0.1 };
    const crop = { height: 12, width: 15 };
    const out = image(source, draw, crop);
    const { xx, xy, x0, yx, yy, y0 } = samplingOf(draw, whole, crop);
    for (let i = 0; i < 180; i++) {
      const [x, y] = [i % 15, Math.floor(i / 15)];
      const [sx, sy] = [xx * x + xy * y + x0, yx * x + yy * y + y0];
      const [left, top] = [Math.floor(sx), Math.floor(sy)];
      expect(left >= 0 && top >= 0 && left < 29 && top < 19).toBe(true);
      for (let c = 0; c < 3; c++) {
        const pixel = (dx: number, dy: number) => source.data[3 * ((top + dy) * 30 + left + dx) + c];
        const along = (dy: number) => pixel(0, dy) * (left + 1 - sx) + pixel(1, dy) * (sx - left);
        const value = along(0) * (top + 1 - sy) + along(1) * (sy - top);
        expect(Math.abs(out[c * 180 + i] - value)).toBeLessThan(0.501);
      }
    }
  });

  it('mirrors, and mirrors back', () => {
    const flipped = image(source, { ...still, scaled: whole, flip: true }, whole);
    const plain = image(source, { ...still, scaled: whole }, whole);
    for (let y = 0; y < 20; y++) {
      for (let x = 0; x < 30; x++) expect(flipped[y * 30 + x]).toBe(plain[y * 30 + 29 - x]);
    }
  });

  it('pads with the mean colour and 255, and makes ids that are no class 255', () => {
    const crop = { height: 24, width: 30 };
    const draw = { ...still, scaled: whole, top: -2 };
    const out = image(source, draw, crop);
    const labels: LabelMap = { ...whole, data: Uint8Array.from({ length: 600 }, (_, i) => (i === 31 ? 11 : 4)) };
    const ids = new Uint8Array(24 * 30);
    resampleLabels(labels, samplingOf(draw, labels, crop), 11, crop, ids, 0);
    for (const y of [0, 1, 22, 23]) {
      for (let x = 0; x < 30; x++) {
        expect(ids[y * 30 + x]).toBe(255);
        for (let c = 0; c < 3; c++) expect(out[c * 720 + y * 30 + x]).toBe(Math.round(mean[c]));
      }
    }
    expect(ids[2 * 30]).toBe(4);
    expect(ids[3 * 30 + 1]).toBe(255);
  });

  it('lies whole in the middle of a larger crop, also where it is turned', () => {
    const crop = { height: 26, width: 40 };
    const labels: LabelMap = { ...whole, data: new Uint8Array(600).fill(1) };
    const shown = (draw: Draw) => {
      const ids = new Uint8Array(26 * 40);
      resampleLabels(labels, samplingOf(draw, labels, crop), 11, crop, ids, 0);
      return (test: (x: number, y: number) => boolean) =>
        [...ids.keys()].filter((i) => ids[i] === 1 && test(i % 40, Math.floor(i / 40))).length;
    };
    const inside = (x: number, y: number) => x >= 5 && x < 35 && y >= 3 && y < 23;
    const middle = { ...still, scaled: whole, left: -5, top: -3 };
    expect(shown(middle)(inside)).toBe(600);
    expect(shown(middle)((x, y) => !inside(x, y))).toBe(0);
    const turned = shown({ ...middle, angle: 0.3 });
    expect(turned((x, y) => !inside(x, y))).toBe(0);
    expect(turned((x) => x >= 30)).toBeGreaterThan(50);
    expect(turned((x) => x < 10)).toBe(turned((x) => x >= 30));
  });

  it('turns about the middle, labels and colours alike, and fills the corners', () => {
    const size = { height: 41, width: 41 };
    const labels: LabelMap = { ...size, data: Uint8Array.from({ length: 41 * 41 }, (_, i) => (i % 41 < 20 ? 1 : 2)) };
    const colours: RgbImage = {
      ...size,
      data: Uint8Array.from({ length: 41 * 41 * 3 }, (_, i) => (Math.floor(i / 3) % 41 < 20 ? 0 : 255)),
    };
    const draw = { ...still, scaled: size, angle: Math.PI / 18 };
    const ids = new Uint8Array(41 * 41);
    resampleLabels(labels, samplingOf(draw, size, size), 5, size, ids, 0);
    const out = image(colours, draw, size);
    expect(ids[0]).toBe(255);
    expect(out[0]).toBe(Math.round(mean[0]));
    expect(ids[20 * 41 + 18]).toBe(1);
    expect(ids[20 * 41 + 22]).toBe(2);
    // Clockwise: what was above the middle goes right, so that the edge at the top lies to the right of the middle.
    const edge = (y: number) => ids.subarray(y * 41, y * 41 + 41).indexOf(2);
    expect(edge(5) - edge(35)).toBeGreaterThan(3);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] === 1) expect(out[i]).toBeLessThan(141);
      if (ids[i] === 2) expect(out[i]).toBeGreaterThan(106);
    }
  });

  it.each([
    ['turned', { angle: 0.4 }],
    ['turned and mirrored', { angle: -0.3, flip: true }],
    ['turned, larger, moved', { angle: 0.2, scaled: { height: 30, width: 45 }, left: 4, top: 3 }],
    ['mirrored, smaller, padded', { flip: true, scaled: { height: 10, width: 15 }, left: -6, top: -5 }],
  ] as [string, Partial<Draw>][])('goes back to the source by the inverse of what was done to it: %s', (_, changes) => {
    const draw: Draw = { ...still, scaled: whole, ...changes };
    const { xx, xy, x0, yx, yy, y0 } = samplingOf(draw, whole, whole);
    const { scaled, angle, flip, left, top } = draw;
    // A source point is scaled, turned clockwise (on the screen) about the middle, mirrored, and seen from the crop's corner.
    for (const [sx, sy] of [
      [0, 0],
      [29, 3],
      [11, 19],
    ]) {
      const cx = ((sx + 0.5) * scaled.width) / 30 - scaled.width / 2;
      const cy = ((sy + 0.5) * scaled.height) / 20 - scaled.height / 2;
      const turnedX = Math.cos(angle) * cx - Math.sin(angle) * cy;
      const turnedY = Math.sin(angle) * cx + Math.cos(angle) * cy;
      const x = (flip ? -turnedX : turnedX) + scaled.width / 2 - 0.5 - left;
      const y = turnedY + scaled.height / 2 - 0.5 - top;
      expect(xx * x + xy * y + x0).toBeCloseTo(sx, 9);
      expect(yx * x + yy * y + y0).toBeCloseTo(sy, 9);
    }
  });

  it('blurs by the 5×5 Gaussian of σ 1.1', () => {
    const dot: RgbImage = { height: 9, width: 9, data: new Uint8Array(243) };
    dot.data[3 * 40] = 255;
    const size = { height: 9, width: 9 };
    const blurred = image(dot, { ...still, scaled: size, blur: true }, size);
    const weights = [-2, -1, 0, 1, 2].map((x) => Math.exp(-(x * x) / 2.42));
    const sum = weights.reduce((a, b) => a + b);
    for (let y = 0; y < 9; y++) {
      for (let x = 0; x < 9; x++) {
        const weight = ((weights[y - 2] ?? 0) * (weights[x - 2] ?? 0)) / (sum * sum);
        expect(blurred[y * 9 + x]).toBe(Math.round(255 * weight));
      }
    }
  });
});

describe('flow', () => {
  const [height, width] = [60, 80];
  const crop = { height: 48, width: 64 };
  const draws: [string, Draw][] = [
    ['still', { ...still, scaled: { height, width }, left: 6, top: 5 }],
    ['flip', { ...still, scaled: { height, width }, left: 3, top: 2, flip: true }],
    ['larger', { ...still, scaled: { height: 90, width: 120 }, left: 20, top: 11 }],
    ['smaller', { ...still, scaled: { height: 36, width: 48 }, left: -8, top: -6 }],
    ['turned', { ...still, scaled: { height, width }, left: 9, top: 7, angle: 0.15 }],
    ['all', { ...still, scaled: { height: 75, width: 100 }, left: 15, top: 9, angle: -0.12, flip: true }],
  ];

  it.each(draws)('carries the neighbour’s crop onto the frame’s: %s', (_name, draw) => {
    // The scene moves by (3, -2): what is at (x, y) in a is at (x + 3, y - 2) in b.
    const a = smoothImage(height, width, 0, 0);
    const b = smoothImage(height, width, 3, -2);
    const data = Float32Array.from({ length: height * width * 2 }, (_, i) => (i % 2 === 0 ? 3 : -2));
    const flow: OpticalFlow = { height, width, data };
    const sampling = samplingOf(draw, a, crop);
    const [cropA, cropB] = [image(a, draw, crop), image(b, draw, crop)];
    const plane = crop.height * crop.width;
    const out = new Float32Array(2 * plane);
    const valid = new Float32Array(plane);
    resampleFlow({ flow }, sampling, crop, out, 0, valid, 0);
    let [count, worst] = [0, 0];
    for (let y = 0; y < crop.height; y++) {
      for (let x = 0; x < crop.width; x++) {
        const i = y * crop.width + x;
        if (valid[i] === 0) continue;
        const toX = x + out[i];
        const toY = y + out[plane + i];
        const [x0, y0] = [Math.min(crop.width - 2, Math.floor(toX)), Math.min(crop.height - 2, Math.floor(toY))];
        const [fx, fy] = [toX - x0, toY - y0];
        // Where all four corners show the neighbour, its colours are those of the frame.
        const corners = [0, 1, crop.width, crop.width + 1].map((step) => y0 * crop.width + x0 + step);
        const fill = Math.round(mean[0]);
        if (corners.some((corner) => cropB[corner] === fill) || cropA[i] === fill) continue;
        const weights = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy];
        const warped = corners.reduce((sum, corner, k) => sum + weights[k] * cropB[corner], 0);
        worst = Math.max(worst, Math.abs(warped - cropA[i]));
        count++;
      }
    }
    expect(count).toBeGreaterThan(_name === 'smaller' ? 1000 : 2000);
    expect(worst).toBeLessThan(4.5);
  });

  it('equals the formula’s for a flow that is linear in place', () => {
    // Source flow M·(p - centre); after the map p = A·q + t it is A⁻¹·M·(A·q + t - centre).
    const [m00, m01, m10, m11] = [0.02, -0.03, 0.01, 0.04];
    const data = new Float32Array(height * width * 2);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [dx, dy] = [x - 40, y - 30];
        data[2 * (y * width + x)] = m00 * dx + m01 * dy;
        data[2 * (y * width + x) + 1] = m10 * dx + m11 * dy;
      }
    }
    const [, draw] = draws[5];
    const s = samplingOf(draw, { height, width }, crop);
    const plane = crop.height * crop.width;
    const out = new Float32Array(2 * plane);
    const valid = new Float32Array(plane);
    resampleFlow({ flow: { height, width, data } }, s, crop, out, 0, valid, 0);
    let count = 0;
    for (let y = 0; y < crop.height; y++) {
      for (let x = 0; x < crop.width; x++) {
        const i = y * crop.width + x;
        const px = s.xx * x + s.xy * y + s.x0;
        const py = s.yx * x + s.yy * y + s.y0;
        if (valid[i] === 0 || px < 0 || py < 0 || px > width - 1 || py > height - 1) continue;
        const u = m00 * (px - 40) + m01 * (py - 30);
        const v = m10 * (px - 40) + m11 * (py - 30);
        const determinant = s.xx * s.yy - s.xy * s.yx;
        expect(out[i]).toBeCloseTo((s.yy * u - s.xy * v) / determinant, 4);
        expect(out[plane + i]).toBeCloseTo((s.xx * v - s.yx * u) / determinant, 4);
        count++;
      }
    }
    expect(count).toBeGreaterThan(2000);
  });

  it('does not count where it is unknown, hidden, or leads out of the crop', () => {
    const size = { height: 4, width: 8 };
    const data = new Float32Array(64);
    for (let i = 0; i < 32; i++) data[2 * i] = 2;
    data[2 * 9] = UNKNOWN_FLOW;
    const hidden: LabelMap = { ...size, data: new Uint8Array(32) };
    hidden.data[18] = 255;
    const valid = new Float32Array(32);
    const out = new Float32Array(64);
    const sampling = samplingOf({ ...still, scaled: size }, size, size);
    resampleFlow({ flow: { ...size, data }, hidden }, sampling, size, out, 0, valid, 0);
    const expected = Array.from({ length: 32 }, (_, i) => (i % 8 > 5 || i === 9 || i === 18 ? 0 : 1));
    expect([...valid]).toEqual(expected);
    expect(out[9]).toBe(0);
  });

  it('counts only where it ends within both the frame and the crop', () => {
    const size = { height: 6, width: 12 };
    const data = Float32Array.from({ length: 144 }, (_, i) => (i % 2 === 0 ? 3 : 1));
    const validOf = (crop: { height: number; width: number }, left: number, top: number) => {
      const valid = new Float32Array(crop.height * crop.width);
      const out = new Float32Array(2 * valid.length);
      const sampling = samplingOf({ ...still, scaled: size, left, top }, size, crop);
      resampleFlow({ flow: { ...size, data } }, sampling, crop, out, 0, valid, 0);
      return Array.from({ length: crop.height }, (_, y) => valid.slice(y * crop.width, (y + 1) * crop.width).join(''));
    };
    // By the crop's edge: three columns and a row less than it has.
    expect(validOf({ height: 3, width: 6 }, 1, 1)).toEqual(['111000', '111000', '000000']);
    // By the frame's: the crop goes on beyond it.
    expect(validOf({ height: 4, width: 8 }, 6, 4)).toEqual(['11100000', '00000000', '00000000', '00000000']);
    // A crop that begins before the frame.
    expect(validOf({ height: 4, width: 8 }, -2, -2)).toEqual(['00000000', '00000000', '00111000', '00000000']);
  });

  it('counts, where it is turned, what ends within half a pixel of the frame’s outermost centres', () => {
    const size = { height: 20, width: 20 };
    const data = Float32Array.from({ length: 800 }, (_, i) => (i % 2 === 0 ? 4.25 : -2));
    const s = samplingOf({ ...still, scaled: size, angle: 0.5 }, size, size);
    const valid = new Float32Array(400);
    const out = new Float32Array(800);
    resampleFlow({ flow: { ...size, data } }, s, size, out, 0, valid, 0);
    const within = (x: number, y: number) => x >= -0.5 && y >= -0.5 && x < 19.5 && y < 19.5;
    // What begins in the frame and ends in the crop is judged by where it ends in the frame.
    const outside = [0, 0];
    for (let i = 0; i < 400; i++) {
      const [x, y] = [i % 20, Math.floor(i / 20)];
      const [sx, sy] = [s.xx * x + s.xy * y + s.x0, s.yx * x + s.yy * y + s.y0];
      const [toX, toY] = [x + out[i], y + out[400 + i]];
      if (!within(sx, sy) || toX < 0 || toY < 0 || toX > 19 || toY > 19) continue;
      expect(valid[i]).toBe(within(sx + 4.25, sy - 2) ? 1 : 0);
      if (sx + 4.25 >= 19.5 && sx + 4.25 < 20.5) outside[0]++;
      if (sy - 2 < -0.5 && sy - 2 >= -1.5) outside[1]++;
    }
    // Where it is outside by less than a pixel is among them.
    for (const count of outside) expect(count).toBeGreaterThan(5);
  });

  it('adds up over steps, where each goes from where the one before has come to', () => {
    const size = { height: 4, width: 10 };
    const step = (u: (x: number) => number, v = 0): OpticalFlow => {
      const data = new Float32Array(80);
      for (let i = 0; i < 40; i++) data[2 * i] = u(i % 10);
      for (let i = 0; i < 40; i++) data[2 * i + 1] = v;
      return { ...size, data };
    };
    const mask = (x: number): LabelMap => ({
      ...size,
      data: Uint8Array.from({ length: 40 }, (_, i) => (i % 10 === x ? 255 : 0)),
    });
    const { flow, hidden } = chainFlow([step(() => 1.5), step((x) => x)], [mask(0), mask(4)]);
    // From x to x + 1.5, and on by x + 1.5; at the last two columns the first step leaves the frame.
    const row = Array.from({ length: 10 }, (_, x) => flow.data[2 * x]);
    for (let x = 0; x < 8; x++) expect(row[x]).toBeCloseTo(1.5 + Math.min(9, x + 1.5), 5);
    expect(row[8]).toBe(Math.fround(UNKNOWN_FLOW));
    expect(hidden?.data[0]).toBe(255);
    expect([...(hidden?.data.subarray(0, 10) ?? [])]).toEqual([255, 0, 255, 0, 0, 0, 0, 0, 0, 0]);
    const down = chainFlow([step(() => 0, 1), step((x) => x, 2), step(() => 1, -0.5)]).flow.data;
    expect([down[2 * 3], down[2 * 3 + 1]]).toEqual([4, 2.5]);
    expect([down[2 * 13], down[2 * 13 + 1]]).toEqual([Math.fround(UNKNOWN_FLOW), Math.fround(UNKNOWN_FLOW)]);
  });
});
