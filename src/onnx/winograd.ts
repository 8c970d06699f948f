// 3×3 convolutions with a quarter of the multiplications: Winograd's F(4×4, 3×3) (Lavin and Gray, CVPR 2016) as plain matrix products.
import { tensor } from '../tensor/tensor.js';
import { constant, type Graph, type Node, type Value } from './graph.js';
import { add, matMul, reshape, transpose } from './ops.js';
import { type RewrittenGraph, rewriteGraph } from './rewrite.js';

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

/** A graph whose wide 3×3 convolutions are computed by Winograd's method. */
export interface WinogradGraph extends RewrittenGraph {
  /** The transformed weights: large, and cheap to compute again on the way back. */
  readonly recomputed: ReadonlySet<Value>;
}

/** Writes every convolution that gains by it in Winograd's form: for graphs that run on the CPU and are not published. */
export function withWinograd(original: Graph): WinogradGraph {
  // Once for all uses of the weights, such as several frames.
  const transformed = new Map<Value, TransformedWeights>();
  const rewritten = rewriteGraph(original, (node, [x, weight, bias]) => {
    const geometry = x && weight && node.op === 'Conv' && geometryOf(node, weight);
    if (!geometry || !suitsWinograd(x, weight.shape[0], geometry)) return undefined;
    const weights = transformed.get(weight) ?? transformWeights(weight);
    transformed.set(weight, weights);
    const y = winogradConvolution(x, weights, geometry.dilations[0]);
    return [bias ? add(y, reshape(bias, [weight.shape[0], 1, 1])) : y];
  });
  return { ...rewritten, recomputed: new Set([...transformed.values()].flatMap(({ steps }) => steps)) };
}

/** Undefined where the padding depends on the input's size. */
function geometryOf({ attributes }: Node, weight: Value): SameConvolution | undefined {
  const { auto_pad: padding, group } = attributes;
  if (padding?.kind === 'string' && padding.value !== 'NOTSET') return undefined;
  const kernel = weight.shape.slice(2);
  const list = (name: string, fallback: number, sides = 1) => {
    const attribute = attributes[name];
    return attribute?.kind === 'ints' ? attribute.value : Array<number>(sides * kernel.length).fill(fallback);
  };
  return {
    kernel,
    strides: list('strides', 1),
    pads: list('pads', 0, 2),
    dilations: list('dilations', 1),
    group: group?.kind === 'int' ? group.value : 1,
  };
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
 * conv(x, weight) with stride 1 and padding equal to the dilation; N×C×H×W and O×C×3×3, the latter transformed. All of it is
 * matrix products, so gradients take the same short cut.
 */
export function winogradConvolution(x: Value, weights: TransformedWeights, dilation: number): Value {
  const { graph } = x;
  const [batch, inputs, height, width] = x.shape;
  const outputs = weights.value.shape[1];
  const rows = tilesAlong(height, dilation);
  const columns = tilesAlong(width, dilation);
  const taps = tileInputs ** 2;
  const [tileRows, tileColumns] = [rows.tiles, columns.tiles];

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

  const product = reshape(matMul(weights.value, byTap), [
    tileInputs,
    tileInputs,
    outputs,
    batch,
    tileRows,
    tileColumns,
  ]);
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

/** Weights as `winogradConvolution` takes them. */
export interface TransformedWeights {
  /** 36×O×C: four times as large as the weights. */
  readonly value: Value;
  /** It and what leads to it, all cheap to compute again. */
  readonly steps: readonly Value[];
}

/** O×C×3×3 → 36×O×C. */
export function transformWeights(weight: Value): TransformedWeights {
  const { graph, shape } = weight;
  const [outputs, inputs] = shape;
  const flat = reshape(weight, [outputs * inputs, 9]);
  const transposed = transpose(flat, [1, 0]);
  const product = matMul(kroneckerWeights(graph), transposed);
  const value = reshape(product, [tileInputs ** 2, outputs, inputs]);
  return { value, steps: [flat, transposed, product, value] };
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
