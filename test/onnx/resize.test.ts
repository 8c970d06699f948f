// Resize as the engine computes it: sizes, and the matrices that its gradient goes back through.
import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { addNode, constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import { resizedAxes } from '#src/onnx/inference/sampling.js';
import { type Attributes, float, int, ints, string } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import {
  type CoordinateMode,
  type InterpolationMode,
  interpolationMatrix,
  resamplingMatrix,
} from '#src/tensor/interpolation.js';
import { float32, int64, type Shape, sameShape, tensor } from '#src/tensor/tensor.js';

const coordinateModes: CoordinateMode[] = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
];
const modes: InterpolationMode[] = ['linear', 'cubic', 'floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'];

interface Variant {
  readonly antialias?: boolean;
  readonly excludeOutside?: boolean;
  readonly cubicCoefficient?: number;
  readonly policy?: 'not_larger' | 'not_smaller';
}

/** Height and width, and to what sizes or by what scales. */
const targets: [Shape, { sizes?: Shape; scales?: Shape }][] = [
  [[5, 7], { sizes: [9, 13] }],
  [[6, 8], { sizes: [3, 12] }],
  [[7, 7], { sizes: [1, 2] }],
  [[1, 4], { sizes: [5, 9] }],
  [[14, 18], { sizes: [19, 21] }],
  [[14, 22], { sizes: [8, 13] }],
  [[33, 20], { sizes: [14, 50] }],
  [[10, 9], { scales: [1.3, 1.7] }],
  [[7, 16], { scales: [1.05, 1.3] }],
  [[33, 11], { scales: [0.4, 0.7] }],
  [[10, 10], { scales: [1.05, 1.02] }],
];
const region = { starts: [0.1, 0.2], ends: [0.7, 1.1] };

function attributesOf(mode: InterpolationMode, coordinates: CoordinateMode, variant: Variant): Attributes {
  const smooth = mode === 'linear' || mode === 'cubic';
  return {
    mode: string(smooth ? mode : 'nearest'),
    ...(!smooth && { nearest_mode: string(mode) }),
    coordinate_transformation_mode: string(coordinates),
    ...(variant.antialias && { antialias: int(1) }),
    ...(variant.excludeOutside && { exclude_outside: int(1) }),
    ...(variant.cubicCoefficient && { cubic_coeff_a: float(variant.cubicCoefficient) }),
    ...(variant.policy && { keep_aspect_ratio_policy: string(variant.policy) }),
    axes: ints([2, 3]),
  };
}

/** The largest difference between the engine's results and products with the matrices, over all targets. */
async function differences(mode: InterpolationMode, coordinates: CoordinateMode, variant: Variant): Promise<string[]> {
  const graph = createGraph('resize');
  const floats = (values: Shape) => constant(graph, float32([values.length], values));
  const attributes = attributesOf(mode, coordinates, variant);
  const cropped = coordinates === 'tf_crop_and_resize';
  const made = targets.flatMap(([size, { sizes, scales }], i) => {
    if (variant.policy && !sizes) return [];
    const x = input(graph, `x${i}`, 'float32', [1, 1, ...size]);
    const roi = cropped ? floats([...region.starts, ...region.ends]) : undefined;
    const inputs: (Value | undefined)[] = scales
      ? [x, roi, floats(scales)]
      : [x, roi, undefined, constant(graph, int64([2], [...(sizes ?? [])]))];
    const [y] = addNode(graph, 'Resize', inputs, attributes);
    return [{ x, y, axes: resizedAxes({ op: 'Resize', inputs, attributes, outputCount: 1 }) }];
  });
  const outputs = Object.fromEntries(made.map(({ y }, i) => [`y${i}`, y]));
  const session = await createSession(writeModel(exportModel(graph, outputs)), {
    optimization: 'disabled',
    threads: 1,
  });
  const feeds = Object.fromEntries(
    made.map(({ x }) => {
      const data = Float32Array.from({ length: x.shape[2] * x.shape[3] }, (_, k) => Math.sin(3 * k + 1));
      return [x.name, tensor('float32', x.shape, data)];
    }),
  );
  const found = await session.run(feeds);
  await session.release();
  return made.flatMap(({ x, y, axes }, i) => {
    const what = `${x.shape.slice(2)} → ${y.shape.slice(2)}`;
    const real = found[`y${i}`];
    if (!sameShape(real.shape, y.shape)) return [`${what}: the engine gives ${real.shape.slice(2)}`];
    const copied = sameShape(x.shape, y.shape);
    const [rows, columns] = [0, 1].map((at) => {
      const { inputs, outputs: length, scale } = axes[2 + at];
      return resamplingMatrix(inputs, length, {
        mode,
        coordinates: copied ? 'asymmetric' : coordinates,
        ...variant,
        scale: copied ? 1 : scale,
        ...(cropped && { region: [region.starts[at], region.ends[at]] as const }),
      });
    });
    const [, , height, width] = y.shape;
    const [, , inputHeight, inputWidth] = x.shape;
    let worst = 0;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let sum = 0;
        for (let a = 0; a < inputHeight; a++) {
          for (let b = 0; b < inputWidth; b++) {
            sum +=
              rows[row * inputHeight + a] * columns[column * inputWidth + b] * feeds[x.name].data[a * inputWidth + b];
          }
        }
        worst = Math.max(worst, Math.abs(sum - Number(real.data[row * width + column])));
      }
    }
    return worst < 1e-4 ? [] : [`${what}: off by ${worst.toFixed(2)}`];
  });
}

describe('matrices are those the engine applies', () => {
  const combinations = modes.flatMap((mode) =>
    coordinateModes.flatMap((coordinates) => {
      const variants: Variant[] = [{}];
      if (mode === 'cubic') variants.push({ excludeOutside: true }, { cubicCoefficient: -0.5 });
      if (coordinates === 'half_pixel' || coordinates === 'align_corners') {
        variants.push({ policy: 'not_larger' }, { policy: 'not_smaller' });
        if (mode === 'linear' || mode === 'cubic') variants.push({ antialias: true });
        if (mode === 'cubic') variants.push({ antialias: true, excludeOutside: true });
      }
      return variants.map((variant) => [mode, coordinates, variant] as const);
    }),
  );
  it.each(combinations)('%s, %s, %o', async (mode, coordinates, variant) => {
    expect(await differences(mode, coordinates, variant)).toEqual([]);
  });
});

it('sizes that follow from scales are those the engine gives, and an axis of the same size is copied', async () => {
  const scales = [1.1, 1.3, 1.7, 2.2, 3.3, 0.1, 0.3, 0.6, 0.7, 0.9];
  const lengths = [1, 3, 5, 10, 20, 30, 40, 57, 80];
  const graph = createGraph('sizes');
  const made = scales.flatMap((scale, i) =>
    lengths.flatMap((length, k) => {
      const x = constant(graph, float32([1, 1, length, 1], new Float32Array(length)));
      const given = constant(graph, float32([4], [1, 1, scale, 1]));
      const [y] = addNode(graph, 'Resize', [x, undefined, given], { mode: string('linear') });
      return y.shape[2] > 0 ? [{ name: `y${i}_${k}`, y }] : [];
    }),
  );
  const model = exportModel(graph, Object.fromEntries(made.map(({ name, y }) => [name, y])));
  const open = model.graph.outputs.map((output) => ({
    ...output,
    type: { dtype: 'float32' as const, shape: [1, 1, null, 1] },
  }));
  const session = await createSession(writeModel({ ...model, graph: { ...model.graph, outputs: open } }), {
    threads: 1,
  });
  const found = await session.run({});
  await session.release();
  const sizes = (of: (name: string, y: Value) => number) => made.map(({ name, y }) => [name, of(name, y)]);
  expect(sizes((_, y) => y.shape[2])).toEqual(sizes((name) => found[name].shape[2]));
  expect(interpolationMatrix(3, 3, 'half_pixel', 'linear', 1.2)).toEqual(Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
});
