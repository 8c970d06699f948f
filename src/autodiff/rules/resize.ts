// The gradient of resizing: linear along each axis, so it goes back through the transposed matrices.
import { SteadysegError } from '../../base/errors.js';
import { constant, type GradientRule, type GradientSite, type Value } from '../../onnx/graph.js';
import { resizedAxes } from '../../onnx/inference/sampling.js';
import { matMul, reshape } from '../../onnx/ops.js';
import {
  type InterpolationMode,
  isCoordinateMode,
  isNearestMode,
  type Resampling,
  resamplingMatrix,
  transposedMatrix,
} from '../../tensor/interpolation.js';
import { elementCount, numbersOf, sameShape, tensor } from '../../tensor/tensor.js';

function interpolationMode(site: GradientSite): InterpolationMode {
  const mode = site.string('mode', 'nearest');
  if (mode === 'linear' || mode === 'cubic') return mode;
  const nearest = site.string('nearest_mode', 'round_prefer_floor');
  if (mode === 'nearest' && isNearestMode(nearest)) return nearest;
  throw new SteadysegError(`the mode ${mode} (${nearest}) has no gradient`);
}

/** What a resize does along each axis, besides its scale. */
function resamplingOf(site: GradientSite): (axis: number) => Resampling {
  const coordinates = site.string('coordinate_transformation_mode', 'half_pixel');
  if (!isCoordinateMode(coordinates)) {
    throw new SteadysegError(`the coordinate transformation mode ${coordinates} has no gradient`);
  }
  const how: Resampling = {
    coordinates,
    mode: interpolationMode(site),
    cubicCoefficient: site.number('cubic_coeff_a', -0.75),
    excludeOutside: site.number('exclude_outside', 0) === 1,
    antialias: site.number('antialias', 0) === 1,
  };
  if (coordinates !== 'tf_crop_and_resize') return () => how;
  const rank = site.input(0).shape.length;
  const axes = site.numbers('axes', [...Array(rank).keys()]).map((axis) => (axis + rank) % rank);
  const region = site.node.inputs[1]?.constant;
  if (!region) throw new SteadysegError('the region of interest is no constant');
  const bounds = numbersOf(region);
  return (axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? how : { ...how, region: [bounds[at], bounds[axes.length + at]] };
  };
}

/** The product of `matrix` (rows × the axis' length) with every line of `x` along an axis. */
function alongAxis(x: Value, axis: number, matrix: Float32Array<ArrayBuffer>, rows: number): Value {
  const length = x.shape[axis];
  const shape = x.shape.map((size, other) => (other === axis ? rows : size));
  if (axis === x.shape.length - 1) {
    const turned = tensor('float32', [length, rows], transposedMatrix(matrix, rows, length));
    return matMul(x, constant(x.graph, turned));
  }
  const lines = [elementCount(x.shape.slice(0, axis)), length, elementCount(x.shape.slice(axis + 1))];
  return reshape(matMul(constant(x.graph, tensor('float32', [rows, length], matrix)), reshape(x, lines)), shape);
}

const resizeRule: GradientRule = (site) => {
  const x = site.input(0);
  const gradient = site.full(0);
  if (!gradient) return [];
  // Where no size changes, the engine copies, whatever the scales.
  if (sameShape(x.shape, gradient.shape)) return [gradient];
  const resampling = resamplingOf(site);
  const axes = resizedAxes({ ...site.node, outputCount: 1 });
  const whole = (axis: number) => axes[axis].scale === 1 && axes[axis].inputs === axes[axis].outputs;
  return [
    axes.reduceRight((back, { inputs, outputs, scale }, axis) => {
      const how = resampling(axis);
      if (whole(axis) && !how.region) return back;
      const matrix = resamplingMatrix(inputs, outputs, { ...how, scale });
      return alongAxis(back, axis, transposedMatrix(matrix, outputs, inputs), inputs);
    }, gradient),
  ];
};

export const resizeRules: Readonly<Record<string, GradientRule>> = { Resize: resizeRule };
