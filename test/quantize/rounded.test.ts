// Integers in training graphs: the values that the network in integers gives, gradients as if nothing were rounded.
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { addModel } from '#src/onnx/import.js';
import { conv, mul, reduceSum, relu } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { affineOf } from '#src/quantize/affine.js';
import { insertIntegers } from '#src/quantize/insert.js';
import { placeIntegers } from '#src/quantize/placement.js';
import { rounded } from '#src/quantize/rounded.js';
import { createSession } from '#src/runtime/session.js';
import { createRandom, symmetricByName } from '#src/tensor/random.js';
import { float32 } from '#src/tensor/tensor.js';

const shape = [1, 3, 8, 10];
const random = createRandom(4);
/** Some values lie beyond the range that bytes have. */
const image = float32(
  shape,
  Float32Array.from({ length: 240 }, () => 3 * random.uniform() - 1.5),
);
const limits = [-1, 1.2] as const;

function network() {
  const graph = createGraph('network');
  const x = input(graph, 'image', 'float32', shape);
  const weight = (name: string, of: number[]) => constant(graph, symmetricByName(name, of, 0.5), name);
  const hidden = relu(conv(x, weight('a.weight', [4, 3, 3, 3]), weight('a.bias', [4])));
  return exportModel(graph, { scores: conv(hidden, weight('b.weight', [2, 4, 1, 1])) });
}

const model = network();
const placement = placeIntegers(model, { left: new Set() });
const scales = new Map(
  [...placement.values].map(([value, giver]) => {
    const [low, high] = value === 'image' ? limits : giver?.activation ? [0, 6] : [-6, 6];
    return [value, affineOf(low, high)] as const;
  }),
);

/** Outputs and gradients of Σ c·scores, by the values of the model's weights. */
async function run(of: typeof model, fed = image) {
  const graph = createGraph('step');
  const x = input(graph, 'image', 'float32', shape);
  const { apply, weights } = addModel(graph, of);
  const scores = apply({ image: x }).get('scores');
  if (!scores) throw new Error('no scores');
  const loss = reduceSum(mul(scores, constant(graph, symmetricByName('c', [...scores.shape], 1))), [0, 1, 2, 3], false);
  const names = ['a.weight', 'a.bias', 'b.weight'];
  const parameters = names.map((name) => {
    const declared = graph.parameters.get(name);
    if (!declared) throw new Error(`${name} is no weight`);
    return declared.value;
  });
  const found = gradients(graph, loss, [...parameters, x]);
  const outputs = Object.fromEntries([...names, 'image'].map((name, i) => [`gradient.${name}`, found[i]]));
  const step = exportModel(graph, { scores, ...outputs }, { weights });
  const session = await createSession(writeModel(step), { threads: 1, optimization: 'disabled' });
  return await session.run({ image: fed }).finally(() => session.release());
}

describe('a network with values rounded', () => {
  it('declares the weights of the network, and nothing else, to be learnt', () => {
    const of = insertIntegers(model, placement, scales, 7, rounded);
    expect([...addModel(createGraph('g'), of).weights.keys()].sort()).toEqual(['a.bias', 'a.weight', 'b.weight']);
  });

  for (const bits of [7, 8] as const) {
    it(`gives what the one with weights of ${bits} bits gives`, async () => {
      const integers = insertIntegers(model, placement, scales, bits);
      const session = await createSession(writeModel(integers), { threads: 1, optimization: 'disabled' });
      const { scores } = await session.run({ image }).finally(() => session.release());
      const found = await run(insertIntegers(model, placement, scales, bits, rounded));
      const step = 12 / 255;
      // Only a bias, which is whole numbers of a small scale there, may tip a value to the next byte.
      (scores.data as Float32Array).forEach((value, i) => {
        expect(Math.abs(Number(found.scores.data[i]) - value)).toBeLessThan(1.01 * step);
      });
      const apart = (scores.data as Float32Array).filter(
        (value, i) => Math.abs(Number(found.scores.data[i]) - value) > 1e-4,
      );
      expect(apart.length).toBeLessThan(scores.data.length / 20);
    });
  }

  it('has the gradients of the float one, none into what lies beyond the bytes', async () => {
    const found = await run(insertIntegers(model, placement, scales, 8, rounded));
    const { scale, zeroPoint } = affineOf(...limits);
    const [low, high] = [-zeroPoint * scale, (255 - zeroPoint) * scale];
    const float = await run(
      model,
      float32(
        shape,
        image.data.map((value) => Math.min(high, Math.max(low, value))),
      ),
    );
    for (const name of ['a.weight', 'a.bias', 'b.weight']) {
      const [a, b] = [found, float].map((values) => values[`gradient.${name}`].data as Float32Array);
      const size = Math.hypot(...b);
      expect(Math.hypot(...a.map((value, i) => value - b[i]))).toBeLessThan(0.05 * size);
      expect(size).toBeGreaterThan(0.1);
    }
    const into = found['gradient.image'].data as Float32Array;
    let beyond = 0;
    image.data.forEach((value, i) => {
      if (value > high || value < low) {
        beyond++;
        expect(Math.abs(into[i])).toBe(0);
      }
    });
    expect(beyond).toBeGreaterThan(20);
    expect(into.filter((value) => value !== 0).length).toBeGreaterThan(100);
  });
});
