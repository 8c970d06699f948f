// Resampling by rules of older operator sets, and grids of positions.
import { float32 } from '../../tensor/tensor.js';
import { addNode, constant, type Value } from '../graph.js';
import { constantNumbers, intAttribute, refuse, stringAttribute } from '../inference/rule.js';
import { type ResizedAxis, resizedAxes } from '../inference/sampling.js';
import { type Attributes, string } from '../model.js';
import { gridSample, integers, matMul, reshape, transpose } from '../ops.js';
import { type Lowering, type LoweringSite, type Lowerings, valueAt } from './site.js';

/**
 * Before opset 11 nearest took the pixel below where a size grows, and the one above where it shrinks. Scales whose product with
 * a size is rounded up to a whole number are given as sizes: parts of the engine that infer shapes do not round.
 */
const resize: Lowering = (site) => {
  const scales = constantNumbers(site, 2) ?? [];
  const crops = stringAttribute(site, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize';
  if (scales.length === 0 || constantNumbers(site, 3)?.length || crops) return undefined;
  if (site.opset < 11 && stringAttribute(site, 'mode', 'nearest') === 'nearest' && scales.some((scale) => scale < 1)) {
    return [nearestOfOldSets(site, scales)];
  }
  const axes = resizedAxes(site);
  const isRounded = ({ inputs, outputs, scale }: ResizedAxis) => Math.floor(inputs * scale) !== outputs;
  const fitsSize = ({ inputs, outputs, scale }: ResizedAxis) => Math.fround(outputs / inputs) === scale;
  if (!axes.some(isRounded) || !axes.filter(isRounded).every(fitsSize)) return undefined;
  const { axes: _, ...attributes } = site.attributes;
  const { graph } = site;
  const sizes = integers(
    graph,
    axes.map((axis) => (fitsSize(axis) ? axis.outputs : axis.inputs)),
  );
  const [resized] = addNode(graph, 'Resize', [valueAt(site, 0), undefined, undefined, sizes], attributes);
  if (axes.every(fitsSize)) return [resized];
  // Axes are resampled one by one in every mode: those that are left follow by their scales.
  const left = axes.map((axis) => (fitsSize(axis) ? 1 : axis.scale));
  return addNode(graph, 'Resize', [resized, undefined, constant(graph, float32([left.length], left))], attributes);
};

function nearestOfOldSets(site: LoweringSite, scales: readonly number[]): Value {
  const resized = (x: Value, factors: readonly number[], rounding: string) => {
    const attributes: Attributes = { ...site.attributes, nearest_mode: string(rounding) };
    const given = constant(site.graph, float32([factors.length], factors));
    return addNode(site.graph, 'Resize', [x, undefined, given], attributes)[0];
  };
  const x = valueAt(site, 0);
  const larger = scales.map((scale) => Math.max(scale, 1));
  const smaller = scales.map((scale) => Math.min(scale, 1));
  return resized(scales.some((scale) => scale > 1) ? resized(x, larger, 'floor') : x, smaller, 'ceil');
}

/** Positions (x, y) in -1..1 of a picture's pixels, moved by N×2×3 matrices. */
const affineGrid: Lowering = (site) => {
  const theta = valueAt(site, 0);
  const size = constantNumbers(site, 1) ?? [];
  if (size.length !== 4) throw refuse(site, 'expected the size of pictures, N×C×H×W');
  const [batch, , height, width] = size;
  const corners = intAttribute(site, 'align_corners', 0) === 1;
  const along = (index: number, length: number) =>
    corners ? (length === 1 ? 0 : (2 * index) / (length - 1) - 1) : (2 * index + 1) / length - 1;
  const positions = Array.from({ length: height * width }, (_, i) => [
    along(i % width, width),
    along(Math.floor(i / width), height),
    1,
  ]).flat();
  const pixels = constant(site.graph, float32([height * width, 3], positions));
  return [reshape(matMul(pixels, transpose(theta, [0, 2, 1])), [batch, height, width, 2])];
};

/** The same operator under ONNX Runtime's own name. */
const microsoftGridSample: Lowering = (site) => {
  const padding = stringAttribute(site, 'padding_mode', 'zeros');
  const mode = stringAttribute(site, 'mode', 'bilinear');
  if (mode !== 'bilinear' || (padding !== 'zeros' && padding !== 'border')) {
    throw refuse(site, `mode ${mode} with ${padding} padding is not supported`);
  }
  const alignCorners = intAttribute(site, 'align_corners', 0) === 1;
  return [gridSample(valueAt(site, 0), valueAt(site, 1), { padding, alignCorners })];
};

export const samplings: Lowerings = { AffineGrid: affineGrid, Resize: resize };

export const microsoftSamplings: Lowerings = { GridSample: microsoftGridSample };
