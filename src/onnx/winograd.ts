// 3×3 convolutions with a quarter of the multiplications: Winograd's F(4×4, 3×3) (Lavin and Gray, CVPR 2016) as plain matrix products.
import { tensor } from '../tensor/tensor.js';
import { constant, type Graph, type Value } from './graph.js';
import { matMul, reshape, transpose } from './ops.js';

/** Outputs a tile yields along an axis, and the inputs it reads. */
const tileOutputs = 4;
const tileInputs = 6;

/**
 * Where the transforms evaluate polynomials, besides infinity. These round half as coarsely as the usual 0, ±1, ±2: the
 * result differs from the direct form by 1.5e-6 of its size.
 */
const points = [0, 0.75, -0.75, 1.5, -1.5];

const product = (factors: readonly number[]) => factors.reduce((result, factor) => result * factor, 1);
const others = (point: number) => points.filter((other) => other !== point);

/** Coefficients, the lowest first, of the polynomial with these roots. */
function polynomial(roots: readonly number[]): number[] {
  let coefficients = [1];
  for (const root of roots) {
    coefficients = [...coefficients, 0].map(
      (_, power) => (coefficients[power - 1] ?? 0) - root * (coefficients[power] ?? 0),
    );
  }
  return coefficients;
}

/** The transforms of Cook and Toom for these points; rows and columns are those of the paper's Bᵀ, G and Aᵀ. */
const inputTransform = [...points.map((point) => [...polynomial(others(point)), 0]), polynomial(points)];
const weightTransform = [
  ...points.map((point) => {
    const scale = product(others(point).map((other) => point - other));
    return [0, 1, 2].map((power) => point ** power / scale);
  }),
  [0, 0, 1],
];
const outputTransform = Array.from({ length: tileOutputs }, (_, power) => [
  ...points.map((point) => point ** power),
  power === tileOutputs - 1 ? 1 : 0,
]);

/** A convolution with zero padding as wide as its dilation, so that the size stays. */
export interface SameConvolution {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly group: number;
}

/** Work of moving a value between layouts, in multiply–adds; measured, as are the bounds below. */
const layoutCost = 60;
/** The transforms pay when they leave less than this share of the direct form's work. */
const worthwhileShare = 0.7;

/** Whether the convolution has this form, and enough channels for the transforms to pay. */
export function suitsWinograd(
  x: Value,
  outputs: number,
  { kernel, strides, pads, dilations, group }: SameConvolution,
): boolean {
  const dilation = dilations[0];
  const same =
    x.shape.length === 4 &&
    kernel.every((size) => size === 3) &&
    strides.every((stride) => stride === 1) &&
    dilations.every((size) => size === dilation) &&
    pads.every((size) => size === dilation);
  if (!same || group !== 1) return false;
  const [, inputs, height, width] = x.shape;
  // Transformed values an original one; tiles that reach beyond the edge are work for nothing.
  const rows = (tileInputs * tilesAlong(height, dilation).tiles) / height;
  const columns = (tileInputs * tilesAlong(width, dilation).tiles) / width;
  const transforms = (inputs + outputs) * (columns * (width + rows * height) + layoutCost);
  return rows * columns * inputs * outputs + transforms < worthwhileShare * 9 * inputs * outputs;
}

/**
 * conv(x, weight) with stride 1 and padding equal to the dilation; N×C×H×W and O×C×3×3. All of it is matrix products, so gradients take the same short cut.
 */
export function winogradConvolution(x: Value, weight: Value, dilation: number): Value {
  const { graph } = x;
  const [batch, inputs, height, width] = x.shape;
  const outputs = weight.shape[0];
  const rows = tilesAlong(height, dilation);
  const columns = tilesAlong(width, dilation);
  const taps = tileInputs ** 2;
  const [tileRows, tileColumns] = [rows.tiles, columns.tiles];

  const weights = transformedWeights(weight);

  const alongWidth = matMul(
    x,
    matrix(graph, width, tileInputs * tileColumns, (from, to) => columns.read(to, from)),
  );
  const spread = matMul(
    matrix(graph, tileInputs * tileRows, height, (to, from) => rows.read(to, from)),
    alongWidth,
  );
  const split = reshape(spread, [batch, inputs, tileInputs, tileRows, tileInputs, tileColumns]);
  const byTap = reshape(transpose(split, [2, 4, 1, 0, 3, 5]), [taps, inputs, batch * tileRows * tileColumns]);

  const product = reshape(matMul(weights, byTap), [tileInputs, tileInputs, outputs, batch, tileRows, tileColumns]);
  const joined = reshape(transpose(product, [3, 2, 0, 4, 1, 5]), [
    batch,
    outputs,
    tileInputs * tileRows,
    tileInputs * tileColumns,
  ]);
  const gathered = matMul(
    matrix(graph, height, tileInputs * tileRows, (to, from) => rows.write(to, from)),
    joined,
  );
  return matMul(
    gathered,
    matrix(graph, tileInputs * tileColumns, width, (from, to) => columns.write(to, from)),
  );
}

/** O×C×3×3 → 36×O×C, once for all uses on the way forward and once on the way back: it is four times as large as the weights. */
function transformedWeights(weight: Value): Value {
  const { graph, shape } = weight;
  const known = graph.shared.get(weight);
  if (known) return known;
  const [outputs, inputs] = shape;
  const again = (value: Value) => {
    graph.recomputed.add(value);
    return value;
  };
  const flat = again(transpose(again(reshape(weight, [outputs * inputs, 9])), [1, 0]));
  const product = again(matMul(kroneckerWeights(graph), flat));
  const transformed = again(reshape(product, [tileInputs ** 2, outputs, inputs]));
  graph.shared.set(weight, transformed);
  return transformed;
}

/** Tiles of one axis. Positions that are a dilation apart form a sequence of their own; each is cut into tiles. */
interface Tiles {
  readonly tiles: number;
  /** Factor of input position `from` in transformed value `to` (numbered tap-major: tap · tiles + tile). */
  readonly read: (to: number, from: number) => number;
  /** Factor of transformed value `from` in output position `to`. */
  readonly write: (to: number, from: number) => number;
}

function tilesAlong(size: number, dilation: number): Tiles {
  const starts: number[] = [];
  for (let residue = 0; residue < Math.min(dilation, size); residue++) {
    for (let at = residue; at < size; at += tileOutputs * dilation) starts.push(at);
  }
  const tiles = starts.length;
  /** Which element of the tile a position is, the first output being 0; undefined when it is none. */
  const place = (tile: number, position: number) => {
    const steps = (position - starts[tile]) / dilation;
    return Number.isInteger(steps) ? steps : undefined;
  };
  return {
    tiles,
    read: (to, from) => {
      const steps = place(to % tiles, from);
      // The window begins one step before the first output.
      return steps === undefined ? 0 : (inputTransform[Math.floor(to / tiles)][steps + 1] ?? 0);
    },
    write: (to, from) => {
      const steps = place(from % tiles, to);
      return steps === undefined ? 0 : (outputTransform[steps]?.[Math.floor(from / tiles)] ?? 0);
    },
  };
}

function matrix(graph: Graph, rows: number, columns: number, at: (row: number, column: number) => number): Value {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));
  return constant(graph, tensor('float32', [rows, columns], data));
}

/** Both axes of the weight transform at once: 36×9. */
function kroneckerWeights(graph: Graph): Value {
  return matrix(graph, tileInputs ** 2, 9, (tap, element) => {
    const row = weightTransform[Math.floor(tap / tileInputs)][Math.floor(element / 3)];
    return row * weightTransform[tap % tileInputs][element % 3];
  });
}
