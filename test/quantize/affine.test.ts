// Bytes and int8 weights: the engine rounds and saturates as this library does, and no value moves further than it may.
import { describe, expect, it } from 'vitest';
import type { ModelNode } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { affineOf, fromByte, roundToEven, toByte } from '#src/quantize/affine.js';
import { integerBias, integerWeights } from '#src/quantize/weights.js';
import { createSession } from '#src/runtime/session.js';
import { createRandom } from '#src/tensor/random.js';
import { float32, type Tensor, tensor } from '#src/tensor/tensor.js';

/** What the engine makes bytes of, and numbers of these again. */
async function engineBytes(values: readonly number[], scale: number, zeroPoint: number) {
  const node = (op: string, inputs: string[], output: string): ModelNode => ({
    ...{ op, domain: '', name: op, inputs, outputs: [output], attributes: {} },
  });
  const session = await createSession(
    writeModel({
      irVersion: 8,
      opsets: new Map([['', 13]]),
      producer: '',
      metadata: new Map(),
      graph: {
        name: 'bytes',
        nodes: [
          node('QuantizeLinear', ['x', 'scale', 'zero'], 'bytes'),
          node('DequantizeLinear', ['bytes', 'scale', 'zero'], 'restored'),
        ],
        inputs: [{ name: 'x', type: { dtype: 'float32', shape: [values.length] } }],
        outputs: [
          { name: 'bytes', type: { dtype: 'uint8', shape: [values.length] } },
          { name: 'restored', type: { dtype: 'float32', shape: [values.length] } },
        ],
        values: [],
        initializers: new Map<string, Tensor>([
          ['scale', float32([], [scale])],
          ['zero', tensor('uint8', [], Uint8Array.of(zeroPoint))],
        ]),
      },
    }),
    { threads: 1, optimization: 'disabled' },
  );
  const { bytes, restored } = await session.run({ x: float32([values.length], values) });
  await session.release();
  return { bytes: [...(bytes.data as Uint8Array)], restored: [...(restored.data as Float32Array)] };
}

describe('bytes', () => {
  it('are rounded half to even, and saturate, as the engine does it', async () => {
    const random = createRandom(3);
    const values = [-1e9, -40, -0.5, 0, 0.5, 1.5, 2.5, 3.5, 100.5, 126.5, 200, 254.4, 255.5, 1e9];
    for (let i = 0; i < 200; i++) values.push(Math.fround(400 * (random.uniform() - 0.3)));
    for (const [scale, zeroPoint] of [
      [1, 0],
      [1, 37],
      [Math.fround(0.37), 128],
      [2, 255],
    ] as const) {
      const { bytes, restored } = await engineBytes(values, scale, zeroPoint);
      expect(values.map((value) => toByte(value, { scale, zeroPoint }))).toEqual(bytes);
      expect(bytes.map((q) => fromByte(q, { scale, zeroPoint }))).toEqual(restored);
    }
  });

  it('hold 0 exactly, and the ends of a range to half a step', () => {
    for (const [low, high] of [
      [-1, 3],
      [0, 6],
      [2, 5],
      [-7, -2],
      [-1e-3, 1e4],
      [-1e-30, 1e-30],
    ]) {
      const affine = affineOf(low, high);
      expect(fromByte(affine.zeroPoint, affine)).toBe(0);
      for (const end of [low, high]) {
        expect(Math.abs(fromByte(toByte(end, affine), affine) - end)).toBeLessThanOrEqual(affine.scale * 0.51);
      }
    }
    // What is never negative spends no byte below 0: an activation before it is then part of its operator.
    expect(affineOf(0, 6)).toEqual({ scale: Math.fround(6 / 255), zeroPoint: 0 });
    expect(affineOf(2, 5).zeroPoint).toBe(0);
    expect(affineOf(-3, -1).zeroPoint).toBe(255);
  });

  it('stand for 0 alone where nothing else occurs', () => {
    expect(affineOf(0, 0)).toEqual({ scale: 1, zeroPoint: 0 });
    expect(affineOf(-1e-40, 1e-40)).toEqual({ scale: 1, zeroPoint: 0 });
  });

  it('round to the even neighbour below 0 too', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, -2.6].map(roundToEven)).toEqual([-2, -2, 0, 0, 2, 2, 2, -3]);
  });
});

describe('int8 weights', () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.7) * (i < 8 ? 1 : i < 16 ? 0.01 : 0));
  const weights = tensor('float32', [3, 2, 2, 2], data);

  it('have a scale for each output channel, its largest magnitude over 127 or 63', () => {
    for (const [bits, limit] of [
      [8, 127],
      [7, 63],
    ] as const) {
      const { integers, scales } = integerWeights(weights, 0, bits, undefined, 0.1);
      for (let c = 0; c < 3; c++) {
        const channel = data.subarray(8 * c, 8 * c + 8);
        const largest = Math.max(...channel.map(Math.abs));
        expect(scales[c]).toBe(largest > 0 ? Math.fround(largest / limit) : 1);
        const whole = integers.data.subarray(8 * c, 8 * c + 8);
        expect(Math.max(...whole.map(Math.abs))).toBe(largest > 0 ? limit : 0);
        channel.forEach((weight, i) => {
          expect(Math.abs(whole[i] * scales[c] - weight)).toBeLessThanOrEqual(0.5001 * scales[c]);
        });
      }
    }
  });

  it('of a matrix have one for each column, or row', () => {
    const matrix = tensor('float32', [2, 3], Float32Array.of(1, 2, 3, -4, 5, -6));
    expect([...integerWeights(matrix, 1, 8, undefined, 1).scales]).toEqual([4, 5, 6].map((x) => Math.fround(x / 127)));
    expect([...integerWeights(matrix, 0, 8, undefined, 1).scales]).toEqual([3, 6].map((x) => Math.fround(x / 127)));
  });

  it('leave room for biases, which are whole numbers of input scale times weight scale', () => {
    const bias = [0.5, -3, 7];
    const inputScale = 1e-9;
    const { scales } = integerWeights(weights, 0, 8, bias, inputScale);
    const whole = integerBias(bias, inputScale, scales);
    bias.forEach((value, c) => {
      expect(Math.abs(whole.integers.data[c])).toBeLessThanOrEqual(2 ** 30 + 64);
      expect(whole.scales.data[c]).toBe(Math.fround(inputScale * scales[c]));
      expect(whole.integers.data[c] * whole.scales.data[c]).toBeCloseTo(value, 4);
    });
  });
});
