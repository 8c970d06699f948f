// Gradients of convolutions: input gradients are convolutions with turned weights, weight gradients a matrix product of every tap.

import { constant, type GradientRule, type GradientSite, type Graph, type Value } from '../../onnx/graph.js';
import { windowOf } from '../../onnx/inference/convolution.js';
import {
  cast,
  concat,
  conv,
  convTranspose,
  filled,
  gather,
  matMul,
  mul,
  pad,
  reduceSum,
  reshape,
  slice,
  transpose,
} from '../../onnx/ops.js';
import { elementCount, tensor } from '../../tensor/tensor.js';
import { widened } from '../rule.js';

/** Geometry of a convolution over any number of spatial axes. */
interface Geometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
  readonly group: number;
}

function geometryOf(site: GradientSite, weight: Value, spatial: readonly number[]): Geometry {
  const { node } = site;
  const window = windowOf({ ...node, outputCount: node.outputs.length }, weight.shape.slice(2), spatial);
  return { ...window, group: site.number('group', 1) };
}

/** The spatial axes of N×C×…. */
const spatialAxes = (value: Value) => value.shape.slice(2).map((_, axis) => axis + 2);

/** The sum over everything but the channels. */
function sumOfChannels(gradient: Value): Value {
  return cast(reduceSum(widened(gradient), [0, ...spatialAxes(gradient)], false), gradient.dtype);
}

/** Weights of the convolution that carries gradients back: taps reversed, input and output channels of each group swapped. */
function turnedWeights(weight: Value, group: number): Value {
  const [outputs, inputs, ...kernel] = weight.shape;
  const taps = elementCount(kernel);
  const grouped = reshape(weight, [group, outputs / group, inputs, taps]);
  const swapped = transpose(grouped, [0, 2, 1, 3]);
  const last = Number.MIN_SAFE_INTEGER;
  const reversed = taps === 1 ? swapped : slice(swapped, [3], [taps - 1], [last], [-1]);
  return reshape(reversed, [group * inputs, outputs / group, ...kernel]);
}

/** ∂loss/∂x of y = conv(x, weight). */
function inputGradient(gradient: Value, weight: Value, x: Value, geometry: Geometry): Value {
  const { kernel, strides, dilations, pads, group } = geometry;
  const spatial = x.shape.slice(2);
  const axes = spatial.length;
  const reach = kernel.map((size, axis) => dilations[axis] * (size - 1));
  if (strides.every((stride) => stride === 1)) {
    // The gradient, padded so that every input position sees all outputs it fed.
    const before = reach.map((size, axis) => size - pads[axis]);
    const after = reach.map((size, axis) => size - pads[axes + axis]);
    return padded(gradient, [...before, ...after], (value, rest) =>
      conv(value, turnedWeights(weight, group), undefined, { pads: rest, dilations, group }),
    );
  }
  const outputPadding = spatial.map((size, axis) => {
    const reached = (gradient.shape[2 + axis] - 1) * strides[axis] + reach[axis] + 1;
    return size - (reached - pads[axis] - pads[axes + axis]);
  });
  return convTranspose(gradient, weight, undefined, { strides, dilations, pads, group, outputPadding });
}

/** Runs `convolve` with the paddings a convolution can take, cutting the value first where they are negative. */
function padded(
  value: Value,
  pads: readonly number[],
  convolve: (value: Value, pads: readonly number[]) => Value,
): Value {
  const rest = pads.map((size) => Math.max(0, size));
  return convolve(cutBy(value, pads), rest);
}

/** The value without what negative pads cut away. */
function cutBy(value: Value, pads: readonly number[]): Value {
  const cut = pads.map((size) => Math.max(0, -size));
  if (cut.every((size) => size === 0)) return value;
  const spatial = value.shape.slice(2);
  const ends = spatial.map((size, axis) => size - cut[spatial.length + axis]);
  return slice(value, spatialAxes(value), cut.slice(0, spatial.length), ends);
}

/** ∂loss/∂weight of y = conv(x, weight), given ∂loss/∂y: shape O×(C/group)×kernel. */
function weightGradient(from: Value, into: Value, geometry: Geometry): Value {
  const [x, gradient] = [widened(from), widened(into)];
  return cast(float32WeightGradient(x, gradient, geometry), from.dtype);
}

function float32WeightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
  const { group } = geometry;
  const channels = x.shape[1];
  const outputs = gradient.shape[1];
  if (group === 1) return denseWeightGradient(x, gradient, geometry);
  if (group === channels && group === outputs) return depthwiseWeightGradient(x, gradient, geometry);
  const part = (value: Value, index: number) => {
    const size = value.shape[1] / group;
    return slice(value, [1], [index * size], [(index + 1) * size]);
  };
  const parts = Array.from({ length: group }, (_, i) =>
    denseWeightGradient(part(x, i), part(gradient, i), { ...geometry, group: 1 }),
  );
  return concat(parts, 0);
}

/** The part of padded x that a tap multiplied, aligned with the output; `first` is the first spatial axis. */
function tapOf(
  x: Value,
  gradientSize: readonly number[],
  tap: readonly number[],
  geometry: Geometry,
  first: number,
): Value {
  const { strides, dilations } = geometry;
  const axes = tap.map((_, axis) => first + axis);
  const starts = tap.map((step, axis) => step * dilations[axis]);
  const ends = starts.map((start, axis) => start + (gradientSize[axis] - 1) * strides[axis] + 1);
  const whole = starts.every((start, axis) => start === 0 && ends[axis] === x.shape[axes[axis]] && strides[axis] === 1);
  return whole ? x : slice(x, axes, starts, ends, strides);
}

/** The taps of the kernel, in the order of its elements. */
function taps(geometry: Geometry): number[][] {
  return geometry.kernel.reduce<number[][]>(
    (list, size) => list.flatMap((tap) => Array.from({ length: size }, (_, step) => [...tap, step])),
    [[]],
  );
}

/** Up to so many input channels, as colours are, all taps of a weight gradient are computed in one product. */
const fewChannels = 4;

function denseWeightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
  const [batch, channels] = x.shape;
  const [, outputs, ...size] = gradient.shape;
  const axes = size.length;
  const positions = batch * elementCount(size);
  const { kernel, pads } = geometry;
  const count = elementCount(kernel);
  const ofOutputs = () => (batch === 1 ? gradient : transpose(gradient, [1, 0, ...spatialAxes(gradient)]));
  const rows = () => reshape(ofOutputs(), [outputs, positions]);
  const ofTaps = (perTap: Value) => reshape(transpose(perTap, [1, 2, 0]), [outputs, channels, ...kernel]);
  const gathers = count > 1 && channels > fewChannels && channels <= outputs;
  if (gathers && count * positions * channels <= mostGathered) {
    const gathered = gather(positionRows(x), rowsOfTaps(x, size, geometry), 0);
    return ofTaps(matMul(rows(), gathered));
  }
  const left = rows();
  // Channels last: a tap is then a matrix of positions × channels.
  const last = transpose(x, [0, ...spatialAxes(x), 1]);
  const lastPadded = pads.some((amount) => amount !== 0)
    ? pad(last, [0, ...pads.slice(0, axes), 0, 0, ...pads.slice(axes), 0])
    : last;
  const tapsOfInput = taps(geometry).map((tap) => tapOf(lastPadded, size, tap, geometry, 1));
  if (channels <= fewChannels && count > 1) {
    // Columns as narrow as these leave a matrix product idle: all taps make one wide matrix.
    const wide = reshape(concat(tapsOfInput, axes + 1), [positions, count * channels]);
    const product = reshape(matMul(left, wide), [outputs, count, channels]);
    return reshape(transpose(product, [0, 2, 1]), [outputs, channels, ...kernel]);
  }
  const perTap = tapsOfInput.map((tap) => matMul(left, reshape(tap, [positions, channels])));
  if (count === 1) return reshape(perTap[0], [outputs, channels, ...kernel]);
  const stacked = perTap.map((value) => reshape(value, [1, outputs, channels]));
  return ofTaps(concat(stacked, 0));
}

/**
 * Up to so many values are gathered at once: threads then share the products, one a tap, and nothing is sliced. Of a product with
 * more columns than rows they share the columns as it is.
 */
const mostGathered = 2 ** 23;

/** The channels of every position of x, a row each, then a row of zeros for what lies in the padding. */
function positionRows(x: Value): Value {
  const known = rowsOfValues.get(x);
  if (known) return known;
  const channels = x.shape[1];
  const rows = reshape(transpose(x, [0, ...spatialAxes(x), 1]), [elementCount(x.shape) / channels, channels]);
  const found = concat([rows, filled(x.graph, [1, channels], 0, x.dtype)], 0);
  rowsOfValues.set(x, found);
  return found;
}

/** Once for all convolutions of a value, as dilated ones side by side. */
const rowsOfValues = new WeakMap<Value, Value>();

/** Taps × positions: which of the rows of x's positions each tap multiplied. */
function rowsOfTaps(x: Value, size: readonly number[], geometry: Geometry): Value {
  const { graph, shape } = x;
  const { strides, dilations, pads } = geometry;
  const [batch, , ...spatial] = shape;
  const key = JSON.stringify([batch, spatial, size, geometry]);
  const tables = tablesOfGraphs.get(graph) ?? new Map<string, Value>();
  tablesOfGraphs.set(graph, tables);
  const known = tables.get(key);
  if (known) return known;
  const outside = batch * elementCount(spatial);
  const rowsOf = (tap: readonly number[]) =>
    size.reduce(
      (rows, length, axis) =>
        rows.flatMap((row) =>
          Array.from({ length }, (_, at) => {
            const place = at * strides[axis] + tap[axis] * dilations[axis] - pads[axis];
            const inside = row !== outside && place >= 0 && place < spatial[axis];
            return inside ? row * spatial[axis] + place : outside;
          }),
        ),
      Array.from({ length: batch }, (_, sample) => sample),
    );
  const rows = taps(geometry).map(rowsOf);
  const found = constant(graph, tensor('int32', [rows.length, rows[0].length], Int32Array.from(rows.flat())));
  tables.set(key, found);
  return found;
}

/** One table for all convolutions of a shape. */
const tablesOfGraphs = new WeakMap<Graph, Map<string, Value>>();

function depthwiseWeightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
  const channels = x.shape[1];
  const { kernel, pads, strides } = geometry;
  if (strides.some((stride) => stride !== 1)) return stridedDepthwiseWeightGradient(x, gradient, geometry);
  const size = gradient.shape.slice(2);
  const axes = size.length;
  const wide = pads.some((amount) => amount !== 0)
    ? pad(x, [0, 0, ...pads.slice(0, axes), 0, 0, ...pads.slice(axes)])
    : x;
  const perTap = taps(geometry).map((tap) => {
    const product = mul(tapOf(wide, size, tap, geometry, 2), gradient);
    return reshape(sumOfChannels(product), [channels, 1, 1]);
  });
  return reshape(concat(perTap, 2), [channels, 1, ...kernel]);
}

/**
 * As a convolution of x with the gradient, each channel of each sample by itself, in which strides and dilations swap roles:
 * strided slices for the taps take more than twice the time.
 */
function stridedDepthwiseWeightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
  const [batch, channels, ...size] = x.shape;
  const { kernel, strides, dilations, pads } = geometry;
  const axes = size.length;
  const window = gradient.shape.slice(2);
  // The end of the padding that makes as many places as there are taps; negative where the last rows fed no output.
  const after = size.map((length, axis) => {
    const reach = dilations[axis] * (kernel[axis] - 1) + strides[axis] * (window[axis] - 1) + 1;
    return reach - length - pads[axis];
  });
  const maps = batch * channels;
  const samples = reshape(x, [1, maps, ...size]);
  const perSample = padded(samples, [...pads.slice(0, axes), ...after], (value, rest) =>
    conv(value, reshape(gradient, [maps, 1, ...window]), undefined, {
      strides: dilations,
      dilations: strides,
      pads: rest,
      group: maps,
    }),
  );
  const sum = reduceSum(reshape(perSample, [batch, channels, ...kernel]), [0], false);
  return reshape(sum, [channels, 1, ...kernel]);
}

const convRule: GradientRule = (site) => {
  const [x, weight] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const geometry = geometryOf(site, weight, x.shape.slice(2));
  return [
    site.wants(0) ? inputGradient(gradient, weight, x, geometry) : undefined,
    site.wants(1) ? weightGradient(x, gradient, geometry) : undefined,
    site.wants(2) ? sumOfChannels(gradient) : undefined,
  ];
};

/** A transposed convolution is the input gradient of a convolution, so the roles of input and output swap. */
const convTransposeRule: GradientRule = (site) => {
  const [x, weight] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const geometry = geometryOf(site, weight, x.shape.slice(2));
  const { strides, dilations, group } = geometry;
  // Output padding means rows and columns that no input fed: the convolution back must not see beyond them.
  const axes = x.shape.length - 2;
  const pads = geometry.pads.map((size, side) => {
    if (side < axes) return size;
    const axis = side - axes;
    const reach = dilations[axis] * (geometry.kernel[axis] - 1) + 1;
    return (x.shape[2 + axis] - 1) * strides[axis] + reach - geometry.pads[axis] - gradient.shape[2 + axis];
  });
  const exact = { ...geometry, pads };
  return [
    site.wants(0)
      ? padded(gradient, pads, (value, rest) =>
          conv(value, weight, undefined, { strides, dilations, pads: rest, group }),
        )
      : undefined,
    site.wants(1) ? weightGradientOfTransposed(x, gradient, exact) : undefined,
    site.wants(2) ? sumOfChannels(gradient) : undefined,
  ];
};

function weightGradientOfTransposed(x: Value, gradient: Value, geometry: Geometry): Value {
  const pads = geometry.pads.map((size) => Math.max(0, size));
  return weightGradient(cutBy(gradient, geometry.pads), x, { ...geometry, pads });
}

export const convolutionRules: Readonly<Record<string, GradientRule>> = {
  Conv: convRule,
  ConvTranspose: convTransposeRule,
};
