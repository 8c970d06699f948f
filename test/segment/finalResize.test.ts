import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import * as ops from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { mayBeCopied } from '#src/segment/finalResize.js';
import { loadModel } from '#src/segment/loadModel.js';
import { prepareInput, wholeOf } from '#src/segment/pixels.js';
import { resizedConfidence } from '#src/segment/scores.js';
import type { CoordinateMode } from '#src/tensor/interpolation.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32 } from '#src/tensor/tensor.js';
import { randomPixels } from './pixels.js';

const [height, width] = [24, 32];

/** A network of six maps at half the input's size, and what `end` makes of them. */
function networkEnding(end: (maps: Value) => Value): Uint8Array {
  const graph = createGraph('network');
  const image = input(graph, 'image', 'float32', [1, 3, height, width]);
  const weight = constant(graph, symmetricByName('weight', [6, 3, 3, 3], 1));
  const maps = ops.conv(image, weight, undefined, { pads: [1, 1, 1, 1], strides: [2, 2] });
  return writeModel(exportModel(graph, { logits: end(maps) }));
}

const enlarge = (maps: Value, mode: 'linear' | 'nearest' = 'linear', coordinates: CoordinateMode = 'align_corners') =>
  ops.resize(maps, [1, 6, height, width], mode, coordinates);

describe('a network that ends with an enlargement', () => {
  it.each<[string, (maps: Value) => Value]>([
    ['aligned corners', (maps) => enlarge(maps)],
    ['half-pixel centres', (maps) => enlarge(maps, 'linear', 'half_pixel')],
    [
      'half-pixel centres, an odd factor in one axis',
      (maps) => ops.resize(maps, [1, 6, 36, 23], 'linear', 'half_pixel'),
    ],
    ['the first classes of it', (maps) => ops.slice(enlarge(maps), [1], [0], [5])],
  ])('is cut, and the labels and confidences are those of the whole network: %s', async (_, end) => {
    const bytes = networkEnding(end);
    const model = await loadModel(bytes);
    const { description } = model;
    expect(model.sessionCut).toBeDefined();
    expect(description.output.name).toBe('logits');

    const image = randomPixels(37, 51);
    const planes = new Float32Array(3 * height * width);
    prepareInput(image, wholeOf(image), height, width, description.preprocessing, planes);
    const session = await createSession(bytes);
    const { logits } = await session.run({ image: float32([1, 3, height, width], planes) });
    const [, classes, h, w] = logits.shape;
    const whole = { classes, height: h, width: w, data: logits.data as Float32Array };
    const expected = resizedConfidence(whole, image.height, image.width);

    const { labels, confidence } = await model.segment(image, { confidence: true });
    expect(labels.data).toEqual(expected.labels);
    for (const [i, value] of expected.confidence.entries()) expect(confidence?.[i]).toBeCloseTo(value, 4);
    expect((await model.segment(image)).labels).toEqual(labels);
    await session.release();
    await model.release();
  });

  it('gives a mirrored picture the mirrored labels when flips are averaged', async () => {
    const model = await loadModel(networkEnding((maps) => enlarge(maps)));
    const image = randomPixels(height, width);
    const mirrored = { ...image, data: image.data.slice() };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = (y * width + width - 1 - x) * 3;
        mirrored.data.set(image.data.subarray(from, from + 3), (y * width + x) * 3);
      }
    }
    const flipped = await model.segment(image, { flip: true });
    const other = await model.segment(mirrored, { flip: true });
    for (let y = 0; y < height; y++) {
      const row = (data: Uint8Array) => [...data.subarray(y * width, (y + 1) * width)];
      expect(row(other.labels.data)).toEqual(row(flipped.labels.data).reverse());
    }
    await model.release();
  });
});

describe('a network is run as it is', () => {
  it.each<[string, (maps: Value) => Value]>([
    ['without an enlargement', (maps) => maps],
    ['when the nearest score is taken', (maps) => enlarge(maps, 'nearest', 'asymmetric')],
    ['when positions are mapped asymmetrically', (maps) => enlarge(maps, 'linear', 'asymmetric')],
    ['when it shrinks an axis', (maps) => ops.resize(maps, [1, 6, height, 9], 'linear', 'align_corners')],
    ['when classes are mixed', (maps) => ops.resize(maps, [1, 9, height, width], 'linear', 'align_corners')],
    ['when other than the first classes are chosen', (maps) => ops.slice(enlarge(maps), [1], [1], [6])],
    ['when something follows', (maps) => ops.relu(enlarge(maps))],
  ])('%s', async (_, end) => {
    const { sessionCut, content, sessionContent } = await loadModel(networkEnding(end));
    expect(sessionCut).toBeUndefined();
    expect(sessionContent).toBe(content);
  });
});

it('a network of more than 128 MiB is not copied', () => {
  const model = readModel(networkEnding((maps) => maps));
  const holding = (count: number) =>
    mayBeCopied({
      ...model,
      graph: { ...model.graph, initializers: new Map([['weight', float32([count], new Float32Array(count))]]) },
    });
  expect([holding(2 ** 25), holding(2 ** 25 + 1)]).toEqual([true, false]);
});
