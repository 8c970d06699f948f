// Gradients of convolutions: input gradients are convolutions with turned weights, weight gradients one matrix product a tap.

import { SteadysegError } from '../../base/errors.js';
import type { Value } from '../../onnx/graph.js';
import { windowOf } from '../../onnx/inference/convolution.js';
import { concat, conv, convTranspose, matMul, mul, pad, reduceSum, reshape, slice, transpose } from '../../onnx/ops.js';
import type { GradientRule, GradientSite } from '../rule.js';

/** Geometry of a two-dimensional convolution. */
interface Geometry {
  readonly kernel: readonly [number, number];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly group: number;
}

function geometryOf(site: GradientSite, weight: Value, spatial: readonly number[]): Geometry {
  const [, , ...kernel] = weight.shape;
  if (kernel.length !== 2)
    throw new SteadysegError(`only two-dimensional convolutions have a gradient, found ${kernel.length}`);
  const { node } = site;
  const window = windowOf({ ...node, outputCount: node.outputs.length }, kernel, spatial);
  return { ...window, kernel: [kernel[0], kernel[1]], group: site.number('group', 1) };
}

/** Weights of the convolution that carries gradients back: taps reversed, input and output channels of each group swapped. */
function turnedWeights(weight: Value, group: number): Value {
  const [outputs, inputs, height, width] = weight.shape;
  const taps = height * width;
  const grouped = reshape(weight, [group, outputs / group, inputs, taps]);
  const swapped = transpose(grouped, [0, 2, 1, 3]);
  const last = Number.MIN_SAFE_INTEGER;
  const reversed = taps === 1 ? swapped : slice(swapped, [3], [taps - 1], [last], [-1]);
  return reshape(reversed, [group * inputs, outputs / group, height, width]);
}

/** ∂loss/∂x of y = conv(x, weight). */
function inputGradient(gradient: Value, weight: Value, x: Value, geometry: Geometry): Value {
  const { kernel, strides, dilations, pads, group } = geometry;
  const [height, width] = x.shape.slice(2);
  const reach = kernel.map((size, axis) => dilations[axis] * (size - 1));
  if (strides.every((stride) => stride === 1)) {
    // The gradient, padded so that every input position sees all outputs it fed.
    const before = reach.map((size, axis) => size - pads[axis]);
    const after = reach.map((size, axis) => size - pads[2 + axis]);
    return padded(gradient, [...before, ...after], (value, rest) =>
      conv(value, turnedWeights(weight, group), undefined, { pads: rest, dilations, group }),
    );
  }
  const covered = [0, 1].map(
    (axis) => (gradient.shape[2 + axis] - 1) * strides[axis] + reach[axis] + 1 - pads[axis] - pads[2 + axis],
  );
  const outputPadding = [height - covered[0], width - covered[1]];
  return convTranspose(gradient, weight, undefined, { strides, dilations, pads, group, outputPadding });
}

/** Runs `convolve` with the paddings a convolution can take, cutting the value first where they are negative. */
function padded(
  value: Value,
  pads: readonly number[],
  convolve: (value: Value, pads: readonly number[]) => Value,
): Value {
  const cut = pads.map((size) => Math.max(0, -size));
  const rest = pads.map((size) => Math.max(0, size));
  if (cut.every((size) => size === 0)) return convolve(value, rest);
  const [height, width] = value.shape.slice(2);
  return convolve(slice(value, [2, 3], [cut[0], cut[1]], [height - cut[2], width - cut[3]]), rest);
}

/** ∂loss/∂weight of y = conv(x, weight), given ∂loss/∂y: shape O×(C/group)×kh×kw. */
function weightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
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

/** The part of padded x (N×H×W×C or N×C×H×W) that tap (row, column) multiplied, aligned with the output. */
function tapOf(
  x: Value,
  gradientSize: readonly number[],
  row: number,
  column: number,
  geometry: Geometry,
  axes: [number, number],
): Value {
  const { strides, dilations } = geometry;
  const starts = [row * dilations[0], column * dilations[1]];
  const ends = starts.map((start, axis) => start + (gradientSize[axis] - 1) * strides[axis] + 1);
  const whole = starts.every((start, axis) => start === 0 && ends[axis] === x.shape[axes[axis]] && strides[axis] === 1);
  return whole ? x : slice(x, axes, starts, ends, strides);
}

function taps(geometry: Geometry): [number, number][] {
  const [height, width] = geometry.kernel;
  return Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);
}

/** Below this many input channels all taps of a weight gradient are computed in one product. */
const fewChannels = 16;

function denseWeightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
  const [batch, channels] = x.shape;
  const [, outputs, height, width] = gradient.shape;
  const [top, left, bottom, right] = geometry.pads;
  const positions = batch * height * width;
  // Channels last: a tap is then a matrix of positions × channels.
  const last = transpose(x, [0, 2, 3, 1]);
  const lastPadded = geometry.pads.some((size) => size !== 0)
    ? pad(last, [0, top, left, 0, 0, bottom, right, 0])
    : last;
  const rows = reshape(transpose(gradient, [1, 0, 2, 3]), [outputs, positions]);
  const [kernelHeight, kernelWidth] = geometry.kernel;
  const tapsOfInput = taps(geometry).map(([row, column]) =>
    tapOf(lastPadded, [height, width], row, column, geometry, [1, 2]),
  );
  if (channels < fewChannels) {
    // Columns as narrow as these leave a matrix product idle: all taps make one wide matrix.
    const wide = reshape(concat(tapsOfInput, 3), [positions, tapsOfInput.length * channels]);
    const product = reshape(matMul(rows, wide), [outputs, tapsOfInput.length, channels]);
    return reshape(transpose(product, [0, 2, 1]), [outputs, channels, kernelHeight, kernelWidth]);
  }
  const perTap = tapsOfInput.map((tap) => matMul(rows, reshape(tap, [positions, channels])));
  if (perTap.length === 1) return reshape(perTap[0], [outputs, channels, 1, 1]);
  const stacked = concat(
    perTap.map((value) => reshape(value, [outputs, channels, 1])),
    2,
  );
  return reshape(stacked, [outputs, channels, kernelHeight, kernelWidth]);
}

function depthwiseWeightGradient(x: Value, gradient: Value, geometry: Geometry): Value {
  const channels = x.shape[1];
  const [top, left, bottom, right] = geometry.pads;
  const size = gradient.shape.slice(2);
  const wide = geometry.pads.some((amount) => amount !== 0) ? pad(x, [0, 0, top, left, 0, 0, bottom, right]) : x;
  const perTap = taps(geometry).map(([row, column]) => {
    const product = mul(tapOf(wide, size, row, column, geometry, [2, 3]), gradient);
    return reshape(reduceSum(product, [0, 2, 3]), [channels, 1, 1]);
  });
  return reshape(concat(perTap, 2), [channels, 1, ...geometry.kernel]);
}

const convRule: GradientRule = (site) => {
  const [x, weight] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const geometry = geometryOf(site, weight, x.shape.slice(2));
  return [
    site.wants(0) ? inputGradient(gradient, weight, x, geometry) : undefined,
    site.wants(1) ? weightGradient(x, gradient, geometry) : undefined,
    site.wants(2) ? reduceSum(gradient, [0, 2, 3], false) : undefined,
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
  const pads = geometry.pads.map((size, side) => {
    if (side < 2) return size;
    const axis = side - 2;
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
    site.wants(2) ? reduceSum(gradient, [0, 2, 3], false) : undefined,
  ];
};

function weightGradientOfTransposed(x: Value, gradient: Value, geometry: Geometry): Value {
  const { pads } = geometry;
  const cut = pads.map((size) => Math.max(0, -size));
  const [height, width] = gradient.shape.slice(2);
  const seen = cut.some((size) => size > 0)
    ? slice(gradient, [2, 3], [cut[0], cut[1]], [height - cut[2], width - cut[3]])
    : gradient;
  return weightGradient(seen, x, { ...geometry, pads: pads.map((size) => Math.max(0, size)) });
}

export const convolutionRules: Readonly<Record<string, GradientRule>> = {
  Conv: convRule,
  ConvTranspose: convTransposeRule,
};
