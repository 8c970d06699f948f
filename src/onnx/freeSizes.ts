// Frees a traced model of the size it was exported at: constants that stand for sizes follow the new ones.
import { SteadysegError } from '../base/errors.js';
import { elementCount, formatShape, int64, numbersOf, type Shape, sameShape, type Tensor } from '../tensor/tensor.js';
import { constant, type Graph, type Value } from './graph.js';
import { type Attributes, ints } from './model.js';
import { expand } from './ops.js';

/** Sizes of a traced model: what its values measure as exported, and what those sizes have become so far. */
export interface TracedSizes {
  /** Shapes as exported, by value name. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Of feature maps, as exported → now: heights and widths. */
  readonly rows: Map<number, Set<number>>;
  readonly columns: Map<number, Set<number>>;
  /** Samples of the batch: as exported, and now. */
  readonly batch: readonly [before: number, now: number];
  /** The input's shapes, for messages. */
  readonly input: { readonly before: string; readonly now: string };
}

/** @param shapes of all values as exported. @param before, @param now shape of the input as exported and as it is fed. */
export function tracedSizes(shapes: ReadonlyMap<string, Shape>, before: Shape, now: Shape): TracedSizes {
  const input = { before: formatShape(before), now: formatShape(now) };
  return { shapes, rows: new Map(), columns: new Map(), batch: [before[0], now[0]], input };
}

/** Takes note of what the height and width of a feature map have become. */
export function recordSize({ shapes, rows, columns }: TracedSizes, name: string, now: Shape): void {
  const before = shapes.get(name);
  if (before?.length !== 4 || now.length !== 4) return;
  rows.set(before[2], (rows.get(before[2]) ?? new Set()).add(now[2]));
  columns.set(before[3], (columns.get(before[3]) ?? new Set()).add(now[3]));
}

/** A node about to be added: names of its inputs in the file, their values, and its attributes. */
export interface TracedNode {
  readonly op: string;
  readonly names: readonly string[];
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** Operators that give sizes which their input need not have: what was pooled to one value looks the same at any size. */
const enlarging = new Set(['Expand', 'Resize', 'Tile']);

type Freed = Pick<TracedNode, 'inputs' | 'attributes'>;

/**
 * The inputs and attributes that the node has at the new sizes: targets of Reshape, Expand, Resize, Tile and Slice, and
 * windows that cover a whole map, follow the sizes they were traced from.
 * @throws SteadysegError where a constant could stand for several sizes, or samples would be mixed.
 */
export function freeNode(graph: Graph, node: TracedNode, traced: TracedSizes): Freed {
  const { inputs, attributes } = node;
  const before = node.names.map((name) => traced.shapes.get(name));
  const [x] = inputs;
  const [old] = before;
  const output = traced.shapes.get(node.outputs[0]);
  const same = inputs.every((value, i) => !value || !before[i] || sameShape(value.shape, before[i] ?? []));
  if (!x || !old || !output || (same && !enlarging.has(node.op))) return { inputs, attributes };
  const withInput = (index: number, values: readonly number[]): Freed => ({
    inputs: inputs.map((value, i) => (i === index ? constant(graph, int64([values.length], values)) : value)),
    attributes,
  });
  const fixed = (what: string) => new SteadysegError(`${what} stays as exported`);
  switch (node.op) {
    case 'Reshape':
      return withInput(1, reshapeTarget(old, x.shape, output, traced, fixed));
    case 'Expand':
      return withInput(
        1,
        output.map((size, axis) => expandedSize(size, axis, output.length, old, x.shape, traced, fixed)),
      );
    case 'Resize': {
      const axes = listOf(attributes.axes) ?? output.map((_, axis) => axis);
      const sizes = inputs[3] && elementCount(inputs[3].shape) > 0;
      // What was pooled to one value comes back over a whole map, also when that is said as a scale.
      const spread = axes.some((axis) => axis > 1 && old[axis] === 1 && output[axis] > 1);
      if (!sizes && !spread) return { inputs, attributes };
      const target = axes.map((axis) => resized(output[axis], axis, old[axis], x.shape[axis], traced, fixed));
      return { inputs: [x, undefined, undefined, constant(graph, int64([target.length], target))], attributes };
    }
    case 'Tile': {
      const repeats = contentOf(inputs[1]);
      if (!repeats) return { inputs, attributes };
      return withInput(
        1,
        repeats.map((repeat, axis) => (repeat > 1 && old[axis] === 1 ? sizeNow(repeat, axis, traced, fixed) : repeat)),
      );
    }
    case 'Slice':
      return { inputs: freedSlice(graph, inputs, old, x.shape, fixed), attributes };
    case 'AveragePool':
    case 'MaxPool':
    case 'LpPool':
      return { inputs, attributes: freedWindow(attributes, old, x.shape) };
    case 'Squeeze': {
      if (inputs[1]) return { inputs, attributes };
      const axes = old.flatMap((size, axis) => (size === 1 ? [axis] : []));
      return { inputs: [x, constant(graph, int64([axes.length], axes))], attributes };
    }
    case 'Concat':
      return { inputs: alignedOperands(inputs, before, attributes), attributes };
    default:
      if (node.op.startsWith('Reduce')) refuseMixing(node, old, x.shape);
      return { inputs, attributes };
  }
}

function contentOf(value: Value | undefined): number[] | undefined {
  return value?.constant && numbersOf(value.constant as Tensor);
}

function listOf(attribute: Attributes[string] | undefined): readonly number[] | undefined {
  return attribute?.kind === 'ints' ? attribute.value : undefined;
}

type Refusal = (what: string) => SteadysegError;

/** What a size of an axis, that nothing but the trace explains, has become. */
function sizeNow(size: number, axis: number, { rows, columns }: TracedSizes, fixed: Refusal): number {
  const now = (axis === 2 ? rows : axis === 3 ? columns : new Map([...rows, ...columns])).get(size);
  const [only, ...others] = now ?? [size];
  if (others.length === 0) return only;
  throw fixed(`the size ${size}`);
}

/** The sizes of both shapes fall into groups of equal products; a group's sizes follow those it came from. */
function reshapeTarget(old: Shape, now: Shape, target: Shape, traced: TracedSizes, fixed: Refusal): number[] {
  const result: number[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < target.length) {
    const from = [i, j];
    let [left, right] = [old[i++] ?? 1, target[j++] ?? 1];
    while (left !== right) {
      if (left < right && i < old.length) left *= old[i++];
      else if (j < target.length) right *= target[j++];
      else throw fixed(`the reshape to ${formatShape(target)}`);
    }
    // Sizes of 1 at the end belong to the last group.
    if (i >= old.length) j = target.length;
    if (j >= target.length) i = old.length;
    const product = elementCount(now.slice(from[0], i));
    result.push(...groupSizes(target.slice(from[1], j), old.slice(from[0], i), product, from[1] === 0, traced, fixed));
  }
  return result;
}

function groupSizes(
  target: Shape,
  old: Shape,
  product: number,
  first: boolean,
  { rows, columns, batch }: TracedSizes,
  fixed: Refusal,
): Shape {
  if (elementCount(target) === product) return target;
  if (target.length === 1) return [product];
  /** Sizes so far, and which of them stand for heights (1) and widths (2), in order. */
  let found: { sizes: number[]; order: string }[] = [{ sizes: [], order: '' }];
  target.forEach((size, position) => {
    const options: [number, string][] = [[size, '']];
    for (const now of rows.get(size) ?? []) options.push([now, '1']);
    for (const now of columns.get(size) ?? []) options.push([now, '2']);
    if (first && position === 0 && size === batch[0]) options.push([batch[1], '']);
    found = found.flatMap(({ sizes, order }) =>
      options.map(([now, kind]) => ({ sizes: [...sizes, now], order: order + kind })),
    );
  });
  const fitting = found.filter(({ sizes }) => elementCount(sizes) === product);
  // Heights come before widths in every layout.
  const ordered = fitting.filter(({ order }) => order === '12');
  const [one, ...others] = new Set((ordered.length > 0 ? ordered : fitting).map(({ sizes }) => sizes.join()));
  if (one !== undefined && others.length === 0) return one.split(',').map(Number);
  throw fixed(`the reshape of ${formatShape(old)} to ${formatShape(target)}`);
}

function expandedSize(
  size: number,
  axis: number,
  rank: number,
  old: Shape,
  now: Shape,
  traced: TracedSizes,
  fixed: Refusal,
): number {
  const own = axis - (rank - old.length);
  if (own >= 0 && old[own] === size) return now[own];
  if (own >= 0 && now[own] !== 1 && old[own] === 1) return now[own];
  if (axis === 0 && size === traced.batch[0]) return traced.batch[1];
  return sizeNow(size, axis, traced, fixed);
}

function resized(target: number, axis: number, old: number, now: number, traced: TracedSizes, fixed: Refusal): number {
  if (old === target) return now;
  if (old === now) return sizeNow(target, axis, traced, fixed);
  const exact = (target * now) / old;
  if (Number.isInteger(exact)) return exact;
  return sizeNow(target, axis, traced, fixed);
}

function freedSlice(
  graph: Graph,
  inputs: readonly (Value | undefined)[],
  old: Shape,
  now: Shape,
  fixed: Refusal,
): (Value | undefined)[] {
  const [starts, ends] = [contentOf(inputs[1]), contentOf(inputs[2])];
  if (!starts || !ends) return [...inputs];
  const axes = (contentOf(inputs[3]) ?? starts.map((_, i) => i)).map((axis) => (axis < 0 ? axis + old.length : axis));
  const freed = ends.map((end, i) => {
    const axis = axes[i];
    if (old[axis] === now[axis] || end < 0) return end;
    if (end >= old[axis]) return Math.max(end, now[axis]);
    throw fixed(`the slice of axis ${axis} to ${end} of ${old[axis]}`);
  });
  return inputs.map((value, i) => (i === 2 ? constant(graph, int64([freed.length], freed)) : value));
}

/** A window over the whole map stays one. */
function freedWindow(attributes: Attributes, old: Shape, now: Shape): Attributes {
  const kernel = listOf(attributes.kernel_shape);
  const whole = kernel?.every((size, axis) => size === old[axis + 2]);
  if (!kernel || !whole || elementCount(kernel) === 1) return attributes;
  return { ...attributes, kernel_shape: ints(now.slice(2)), strides: ints(kernel.map(() => 1)) };
}

/** What every sample shares (a token, an embedding) is repeated where it is joined with a batch. */
function alignedOperands(
  inputs: readonly (Value | undefined)[],
  before: readonly (Shape | undefined)[],
  attributes: Attributes,
): (Value | undefined)[] {
  const axis = attributes.axis?.kind === 'int' ? attributes.axis.value : 0;
  const samples = Math.max(...inputs.map((value) => value?.shape[0] ?? 1));
  return inputs.map((value, i) => {
    if (!value || axis === 0 || value.shape[0] !== 1 || samples === 1 || before[i]?.[0] !== 1) return value;
    return expand(value, [samples, ...value.shape.slice(1)]);
  });
}

function refuseMixing({ op, inputs, attributes }: TracedNode, old: Shape, now: Shape): void {
  const axes = contentOf(inputs[1]) ?? listOf(attributes.axes) ?? [];
  const all = axes.length === 0;
  const mixes =
    old.length > 1 && old[0] !== now[0] && (all || axes.some((axis) => (axis < 0 ? axis + old.length : axis) === 0));
  if (mixes)
    throw new SteadysegError(`${op} over all axes would mix the samples of a batch; use batch 1 (and accumulate)`);
}
