// What must hold for any input: identities, translations, flicker, order; and the counters against plain definitions.
import { describe, expect, it } from 'vitest';
import { parseFlo } from '#src/media/flo.js';
import type { LabelMap, OpticalFlow } from '#src/media/image.js';
import { addCounts, noCounts } from '#src/metrics/classCounts.js';
import { jointHistogram } from '#src/metrics/joint.js';
import { meanIoU, meanIoUCounts } from '#src/metrics/meanIoU.js';
import { comparedPixels, temporalConsistency, temporalConsistencyCounts } from '#src/metrics/temporalConsistency.js';
import { createWindowCounter, videoConsistency, windowsOf } from '#src/metrics/videoConsistency.js';
import { type TemporalMode, temporalModes, warpLabels } from '#src/metrics/warp.js';
import { createRandom } from '#src/tensor/random.js';

const makeMap = (width: number, height: number, id: (x: number, y: number) => number): LabelMap => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height }, (_, i) => id(i % width, Math.floor(i / width))),
});

const makeFlow = (width: number, height: number, vector: (x: number, y: number) => [number, number]): OpticalFlow => {
  const data = new Float32Array(width * height * 2);
  for (let i = 0; i < width * height; i++) data.set(vector(i % width, Math.floor(i / width)), 2 * i);
  return { width, height, data };
};

const still = (width: number, height: number) => makeFlow(width, height, () => [0, 0]);

const randomMap = (seed: number, width: number, height: number, ids: readonly number[]) => {
  const random = createRandom(seed);
  return makeMap(width, height, () => ids[random.integer(ids.length)]);
};

function tcOf(pairs: [LabelMap, LabelMap, OpticalFlow, OpticalFlow][], classes: number, mode: TemporalMode) {
  const counts = pairs
    .map(([first, next, forward, backward]) =>
      temporalConsistencyCounts(first, warpLabels(next, forward, backward, mode), classes, mode),
    )
    .reduce(addCounts, noCounts(classes));
  return { counts, ...temporalConsistency(counts, mode) };
}

describe('the joint histogram', () => {
  it('counts every pair of ids, at any size and alignment', () => {
    for (const [width, height, offset] of [
      [1, 1, 0],
      [3, 1, 1],
      [5, 7, 2],
      [64, 3, 3],
      [33, 31, 0],
    ]) {
      const ids = [0, 1, 2, 200, 255];
      const first = randomMap(width, width, height, ids);
      const second = randomMap(width + 1, width, height, [0, 1]);
      const shifted = new Uint8Array(width * height + offset).subarray(offset);
      shifted.set(first.data);
      const joint = jointHistogram({ ...first, data: shifted }, second);
      const expected = new Uint32Array(1 << 16);
      for (const [i, id] of first.data.entries()) expected[id * 256 + second.data[i]]++;
      expect(Buffer.compare(Buffer.from(joint.buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  });

  it('refuses maps of different sizes', () => {
    expect(() => jointHistogram(randomMap(1, 3, 2, [0]), randomMap(1, 2, 3, [0]))).toThrow(/3×2 and 2×3/);
  });
});

describe('mean IoU', () => {
  it('leaves out ignored labels, and counts an ignored prediction as a miss', () => {
    const label = makeMap(6, 1, (x) => [0, 0, 1, 1, 255, 2][x]);
    const prediction = makeMap(6, 1, (x) => [0, 1, 1, 255, 0, 2][x]);
    const counts = meanIoUCounts(prediction, label, 4);
    expect(counts).toEqual({ intersection: [1, 1, 1, 0], union: [2, 3, 1, 0], target: [2, 2, 1, 0] });
  });

  it('counts an absent class as 0 in semseg and leaves it out in cityscapes', () => {
    const counts = { intersection: [1, 0], union: [2, 0], target: [1, 0] };
    expect(meanIoU(counts, 'semseg').mIoU).toBeCloseTo(0.25, 9);
    expect(meanIoU(counts, 'cityscapes')).toEqual({ mIoU: 0.5, mAcc: 1, allAcc: 1, iou: [0.5, Number.NaN] });
  });

  it('leaves out a class that is ignored, and is nothing where nothing is labelled', () => {
    const counts = { intersection: [0, 1], union: [3, 2], target: [0, 1] };
    for (const convention of ['semseg', 'cityscapes'] as const) {
      expect(meanIoU(counts, convention, 0).mIoU).toBeCloseTo(0.5, 9);
      const nothing = meanIoU({ intersection: [0, 0], union: [4, 0], target: [0, 0] }, convention);
      expect([nothing.mIoU, nothing.mAcc, nothing.allAcc, ...nothing.iou]).toEqual(Array(5).fill(Number.NaN));
    }
  });
});

describe('temporal consistency', () => {
  it('of identical predictions without motion is 1', () => {
    for (let seed = 0; seed < 5; seed++) {
      const map = randomMap(seed, 24, 17, [0, 1, 2]);
      const zero = still(24, 17);
      expect(tcOf([[map, map, zero, zero]], 3, 'masked').tc).toBe(1);
      expect(tcOf([[map, map, zero, zero]], 3, 'etc-2020').tc).toBeCloseTo(1, 9);
    }
    // The half-pixel bias of `vspw` only leaves a constant map as it is.
    const constant = makeMap(8, 8, () => 0);
    expect(tcOf([[constant, constant, still(8, 8), still(8, 8)]], 3, 'vspw').tc).toBe(1);
  });

  it('of the labels of a translated scene along its exact flow is 1 in masked', () => {
    const random = createRandom(3);
    for (let trial = 0; trial < 12; trial++) {
      const shiftX = random.integer(15) - 7;
      const shiftY = random.integer(9) - 4;
      const world = randomMap(trial, 80, 60, [0, 1, 2, 3, 4]);
      const view = (t: number) =>
        makeMap(40, 30, (x, y) => world.data[(y + 15 - t * shiftY) * 80 + x + 20 - t * shiftX]);
      const forward = makeFlow(40, 30, () => [shiftX, shiftY]);
      const backward = makeFlow(40, 30, () => [-shiftX, -shiftY]);
      const { tc, counts } = tcOf([[view(0), view(1), forward, backward]], 5, 'masked');
      expect(tc).toBe(1);
      const compared = (40 - Math.abs(shiftX)) * (30 - Math.abs(shiftY));
      expect(counts.target.reduce((sum, pixels) => sum + pixels)).toBe(compared);
    }
  });

  it('of a checkerboard that flips every frame is 0, and a third where half of it stands still', () => {
    const board = (t: number) => makeMap(32, 16, (x, y) => (x + y + t) % 2);
    const half = (t: number) => makeMap(32, 16, (x, y) => (x + y + (x < 16 ? 0 : t)) % 2);
    const zero = still(32, 16);
    for (const mode of ['masked', 'etc-2020'] as const) {
      expect(tcOf([[board(0), board(1), zero, zero]], 2, mode).tc).toBe(0);
      expect(tcOf([[half(0), half(1), zero, zero]], 2, mode).tc).toBeCloseTo(1 / 3, 9);
    }
  });

  it('does not depend on the order of pairs', () => {
    const random = createRandom(9);
    for (const mode of temporalModes) {
      const pairs = Array.from({ length: 6 }, (_, k): [LabelMap, LabelMap, OpticalFlow, OpticalFlow] => [
        randomMap(k, 20, 12, [0, 1, 2, 255]),
        randomMap(k + 50, 20, 12, [0, 1, 2, 255]),
        makeFlow(20, 12, () => [4 * random.normal(), 4 * random.normal()]),
        makeFlow(20, 12, () => [4 * random.normal(), 4 * random.normal()]),
      ]);
      expect(tcOf(pairs.toReversed(), 3, mode)).toEqual(tcOf(pairs, 3, mode));
    }
  });
});

describe('the masked warp', () => {
  it('is the plain definition, pixel by pixel', () => {
    const width = 19;
    const height = 13;
    const random = createRandom(5);
    const clamp = (value: number, last: number) => Math.min(Math.max(value, 0), last);
    for (let trial = 0; trial < 20; trial++) {
      const next = randomMap(trial, width, height, [0, 1, 2, 255]);
      // Mostly consistent flow, with halves so that ties occur, and some that leaves the frame.
      const du = (random.integer(13) - 6) / 2;
      const dv = (random.integer(13) - 6) / 2;
      const noise = () => (random.uniform() < 0.3 ? 2 * random.normal() : 0);
      const forward = makeFlow(width, height, () => [du + noise(), dv + noise()]);
      const backward = makeFlow(width, height, () => [-du + noise(), -dv + noise()]);
      const warped = warpLabels(next, forward, backward, 'masked');
      const halfToEven = (value: number) => {
        const floor = Math.floor(value);
        if (value - floor !== 0.5) return Math.round(value);
        return floor % 2 === 0 ? floor : floor + 1;
      };
      for (let i = 0; i < width * height; i++) {
        const [u, v] = [forward.data[2 * i], forward.data[2 * i + 1]];
        const [x, y] = [(i % width) + u, Math.floor(i / width) + v];
        const [nearestX, nearestY] = [halfToEven(x), halfToEven(y)];
        let expected = 255;
        if (nearestX >= 0 && nearestX < width && nearestY >= 0 && nearestY < height) {
          const [fx, fy] = [Math.floor(x), Math.floor(y)];
          const at = (dx: number, dy: number, component: number) =>
            backward.data[2 * (clamp(fy + dy, height - 1) * width + clamp(fx + dx, width - 1)) + component];
          const sample = (component: number) =>
            (1 - (y - fy)) * ((1 - (x - fx)) * at(0, 0, component) + (x - fx) * at(1, 0, component)) +
            (y - fy) * ((1 - (x - fx)) * at(0, 1, component) + (x - fx) * at(1, 1, component));
          const [bu, bv] = [sample(0), sample(1)];
          const gap = (u + bu) ** 2 + (v + bv) ** 2;
          if (gap <= 0.01 * (u * u + v * v + bu * bu + bv * bv) + 0.5)
            expected = next.data[nearestY * width + nearestX];
        }
        expect(warped.data[i]).toBe(expected);
      }
    }
  });

  it('rounds half to even', () => {
    const next = makeMap(8, 1, (x) => x);
    const half = makeFlow(8, 1, () => [0.5, 0]);
    const back = makeFlow(8, 1, () => [-0.5, 0]);
    // 0.5 → 0, 1.5 → 2, …, 6.5 → 6, and 7.5 → 8 is outside.
    expect([...warpLabels(next, half, back, 'masked').data]).toEqual([0, 2, 2, 4, 4, 6, 6, 255]);
  });

  it('leaves out what is ignored on either side, and unknown flow', () => {
    const first = makeMap(4, 1, (x) => [0, 11, 0, 0][x]);
    const next = makeMap(4, 1, (x) => [0, 0, 11, 0][x]);
    const flow = makeFlow(4, 1, (x) => (x === 3 ? [Number.NaN, 1e30] : [0, 0]));
    const warped = warpLabels(next, flow, still(4, 1), 'masked');
    expect([...warped.data]).toEqual([0, 0, 11, 255]);
    expect(temporalConsistencyCounts(first, warped, 11, 'masked').target[0]).toBe(1);
    expect([...comparedPixels(first, warped, 11, 'masked')]).toEqual([1, 0, 0, 0]);
  });

  it('writes over memory that is given to it, and refuses memory of another size', () => {
    const next = makeMap(4, 2, (x) => x);
    const flow = makeFlow(4, 2, () => [1, 0]);
    for (const mode of temporalModes) {
      const into = new Uint8Array(8).fill(99);
      const { data } = warpLabels(
        next,
        flow,
        makeFlow(4, 2, () => [-1, 0]),
        mode,
        into,
      );
      expect(data).toBe(into);
      expect([...data]).toEqual([
        ...warpLabels(
          next,
          flow,
          makeFlow(4, 2, () => [-1, 0]),
          mode,
        ).data,
      ]);
    }
    expect(() => warpLabels(next, flow, flow, 'masked', new Uint8Array(7))).toThrow(
      /memory for 8 labels, found room for 7/,
    );
  });

  it('needs backward flow, and one size', () => {
    const map = makeMap(4, 2, () => 0);
    expect(() => warpLabels(map, still(4, 2), undefined, 'masked')).toThrow(/expected backward flow/);
    expect(() => warpLabels(map, still(2, 4), still(4, 2), 'masked')).toThrow(/4×2 and 2×4/);
    expect(() => warpLabels(map, still(4, 2), still(4, 3), 'masked')).toThrow(/backward/);
  });
});

describe('the published warps', () => {
  it('etc-2020 mixes ids, truncates, and clamps corners to the frame', () => {
    const next = makeMap(3, 1, (x) => [0, 9, 3][x]);
    const quarter = makeFlow(3, 1, (x) => [x === 2 ? 5 : 0.25, 0]);
    expect([...warpLabels(next, quarter, undefined, 'etc-2020').data]).toEqual([2, 7, 3]);
    const before = makeFlow(3, 1, () => [-7.5, -3.5]);
    expect([...warpLabels(next, before, undefined, 'etc-2020').data]).toEqual([0, 0, 0]);
  });

  it('etc-2020 keeps 255 out of the target only where it is whole', () => {
    const first = makeMap(2, 1, () => 1);
    const counts = temporalConsistencyCounts(
      first,
      makeMap(2, 1, (x) => [255, 1][x]),
      2,
      'etc-2020',
    );
    expect(counts).toEqual({ intersection: [0, 1], union: [0, 1], target: [0, 1] });
  });

  it('vspw samples a shifted grid, with 0 outside, against the prediction', () => {
    const next = makeMap(4, 1, () => 2);
    // x → x·4/3 - 0.5: -0.5, 0.83, 2.17, 3.5, of which the last rounds to 4, outside; one row: y → -0.5, which rounds to 0.
    expect([...warpLabels(next, still(4, 1), undefined, 'vspw').data]).toEqual([2, 2, 2, 0]);
    const counts = temporalConsistencyCounts(
      makeMap(4, 1, (x) => [2, 2, 255, 2][x]),
      makeMap(4, 1, (x) => [2, 2, 2, 0][x]),
      3,
      'vspw',
    );
    expect(counts).toEqual({ intersection: [0, 0, 2], union: [1, 0, 3], target: [0, 0, 3] });
    // Class 0 is no target, so it is not in the mean though it is in the warped map.
    expect(temporalConsistency(counts, 'vspw')).toEqual({ tc: 2 / 3, iou: [Number.NaN, Number.NaN, 2 / 3] });
  });

  it('never reads outside the maps, whatever the flow', () => {
    const next = makeMap(5, 4, () => 7);
    const bytes = new Uint8Array(12 + 5 * 4 * 8);
    const view = new DataView(bytes.buffer);
    view.setFloat32(0, 202021.25, true);
    view.setInt32(4, 5, true);
    view.setInt32(8, 4, true);
    const wild = [Number.NaN, Number.POSITIVE_INFINITY, -1e38, 1e38, 1e10, -0.5, 4.5];
    for (let k = 0; k < 40; k++) view.setFloat32(12 + 4 * k, wild[k % wild.length], true);
    const parsed = parseFlo(bytes, 'wild');
    const raw = makeFlow(5, 4, (x, y) => [wild[(x + y) % wild.length], wild[(x * y) % wild.length]]);
    for (const flow of [parsed, raw]) {
      for (const mode of temporalModes) {
        const allowed = { masked: [7, 255], 'etc-2020': [7, 6, 0], vspw: [7, 0] }[mode];
        for (const id of warpLabels(next, flow, flow, mode).data) expect(allowed).toContain(id);
      }
    }
  });
});

describe('video consistency', () => {
  it('is the plain definition, window by window', () => {
    for (const convention of ['vspw', 'strict'] as const) {
      for (const window of [2, 3, 5]) {
        const options = { window, convention, classes: 2 };
        const frames = 9;
        const random = createRandom(window);
        const slowly = (before: LabelMap | undefined, ids: number[]) =>
          makeMap(11, 6, (x, y) =>
            before && random.uniform() < 0.8 ? before.data[y * 11 + x] : ids[random.integer(ids.length)],
          );
        const labels: LabelMap[] = [];
        const predictions: LabelMap[] = [];
        for (let t = 0; t < frames; t++) {
          labels.push(slowly(labels.at(-1), [0, 1, 255]));
          predictions.push(slowly(t === 0 ? labels[0] : predictions.at(-1), [0, 1]));
        }
        const counter = createWindowCounter(options);
        const found = labels.map((label, t) => counter.add(predictions[t], label)).filter((count) => count);
        const windows = windowsOf(frames, options);
        expect(windows).toBe(convention === 'vspw' ? frames - window : frames - window + 1);
        for (let start = 0; start < windows; start++) {
          let numerator = 0;
          let denominator = 0;
          for (let i = 0; i < 66; i++) {
            const ids = labels.slice(start, start + window).map((label) => label.data[i]);
            const made = predictions.slice(start, start + window).map((prediction) => prediction.data[i]);
            if (new Set(ids).size > 1 || (convention === 'strict' && ids[0] >= 2)) continue;
            denominator++;
            if (new Set(made).size === 1 && (convention === 'vspw' || made[0] === ids[0])) numerator++;
          }
          expect(found[start]).toEqual({ numerator, denominator });
        }
      }
    }
  });

  it('leaves a window without constant labels out of the mean', () => {
    expect(videoConsistency([3, 0, 1], [4, 0, 4])).toBe(0.5);
    expect(videoConsistency([], [])).toBeNaN();
  });

  it('refuses a window of one frame, and frames of different sizes', () => {
    expect(() => createWindowCounter({ window: 1, convention: 'strict', classes: 2 })).toThrow(/at least 2 frames/);
    const counter = createWindowCounter({ window: 2, convention: 'strict', classes: 2 });
    counter.add(
      makeMap(2, 2, () => 0),
      makeMap(2, 2, () => 0),
    );
    expect(() =>
      counter.add(
        makeMap(2, 3, () => 0),
        makeMap(2, 3, () => 0),
      ),
    ).toThrow(/2×2 and 2×3/);
  });
});
