// The gradient of sampling at given positions: to the pixels around each sample, and to the positions.

import { SteadysegError } from '../../base/errors.js';
import { lookUp } from '../../base/lookUp.js';
import type { GradientRule, GradientSite, Value } from '../../onnx/graph.js';
import {
  add,
  after,
  cast,
  clip,
  concat,
  equal,
  expand,
  filled,
  floor,
  gatherElements,
  greater,
  less,
  min,
  mul,
  reduceSum,
  reshape,
  round,
  scatterElements,
  slice,
  sub,
  transpose,
  where,
} from '../../onnx/ops.js';

/** Weights of the pixels around a position, as polynomials of how far it is past the pixel below: coefficients, the lowest first. */
interface Kernel {
  /** The first of the pixels, counted from the one below. */
  readonly first: number;
  readonly weights: readonly (readonly number[])[];
}

/** Keys' kernel with this coefficient. */
const swing = -0.75;
const kernels: Readonly<Record<string, Kernel>> = {
  nearest: { first: 0, weights: [[1]] },
  linear: {
    first: 0,
    weights: [
      [1, -1],
      [0, 1],
    ],
  },
  cubic: {
    first: -1,
    weights: [
      [0, swing, -2 * swing, swing],
      [1, 0, -(swing + 3), swing + 2],
      [0, -swing, 2 * swing + 3, -(swing + 2)],
      [0, 0, swing, -swing],
    ],
  },
};
/** Names that other operator sets give these. */
const otherNames: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };

/** Σ coefficientₖ·tᵏ; a number where it does not hang on t. */
function polynomial(t: Value, coefficients: readonly number[]): Value | number {
  return coefficients
    .slice(0, -1)
    .reduceRight<Value | number>((sum, coefficient) => plus(times(sum, t), coefficient), coefficients.at(-1) ?? 0);
}
const times = (factor: Value | number, t: Value) => (factor === 1 ? t : factor === 0 ? 0 : mul(factor, t));
const plus = (a: Value | number, b: number) => (typeof a === 'number' ? a + b : b === 0 ? a : add(a, b));

const derivative = (coefficients: readonly number[]) =>
  coefficients.slice(1).map((value, power) => value * (power + 1));

const truth = (condition: Value) => cast(condition, 'float32');

/** One of the pixels along an axis that a sample is made of. */
interface Tap {
  readonly at: Value;
  readonly weight: Value | number;
  /** How the weight changes with the normalised position. */
  readonly slope: Value | number;
}

interface Axis {
  readonly size: number;
  readonly taps: readonly Tap[];
}

function axisOf(site: GradientSite, normalized: Value, size: number): Axis {
  const given = site.string('mode', 'linear');
  const mode = lookUp(otherNames, given) ?? given;
  const padding = site.string('padding_mode', 'zeros');
  const kernel = lookUp(kernels, mode);
  if (!kernel) throw new SteadysegError(`the mode ${given} has no gradient`);
  const corners = site.number('align_corners', 0) === 1;
  const stretch = corners ? (size - 1) / 2 : size / 2;
  const position = corners ? mul(add(normalized, 1), stretch) : sub(mul(add(normalized, 1), stretch), 0.5);
  const [lowest, range] = corners ? [0, size - 1] : [-0.5, size];
  /** A position beyond the edge, mirrored back, and whether it then moves the other way. */
  const mirrored = (at: Value): { at: Value; direction: Value } => {
    const turns = mul(sub(at, lowest), 1 / Math.max(range, 1));
    const within = sub(turns, mul(floor(mul(turns, 0.5)), 2));
    const direction = where(less(within, 1), 1, filled(at.graph, [], -1));
    return { at: add(mul(min(within, sub(2, within)), range), lowest), direction };
  };
  const clipped = (at: Value) => clip(at, 0, size - 1);
  let inside = position;
  let slope: Value | number = stretch;
  // A cubic kernel moves on beyond the edge, where its pixels are those of the edge; the others stop there.
  if (padding !== 'zeros' && mode !== 'cubic') {
    if (padding === 'reflection') {
      const back = mirrored(position);
      inside = back.at;
      slope = mul(back.direction, stretch);
    }
    slope = mul(truth(greater(mul(inside, sub(size - 1, inside)), 0)), slope);
    inside = clipped(inside);
  }
  if (mode === 'nearest') inside = round(inside);
  const low = floor(inside);
  const fraction = sub(inside, low);
  const taps = kernel.weights.map((coefficients, i): Tap => {
    let at = add(low, kernel.first + i);
    if (mode === 'cubic' && padding === 'reflection') at = round(mirrored(at).at);
    const weight = polynomial(fraction, coefficients);
    const change = polynomial(fraction, derivative(coefficients));
    const moved = typeof slope === 'number' && typeof change === 'number' ? change * slope : product(change, slope);
    if (padding !== 'zeros') return { at: clipped(at), weight, slope: moved };
    const seen = truth(equal(at, clipped(at)));
    return { at: clipped(at), weight: product(weight, seen), slope: product(moved, seen) };
  });
  return { size, taps };
}

function product(a: Value | number, b: Value | number): Value | number {
  if (typeof a === 'number') return typeof b === 'number' ? a * b : times(a, b);
  return typeof b === 'number' ? times(b, a) : mul(a, b);
}

/** N×C×H×W sampled at N×h×w×2 positions (x, y) in -1..1. */
const gridSampleRule: GradientRule = (site) => {
  const [x, grid] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const [batch, channels, height, width] = x.shape;
  const points = grid.shape[1] * grid.shape[2];
  const along = (axis: number, size: number) =>
    axisOf(site, reshape(slice(grid, [3], [axis], [axis + 1]), [batch, 1, points]), size);
  const [rows, columns] = [along(1, height), along(0, width)];
  const flat = reshape(gradient, [batch, channels, points]);
  const pixels = reshape(x, [batch, channels, height * width]);
  let toPixels = filled(x.graph, [batch, channels, height * width], 0);
  let toRows: Value | undefined;
  let toColumns: Value | undefined;
  const plusProduct = (sum: Value | undefined, a: Value | number, b: Value): Value | undefined => {
    if (a === 0) return sum;
    const part = times(a, b);
    return typeof part === 'number' ? sum : sum ? add(sum, part) : part;
  };
  for (const row of rows.taps) {
    for (const column of columns.taps) {
      const index = cast(add(mul(row.at, width), column.at), 'int32');
      if (site.wants(0)) {
        // One pixel after the other: all at once would take many times the memory of the samples.
        const weight = product(row.weight, column.weight);
        const indices = expand(after(index, toPixels), [batch, channels, points]);
        const part = typeof weight === 'number' ? times(weight, flat) : mul(flat, after(weight, toPixels));
        if (typeof part !== 'number') toPixels = scatterElements(toPixels, indices, part, 2, 'add');
      }
      if (site.wants(1)) {
        const seen = gatherElements(pixels, expand(index, [batch, channels, points]), 2);
        const change = reduceSum(mul(flat, seen), [1]);
        toRows = plusProduct(toRows, product(row.slope, column.weight), change);
        toColumns = plusProduct(toColumns, product(row.weight, column.slope), change);
      }
    }
  }
  const none = () => filled(x.graph, [batch, 1, points], 0);
  return [
    site.wants(0) ? reshape(toPixels, x.shape) : undefined,
    site.wants(1)
      ? reshape(transpose(concat([toColumns ?? none(), toRows ?? none()], 1), [0, 2, 1]), grid.shape)
      : undefined,
  ];
};

export const gridSampleRules: Readonly<Record<string, GradientRule>> = { GridSample: gridSampleRule };
