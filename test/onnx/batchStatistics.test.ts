// Normalisation by batch statistics: against float64, against the engine's operator, and in parts.
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { channelSums, normalizeBySums } from '#src/onnx/batchStatistics.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import { add, batchNormalizationTraining, concat, mul, reduceMean, reduceSum, slice, sub } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { createRandom } from '#src/tensor/random.js';
import { elementCount, float32, type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';

/** Not the operator's default. */
const epsilon = 1e-3;

async function run(x: Tensor<'float32'>, build: (x: Value, scale: Value, bias: Value) => Record<string, Value>) {
  const graph = createGraph('statistics');
  const [scale, bias] = ['scale', 'bias'].map((name) => input(graph, name, 'float32', [x.shape[1]]));
  const outputs = build(input(graph, 'x', 'float32', x.shape), scale, bias);
  const session = await createSession(writeModel(exportModel(graph, outputs)), {
    optimization: 'disabled',
    threads: 1,
  });
  const perChannel = (at: (channel: number) => number) =>
    float32(
      [x.shape[1]],
      Array.from({ length: x.shape[1] }, (_, channel) => at(channel)),
    );
  const found = await session.run({ x, scale: perChannel((c) => 1 + c), bias: perChannel((c) => c - 0.5) });
  await session.release();
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

/** N×C×H×W whose channel c has the c-th mean and deviation. */
function drawn(shape: Shape, channels: readonly (readonly [mean: number, deviation: number])[]): Tensor<'float32'> {
  const random = createRandom(11);
  const plane = elementCount(shape.slice(2));
  const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => {
    const [mean, deviation] = channels[Math.floor(i / plane) % shape[1]];
    return mean + deviation * random.normal();
  });
  return tensor('float32', shape, data);
}

/** The same in float64. */
function exact({ shape, data }: Tensor<'float32'>) {
  const plane = elementCount(shape.slice(2));
  const channelOf = (i: number) => Math.floor(i / plane) % shape[1];
  const mean = Array(shape[1]).fill(0);
  const variance = Array(shape[1]).fill(0);
  const count = data.length / shape[1];
  data.forEach((value, i) => {
    mean[channelOf(i)] += value / count;
  });
  data.forEach((value, i) => {
    variance[channelOf(i)] += (value - mean[channelOf(i)]) ** 2 / count;
  });
  const output = Array.from(data, (value, i) => {
    const c = channelOf(i);
    return ((1 + c) * (value - mean[c])) / Math.sqrt(variance[c] + epsilon) + c - 0.5;
  });
  return { mean, variance, output };
}

const largest = (found: readonly number[], expected: readonly number[], scale = 1) =>
  Math.max(...expected.map((value, i) => Math.abs(found[i] - value) / scale));
const relative = (found: readonly number[], expected: readonly number[]) =>
  Math.max(...expected.map((value, i) => Math.abs(found[i] - value) / value));

describe('a large mean with a small variance', () => {
  const x = drawn(
    [2, 4, 24, 32],
    [
      [0, 1],
      [100, 1],
      [-1000, 1],
      [1000, 0.1],
    ],
  );
  const expected = exact(x);

  it('is normalised as in float64', async () => {
    const found = await run(x, (value, scale, bias) => ({
      ...normalizeBySums(channelSums(value), scale, bias, epsilon),
    }));
    expect(relative(found.variance, expected.variance)).toBeLessThan(2e-6);
    expect(largest(found.mean, expected.mean, 1000)).toBeLessThan(1e-6);
    expect(largest(found.output, expected.output)).toBeLessThan(2e-3);
  });

  it('is not, from the mean of squares', async () => {
    const found = await run(x, (value) => {
      const mean = reduceMean(value, [0, 2, 3], false);
      return { variance: sub(reduceMean(mul(value, value), [0, 2, 3], false), mul(mean, mean)) };
    });
    expect(relative(found.variance, expected.variance)).toBeGreaterThan(0.5);
  });
});

it.each([[[3, 2, 5, 7]], [[1, 3, 4]], [[4, 2]]] as const)('gives what the fused operator gives: %j', async (shape) => {
  const x = drawn(
    shape,
    [0, 1, 2].map((mean) => [mean, 1 + mean]),
  );
  const ours = await run(x, (...values) => ({
    ...normalizeBySums(channelSums(values[0]), values[1], values[2], epsilon),
  }));
  const expected = exact(x);
  for (const name of ['mean', 'variance', 'output'] as const) {
    expect(largest(ours[name], expected[name]), name).toBeLessThan(1e-5);
  }
  if (shape.length < 4) return;
  const fused = await run(x, (...values) => ({ ...batchNormalizationTraining(...values, epsilon) }));
  for (const name of ['mean', 'variance', 'output'] as const) {
    expect(largest(ours[name], fused[name]), name).toBeLessThan(1e-5);
  }
});

it('is the same when the sums of two batches about one shift are added, gradients included', async () => {
  const shape = [4, 2, 3, 5];
  const x = drawn(shape, [
    [3, 1],
    [-1, 2],
  ]);
  const parted = await run(x, (value, scale, bias) => {
    const shift = constant(value.graph, float32([2], [2.5, -0.5]));
    const parts = [0, 1].map((k) => channelSums(slice(value, [0], [2 * k], [2 * k + 2]), shift));
    const [sum, squares] = (['sum', 'squares'] as const).map((name) => parts.map((part) => part[name]).reduce(add));
    const count = parts[0].count + parts[1].count;
    const whole = parts.map((part) => normalizeBySums({ ...part, sum, squares, count }, scale, bias, epsilon));
    const output = concat(
      whole.map((part) => part.output),
      0,
    );
    const [gradient] = gradients(value.graph, reduceSum(mul(output, mul(output, value)), undefined, false), [value]);
    return { output, gradient, mean: whole[1].mean, variance: whole[1].variance };
  });
  const whole = await run(x, (value, scale, bias) => {
    const { output } = batchNormalizationTraining(value, scale, bias, epsilon);
    const [gradient] = gradients(value.graph, reduceSum(mul(output, mul(output, value)), undefined, false), [value]);
    return { output, gradient };
  });
  const { mean, variance } = exact(x);
  expect(largest(parted.mean, mean)).toBeLessThan(1e-5);
  expect(largest(parted.variance, variance)).toBeLessThan(1e-5);
  expect(largest(parted.output, whole.output)).toBeLessThan(1e-5);
  expect(largest(parted.gradient, whole.gradient, Math.max(...whole.gradient))).toBeLessThan(1e-5);
});
