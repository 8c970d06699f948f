// Gradients of resampling.
import { SteadysegError } from '../../base/errors.js';
import { constant, type Value } from '../../onnx/graph.js';
import {
  add,
  after,
  and,
  cast,
  clip,
  expand,
  filled,
  floor,
  greaterOrEqual,
  lessOrEqual,
  matMul,
  mul,
  reshape,
  scatterElements,
  slice,
  sub,
} from '../../onnx/ops.js';
import {
  type InterpolationMode,
  interpolationMatrix,
  isCoordinateMode,
  transposedMatrix,
} from '../../tensor/interpolation.js';
import { sameShape, tensor } from '../../tensor/tensor.js';
import type { GradientRule, GradientSite } from '../rule.js';

const nearestModes: readonly string[] = ['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'];

function interpolationMode(site: GradientSite): InterpolationMode {
  const mode = site.string('mode', 'nearest');
  if (mode === 'linear') return mode;
  const nearest = site.string('nearest_mode', 'round_prefer_floor');
  if (mode === 'nearest' && nearestModes.includes(nearest)) return nearest as InterpolationMode;
  throw new SteadysegError(`the mode ${mode} (${nearest}) has no gradient`);
}

/** Resizing is linear along each axis: the gradient goes back through the transposed matrices. */
const resizeRule: GradientRule = (site) => {
  const x = site.input(0);
  const gradient = site.full(0);
  if (!gradient) return [];
  if (x.shape.length !== 4 || !sameShape(x.shape.slice(0, 2), gradient.shape.slice(0, 2))) {
    throw new SteadysegError('only resizing of height and width has a gradient');
  }
  const coordinates = site.string('coordinate_transformation_mode', 'half_pixel');
  if (!isCoordinateMode(coordinates)) {
    throw new SteadysegError(`the coordinate transformation mode ${coordinates} has no gradient`);
  }
  if (site.number('antialias', 0) === 1) throw new SteadysegError('resizing with antialias has no gradient');
  const scales = site.node.inputs[2]?.constant?.data;
  const axes = site.numbers('axes', [0, 1, 2, 3]).map((axis) => (axis + 4) % 4);
  const mode = interpolationMode(site);
  const matrix = (axis: number) => {
    const [inputs, outputs] = [x.shape[axis], gradient.shape[axis]];
    // What is not among the axes keeps its size.
    const scale = scales?.[axes.indexOf(axis)] ?? outputs / inputs;
    return interpolationMatrix(inputs, outputs, coordinates, mode, Number(scale));
  };
  const [height, width, outputHeight, outputWidth] = [...x.shape.slice(2), ...gradient.shape.slice(2)];
  const byColumn = constant(x.graph, tensor('float32', [outputWidth, width], matrix(3)));
  const byRow = constant(
    x.graph,
    tensor('float32', [height, outputHeight], transposedMatrix(matrix(2), outputHeight, height)),
  );
  return [matMul(byRow, matMul(gradient, byColumn))];
};

/** Bilinear samples give their gradient back to the four pixels around each; the grid counts as a constant. */
const gridSampleRule: GradientRule = (site) => {
  const [x, grid] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  if (site.wants(1)) throw new SteadysegError('the positions are constants to the gradient; detach them');
  const mode = site.string('mode', 'bilinear');
  const padding = site.string('padding_mode', 'zeros');
  if ((mode !== 'bilinear' && mode !== 'linear') || padding === 'reflection') {
    throw new SteadysegError(`mode ${mode} with ${padding} padding has no gradient`);
  }
  const [batch, channels, height, width] = x.shape;
  const points = grid.shape[1] * grid.shape[2];
  const corners = site.number('align_corners', 0) === 1;
  const along = (axis: number, size: number) => {
    const normalized = reshape(slice(grid, [3], [axis], [axis + 1]), [batch, 1, points]);
    const position = corners ? mul(add(normalized, 1), (size - 1) / 2) : sub(mul(add(normalized, 1), size / 2), 0.5);
    const inside = padding === 'border' ? clip(position, 0, size - 1) : position;
    const low = floor(inside);
    const fraction = sub(inside, low);
    return [
      { at: low, weight: sub(1, fraction), size },
      { at: add(low, 1), weight: fraction, size },
    ];
  };
  const visible = (at: Value, size: number) => cast(and(greaterOrEqual(at, 0), lessOrEqual(at, size - 1)), 'float32');
  const flat = reshape(gradient, [batch, channels, points]);
  let sum = filled(x.graph, [batch, channels, height * width], 0);
  for (const row of along(1, height)) {
    for (const column of along(0, width)) {
      let weight = mul(row.weight, column.weight);
      if (padding === 'zeros') weight = mul(weight, mul(visible(row.at, height), visible(column.at, width)));
      const index = add(mul(clip(row.at, 0, height - 1), width), clip(column.at, 0, width - 1));
      // One corner after the other: all at once would take many times the memory of the samples.
      const indices = expand(after(cast(index, 'int32'), sum), [batch, channels, points]);
      sum = scatterElements(sum, indices, mul(flat, after(weight, sum)), 2, 'add');
    }
  }
  return [reshape(sum, x.shape)];
};

export const samplingRules: Readonly<Record<string, GradientRule>> = { GridSample: gridSampleRule, Resize: resizeRule };
