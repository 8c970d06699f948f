// Networks in integers: what is placed where, and that the engine computes what whole numbers on paper give.
import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { foldBatchNorm } from '#src/onnx/foldBatchNorm.js';
import { constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import type { Model } from '#src/onnx/model.js';
import {
  add,
  averagePool,
  batchNormalization,
  clip,
  concat,
  conv,
  convTranspose,
  maxPool,
  relu,
  resize,
  slice,
} from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { affineOf, roundToEven, toByte } from '#src/quantize/affine.js';
import { openCalibration } from '#src/quantize/calibrate.js';
import { computeConstants } from '#src/quantize/constants.js';
import { insertIntegers } from '#src/quantize/insert.js';
import { integerShare } from '#src/quantize/integerShare.js';
import { placeIntegers } from '#src/quantize/placement.js';
import { scalesOf } from '#src/quantize/scales.js';
import { integerBias, integerWeights } from '#src/quantize/weights.js';
import { createSession } from '#src/runtime/session.js';
import { createRandom, symmetricByName } from '#src/tensor/random.js';
import { float32, type Shape, type Tensor } from '#src/tensor/tensor.js';

const shape: Shape = [1, 3, 16, 20];

function modelOf(build: (image: Value, weight: (name: string, shape: Shape) => Value) => Value): Model {
  const graph = createGraph('network');
  const image = input(graph, 'image', 'float32', shape);
  const weight = (name: string, of: Shape) => constant(graph, symmetricByName(name, of, 0.5), name);
  return exportModel(graph, { scores: build(image, weight) });
}

function picture(seed = 1): Tensor<'float32'> {
  const random = createRandom(seed);
  return float32(
    shape,
    Float32Array.from({ length: 960 }, () => 4 * random.uniform() - 2),
  );
}

async function run(model: Model, image: Tensor, optimization: 'disabled' | 'all' = 'all'): Promise<Float32Array> {
  const session = await createSession(writeModel(model), { threads: 1, optimization });
  const { scores } = await session.run({ image }).finally(() => session.release());
  return scores.data as Float32Array;
}

/** The model in integers, ranges from one picture. */
async function quantised(model: Model, image: Tensor, left: readonly string[] = []) {
  const placement = placeIntegers(model, { left: new Set(left) });
  const calibration = await openCalibration(model, [...placement.values.keys()], {
    source: 'the network',
    shapes: new Map(),
    threads: 1,
  });
  await calibration.add({ image });
  await calibration.close();
  const scales = scalesOf(placement, calibration.histograms, 'range');
  return { placement, scales, model: insertIntegers(model, placement, scales, 7) };
}

const operators = (model: Model, left: readonly string[] = []) =>
  placeIntegers(model, { left: new Set(left) }).operators.map(({ node, activation }) =>
    activation ? `${node.op}+${activation.op}` : node.op,
  );

describe('a convolution in integers', () => {
  it('gives the bytes that whole numbers on paper give', async () => {
    const model = modelOf((image, weight) => relu(conv(image, weight('w', [5, 3, 3, 3]), weight('b', [5]))));
    const image = picture();
    const { model: integer, placement, scales } = await quantised(model, image);
    const [{ output }] = placement.operators;
    const [from, to] = ['image', output].map((value) => scales.get(value) ?? affineOf(0, 0));
    const weights = symmetricByName('w', [5, 3, 3, 3], 0.5);
    const bias = symmetricByName('b', [5], 0.5).data;
    const whole = integerWeights(weights, 0, 7, bias, from.scale);
    const wholeBias = integerBias(bias, from.scale, whole.scales).integers.data;
    const bytes = Array.from(image.data, (value) => toByte(value, from));
    const found = await run(integer, image);
    const different: number[] = [];
    for (let o = 0; o < 5; o++) {
      for (let y = 0; y < 14; y++) {
        for (let x = 0; x < 18; x++) {
          let sum = wholeBias[o];
          for (let c = 0; c < 3; c++) {
            for (let k = 0; k < 9; k++) {
              const at = (c * 16 + y + Math.floor(k / 3)) * 20 + x + (k % 3);
              sum += (bytes[at] - from.zeroPoint) * whole.integers.data[(o * 3 + c) * 9 + k];
            }
          }
          const exact = (sum * from.scale * whole.scales[o]) / to.scale;
          const byte = Math.min(255, Math.max(0, roundToEven(exact) + to.zeroPoint));
          const got = found[(o * 14 + y) * 18 + x] / to.scale + to.zeroPoint;
          // The engine multiplies by one float32 instead: at a half it may go the other way.
          if (Math.abs(got - byte) > 0.01 && Math.abs(Math.abs(exact % 1) - 0.5) > 1e-3) different.push(got - byte);
        }
      }
    }
    expect(different).toEqual([]);
  });

  it('is near the float one: a step of its own bytes, and what rounding input and weights adds', async () => {
    const model = modelOf((image, weight) => conv(image, weight('w', [5, 3, 3, 3]), weight('b', [5])));
    const image = picture();
    const { model: integer, scales } = await quantised(model, image);
    const [exact, found] = [await run(model, image), await run(integer, image)];
    const step = scales.get(placeIntegers(model, { left: new Set() }).operators[0].output)?.scale ?? 0;
    exact.forEach((value, i) => {
      expect(Math.abs(found[i] - value)).toBeLessThan(4 * step);
    });
  });
});

describe('placement', () => {
  it('takes activations along, moves bytes, and joins what comes as bytes and goes on as bytes', async () => {
    const model = modelOf((image, weight) => {
      const a = relu(conv(image, weight('a', [8, 3, 3, 3]), undefined, { pads: [1, 1, 1, 1] }));
      const pooled = maxPool(a, { kernel: [2, 2], strides: [2, 2] });
      const b = clip(conv(pooled, weight('b', [8, 8, 1, 1])), 0, 6);
      const c = conv(pooled, weight('c', [8, 1, 3, 3]), undefined, { pads: [1, 1, 1, 1], group: 8 });
      const sum = relu(add(b, c));
      const joined = concat([sum, averagePool(b, { kernel: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] })], 1);
      const scores = conv(joined, weight('d', [4, 16, 1, 1]), weight('e', [4]));
      return resize(scores, [1, 4, 16, 20], 'linear', 'half_pixel');
    });
    expect(operators(model)).toEqual([
      ...['Conv+Relu', 'MaxPool', 'Conv+Clip', 'Conv', 'Add+Relu', 'AveragePool', 'Concat', 'Conv'],
    ]);
    const image = picture();
    const { model: integer, placement, scales } = await quantised(model, image);
    for (const { node, inputs, output } of placement.operators) {
      if (node.op === 'MaxPool') expect(scales.get(output)).toEqual(scales.get(inputs[0]));
    }
    // Engine and file agree: with operators replaced by integer ones, and with each Q and DQ computed by itself.
    const [exact, found] = [await run(integer, image, 'disabled'), await run(integer, image)];
    const step = scales.get(placement.operators.at(-1)?.output ?? '')?.scale ?? 0;
    const apart = found.map((value, i) => Math.abs(value - exact[i]) / step);
    expect(Math.max(...apart)).toBeLessThan(3.01);
    expect(apart.reduce((sum, value) => sum + value, 0) / apart.length).toBeLessThan(0.3);
    const counts = new Map(placement.operators.map(({ name }) => [name, 10]));
    const share = await integerShare(writeModel(integer), placement.operators, counts, { threads: 1 });
    expect(share.refused).toEqual([]);
    expect(share.share).toBeCloseTo(0.5);
  });

  it('takes no activation along from a value that something else reads as well', () => {
    const model = modelOf((image, weight) => {
      const a = conv(image, weight('a', [4, 3, 1, 1]));
      return add(conv(relu(a), weight('b', [4, 4, 1, 1])), conv(a, weight('c', [4, 4, 1, 1])));
    });
    expect(operators(model)).not.toContain('Conv+Relu');
  });

  it('leaves out what is asked for, and what then has nothing to join', () => {
    const model = modelOf((image, weight) => {
      const a = conv(image, weight('a', [4, 3, 1, 1]));
      const b = conv(image, weight('b', [4, 3, 1, 1]));
      return conv(add(a, b), weight('c', [4, 4, 1, 1]));
    });
    const [first, , sum] = placeIntegers(model, { left: new Set() }).operators.map(({ name }) => name);
    expect(operators(model)).toEqual(['Conv', 'Conv', 'Add', 'Conv']);
    expect(operators(model, [first])).toEqual(['Conv', 'Conv']);
    expect(placeIntegers(model, { only: sum }).operators.map(({ node }) => node.op)).toEqual(['Add']);
    const { values } = placeIntegers(model, { only: sum });
    expect([...values.values()].filter((giver) => giver).length).toBe(1);
  });

  it('leaves float what has no integer form, and what nothing in integers reads', () => {
    const model = modelOf((image, weight) => {
      const a = conv(image, weight('a', [4, 3, 1, 1]));
      const up = convTranspose(a, weight('u', [4, 4, 2, 2]), undefined, { strides: [2, 2] });
      return maxPool(conv(up, weight('c', [4, 4, 1, 1])), { kernel: [2, 2] });
    });
    expect(operators(model)).toEqual(['Conv', 'Conv']);
  });

  it('shares the scale of joined values where that costs at most a bit, and never one that cuts off an activation', async () => {
    const model = modelOf((image, weight) => {
      const a = conv(image, weight('a', [4, 3, 1, 1]));
      const b = conv(image, constant(image.graph, float32([4, 3, 1, 1], Array(12).fill(0.01)), 'b'));
      const c = relu(conv(image, weight('c', [4, 3, 1, 1])));
      return conv(concat([a, b, c], 1), weight('d', [4, 12, 1, 1]));
    });
    const { placement, scales } = await quantised(model, picture());
    const join = placement.operators.find(({ node }) => node.op === 'Concat');
    const [whole, a, b, c] = [join?.output, ...(join?.inputs ?? [])].map((value) => scales.get(value ?? ''));
    expect(a).toEqual(whole);
    expect(b).not.toEqual(whole);
    expect(c?.zeroPoint).toBe(0);
  });
});

describe('normalisations', () => {
  const parameters = (weight: (name: string, shape: Shape) => Value, name: string, channels: number) =>
    ['scale', 'bias', 'mean'].map((kind) => weight(`${name}.${kind}`, [channels]));

  it('become part of the convolution before them, of every kind, or stay', async () => {
    const model = modelOf((image, weight) => {
      const { graph } = image;
      const normalised = (x: Value, name: string) => {
        const [scale, bias, mean] = parameters(weight, name, x.shape[1]);
        const variance = constant(
          graph,
          float32(
            [x.shape[1]],
            Array.from({ length: x.shape[1] }, (_, c) => 0.3 + c),
          ),
          `${name}.var`,
        );
        return batchNormalization(x, scale, bias, mean, variance, 1e-3);
      };
      const a = normalised(conv(image, weight('a', [6, 3, 3, 3]), weight('ab', [6])), '1');
      const b = normalised(conv(a, weight('b', [6, 2, 1, 1]), undefined, { group: 3 }), '2');
      const c = normalised(
        convTranspose(b, weight('c', [6, 2, 2, 2]), weight('cb', [4]), { strides: [2, 2], group: 2 }),
        '3',
      );
      return normalised(add(c, c), '4');
    });
    const folded = foldBatchNorm(model);
    expect(folded.graph.nodes.map(({ op }) => op).filter((op) => op !== 'Identity')).toEqual([
      ...['Conv', 'Conv', 'ConvTranspose', 'Add', 'BatchNormalization'],
    ]);
    const image = picture();
    const [exact, found] = [await run(model, image), await run(folded, image)];
    exact.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 4);
    });
  });

  it('stay where others read what is normalised', () => {
    const model = modelOf((image, weight) => {
      const a = conv(image, weight('a', [4, 3, 1, 1]));
      const [scale, bias, mean] = parameters(weight, 'n', 4);
      const variance = constant(image.graph, float32([4], [1, 2, 3, 4]), 'v');
      return add(a, batchNormalization(a, scale, bias, mean, variance, 1e-5));
    });
    expect(foldBatchNorm(model).graph.nodes.map(({ op }) => op)).toContain('BatchNormalization');
  });
});

it('computes what depends on constants alone, weights among them', async () => {
  const model = modelOf((image, weight) => {
    const w = slice(weight('w', [8, 3, 1, 1]), [0], [2], [6]);
    return conv(image, add(w, w));
  });
  const computed = await computeConstants(model, 'the network');
  expect(computed.graph.nodes.map(({ op }) => op).filter((op) => op !== 'Identity')).toEqual(['Conv']);
  expect(computed.graph.initializers.has('w')).toBe(false);
  const image = picture();
  expect(await run(computed, image)).toEqual(await run(model, image));
});
