import { describe, expect, it } from 'vitest';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import { openNetwork } from '#src/segment/model.js';
import type { NetworkResult } from '#src/segment/networkResult.js';
import { segmentFrame } from '#src/segment/segment.js';
import { planViews } from '#src/segment/views.js';
import { mirrored, randomPixels } from './pixels.js';
import { brightestChannel, tinyNetwork } from './tinyNetwork.js';

const frame = randomPixels(30, 44, 5);

/** The same rows, each reversed. */
function mirroredRows<Values extends Uint8Array | Float32Array>(data: Values, width: number): Values {
  const out = data.slice() as Values;
  for (let start = 0; start < out.length; start += width) out.subarray(start, start + width).reverse();
  return out;
}

describe('views of a frame', () => {
  it('steps tiles by two thirds, pushes the last ones inwards, and covers every pixel', () => {
    const [{ regions }] = planViews({ height: 10, width: 20 }, { tile: { height: 10, width: 8 } });
    expect(regions.map(({ x }) => x)).toEqual([0, 6, 12]);
    for (const [length, tile] of [
      [20, 8],
      [21, 8],
      [7, 3],
      [100, 33],
      [5, 5],
      [5, 9],
      [9, 1],
    ]) {
      const [plan] = planViews({ height: 1, width: length }, { tile: { height: 1, width: tile } });
      const covered = new Set(plan.regions.flatMap(({ x, width }) => Array.from({ length: width }, (_, i) => x + i)));
      expect(covered.size).toBe(length);
      const starts = plan.regions.map(({ x }) => x);
      for (const [i, x] of starts.slice(0, -1).entries()) expect(x).toBe(i * Math.ceil((2 * tile) / 3));
      expect(Math.max(...covered)).toBe(length - 1);
      expect(new Set(starts).size).toBe(starts.length);
    }
  });

  it('rounds scaled sizes to whole pixels', () => {
    const sizes = planViews({ height: 5, width: 7 }, { scales: [0.75, 1, 0.01] });
    expect(sizes.map(({ height, width }) => [height, width])).toEqual([
      [4, 5],
      [5, 7],
      [1, 1],
    ]);
  });
});

describe('segmenting a frame', () => {
  it("gives labels at the frame's size whatever size the network has", async () => {
    for (const options of [{}, { free: true }, { stride: 4 }, { free: true, stride: 4 }]) {
      const model = await loadModel(tinyNetwork(options));
      const { labels, confidence } = await model.segment(frame, { confidence: true });
      expect([labels.height, labels.width, labels.data.length]).toEqual([30, 44, 30 * 44]);
      expect(confidence?.length).toBe(30 * 44);
      expect(new Set(labels.data).size).toBeGreaterThan(1);
      await model.release();
    }
  });

  it.each(['float32', 'float16'] as const)(
    'labels each pixel by its own scores at the same size: %s',
    async (dtype) => {
      // Whole numbers up to 255 are exact in half precision too.
      const model = await loadModel(brightestChannel(30, 44, dtype), { mean: [0, 0, 0], std: [1, 1, 1] });
      const { labels } = await model.segment(frame);
      for (const [i, label] of labels.data.entries()) {
        const pixel = [...frame.data.slice(3 * i, 3 * i + 3)];
        expect(label).toBe(pixel.indexOf(Math.max(...pixel)));
      }
    },
  );

  it("is exactly the whole-frame result with tiles of the frame's size, one scale and no flip", async () => {
    for (const options of [{ free: true }, { height: 12, width: 16 }]) {
      const model = await loadModel(tinyNetwork(options));
      const whole = await model.segment(frame, { confidence: true });
      const same = { tile: { height: 30, width: 44 }, scales: [1], flip: false, confidence: true };
      const tiled = await model.segment(frame, same);
      expect(tiled.labels).toEqual(whole.labels);
      expect(tiled.confidence).toEqual(whole.confidence);
      const larger = await model.segment(frame, { tile: { height: 300, width: 440 } });
      expect(larger.labels).toEqual(whole.labels);
    }
  });

  it.each([
    ["at the frame's size", { free: true }],
    ['at a smaller size', { height: 12, width: 16, stride: 2 }],
    ['at a size the frame is a multiple of', { height: 15, width: 22 }],
    ['at a larger size', { height: 50, width: 90 }],
  ])('gives the mirrored labels and confidence for a mirrored frame with --flip, exactly: %s', async (_, options) => {
    const model = await loadModel(tinyNetwork({ classes: 6, ...options }));
    for (const views of 'free' in options
      ? [{ flip: true }, { flip: true, scales: [0.75, 1, 1.25] }]
      : [{ flip: true }]) {
      const one = await model.segment(frame, { ...views, confidence: true });
      const other = await model.segment(mirrored(frame), { ...views, confidence: true });
      expect(other.labels.data).toEqual(mirroredRows(one.labels.data, 44));
      const confidence = one.confidence ?? new Float32Array();
      expect(other.confidence).toEqual(mirroredRows(confidence, 44));
      const without = await model.segment(frame);
      expect(without.labels.data).not.toEqual(one.labels.data);
    }
  });

  it('averages the softmax of tiles by count', async () => {
    // The scores are the pixels themselves, so every view of a pixel gives the same softmax, whatever the tiling.
    const network = {
      preprocessing: { mean: [0, 0, 0], std: [50, 50, 50], channelOrder: 'rgb' },
      inputSize: (size: { height: number; width: number }) => size,
      background: undefined,
      run: async (data: Float32Array, size: { height: number; width: number }): Promise<NetworkResult> => ({
        scores: { classes: 3, ...size, data: data.slice() },
        kind: 'logits',
      }),
    } as const;
    const whole = await segmentFrame(network, frame, { confidence: true });
    for (const views of [
      { tile: { height: 7, width: 9 } },
      { tile: { height: 30, width: 5 }, flip: true },
      { flip: true },
    ]) {
      const tiled = await segmentFrame(network, frame, { ...views, confidence: true });
      expect(tiled.labels).toEqual(whole.labels);
      for (const [i, value] of (tiled.confidence ?? []).entries())
        expect(value).toBeCloseTo(whole.confidence?.[i] ?? 0, 5);
    }
  });

  it('rounds a free size to the multiple the model asks for', async () => {
    const bytes = tinyNetwork({ free: true, metadata: new Map([['steadyseg', '{"sizeMultiple": 8}']]) });
    const model = await loadModel(bytes);
    const network = await openNetwork(bytes, model.description, model.sessionCut, {}, createSession);
    expect(network.inputSize({ height: 30, width: 44 })).toEqual({ height: 32, width: 48 });
    expect((await model.segment(frame)).labels.width).toBe(44);
  });
});
