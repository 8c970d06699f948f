// What a network says of a frame of the clip, computed by hand.
import { expect, it } from 'vitest';
import { openPredictor } from '#src/adapt/predictor.js';
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

async function said(gives: 'labels' | 'probabilities' | 'views'): Promise<number[]> {
  const predictor = await openPredictor(student, student.weights, size, { gives, threads: 1 });
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

it('gives the likeliest class', async () => {
  const expected = Array.from({ length: height * width }, (_, i) => {
    const [x, y] = at(i);
    return red(x - 1, y) > 100 ? 1 : 0;
  });
  expect(await said('labels')).toEqual(expected);
});
