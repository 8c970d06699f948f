// Gradients of operators that move, cut, join or look up elements: the same way back.
import { SteadysegError } from '../../base/errors.js';
import {
  addNode,
  type Contribution,
  constant,
  type GradientRule,
  type GradientSite,
  type Value,
} from '../../onnx/graph.js';
import { sliceRanges } from '../../onnx/inference/movement.js';
import { int, string } from '../../onnx/model.js';
import {
  cast,
  concat,
  expand,
  filled,
  gatherElements,
  pad,
  reduceSum,
  reshape,
  scatterElements,
  slice,
  transpose,
} from '../../onnx/ops.js';
import { int64, numbersOf } from '../../tensor/tensor.js';
import { sumTo } from '../rule.js';

const reshapeRule: GradientRule = (site) => {
  const gradient = site.full(0);
  return [gradient && reshape(gradient, site.input(0).shape)];
};

const transposeRule: GradientRule = (site) => {
  const gradient = site.full(0);
  const rank = site.input(0).shape.length;
  const permutation = site.numbers(
    'perm',
    Array.from({ length: rank }, (_, axis) => rank - 1 - axis),
  );
  return [
    gradient &&
      transpose(
        gradient,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
  ];
};

const concatRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const rank = gradient.shape.length;
  const axis = (site.number('axis', 0) + rank) % rank;
  let start = 0;
  return site.node.inputs.map((value, index) => {
    const size = value?.shape[axis] ?? 0;
    start += size;
    return site.wants(index) ? slice(gradient, [axis], [start - size], [start]) : undefined;
  });
};

const splitRule: GradientRule = (site) => {
  const { outputs } = site.node;
  const rank = outputs[0].shape.length;
  const axis = (site.number('axis', 0) + rank) % rank;
  const parts = outputs.map((value, index) => site.full(index) ?? filled(value.graph, value.shape, 0, value.dtype));
  return [concat(parts, axis)];
};

/** Int64 indices along an axis, repeated over the other axes of `shape`. */
function indicesAlong(
  graph: Value['graph'],
  indices: readonly number[],
  axis: number,
  shape: readonly number[],
): Value {
  const own = shape.map((_, other) => (other === axis ? indices.length : 1));
  return expand(constant(graph, int64(own, indices)), shape);
}

/** The gradient of taking `indices` along an axis of length `size`: added back to where each came from. */
function scatterBack(gradient: Value, indices: readonly number[], axis: number, size: number): Value {
  const shape = gradient.shape.map((length, other) => (other === axis ? size : length));
  const where = indicesAlong(gradient.graph, indices, axis, gradient.shape);
  return scatterElements(filled(gradient.graph, shape, 0, gradient.dtype), where, gradient, axis, 'add');
}

const sliceRule: GradientRule = (site) => {
  const x = site.input(0);
  let gradient = site.full(0);
  if (!gradient) return [];
  const ranges = sliceRanges({ ...site.node, outputCount: 1 });
  for (const [axis, { start, step, size }] of ranges.entries()) {
    if (step === 1) continue;
    const taken = Array.from({ length: size }, (_, i) => start + i * step);
    gradient = scatterBack(gradient, taken, axis, x.shape[axis]);
  }
  const before = ranges.map(({ start, step }) => (step === 1 ? start : 0));
  const after = ranges.map(({ start, step, size }, axis) => (step === 1 ? x.shape[axis] - start - size : 0));
  return [[...before, ...after].some((amount) => amount > 0) ? pad(gradient, [...before, ...after]) : gradient];
};

const padRule: GradientRule = (site) => {
  const x = site.input(0);
  const rank = x.shape.length;
  const gradient = site.full(0);
  if (!gradient) return [];
  const numbers = (index: number) => {
    const content = site.node.inputs[index]?.constant;
    return content && numbersOf(content);
  };
  const pads = numbers(1) ?? [];
  const axes = (numbers(3) ?? x.shape.map((_, axis) => axis)).map((axis) => (axis + rank) % rank);
  const mode = site.string('mode', 'constant');
  if (mode === 'constant') {
    const cut = (amount: number) => Math.max(0, amount);
    const starts = axes.map((_, i) => cut(pads[i]));
    const ends = axes.map((axis, i) => gradient.shape[axis] - cut(pads[axes.length + i]));
    const inner = slice(gradient, axes, starts, ends);
    const lost = Array(2 * rank).fill(0);
    axes.forEach((axis, i) => {
      lost[axis] = cut(-pads[i]);
      lost[rank + axis] = cut(-pads[axes.length + i]);
    });
    return [lost.some((amount) => amount > 0) ? pad(inner, lost) : inner];
  }
  if (pads.some((amount) => amount < 0)) throw new SteadysegError(`negative pads of the mode ${mode} have no gradient`);
  return [axes.reduce((back, axis, i) => foldedBack(back, axis, pads[i], x.shape[axis], mode), gradient)];
};

/** The gradient of padding one axis: that of the middle, with what the pads took from it added where they took it. */
function foldedBack(gradient: Value, axis: number, before: number, size: number, mode: string): Value {
  const padded = gradient.shape[axis];
  if (padded === size) return gradient;
  const source = (position: number) => {
    const clamped = Math.min(Math.max(position, 0), size - 1);
    if (mode === 'edge') return clamped;
    if (mode === 'reflect') return 2 * clamped - position;
    if (mode === 'wrap') return ((position % size) + size) % size;
    throw new SteadysegError(`the padding mode ${mode} has no gradient`);
  };
  const part = (start: number, end: number) => slice(gradient, [axis], [start], [end]);
  const border = [
    [0, before],
    [before + size, padded],
  ].filter(([start, end]) => start < end);
  return border.reduce(
    (sum, [start, end]) => {
      const updates = part(start, end);
      const taken = Array.from({ length: end - start }, (_, i) => source(start + i - before));
      return scatterElements(sum, indicesAlong(gradient.graph, taken, axis, updates.shape), updates, axis, 'add');
    },
    part(before, before + size),
  );
}

/** Rows taken by index along an axis are added back at these indices. */
const gatherRule: GradientRule = (site) => {
  const [x, indices] = [site.input(0), site.input(1)];
  const gradient = site.full(0);
  if (!gradient) return [];
  const axis = (site.number('axis', 0) + x.shape.length) % x.shape.length;
  const count = indices.shape.reduce((product, size) => product * size, 1);
  const rows = x.shape.map((size, other) => (other === axis ? count : size));
  const flat = reshape(
    indices,
    rows.map((size, other) => (other === axis ? size : 1)),
  );
  return [{ kind: 'scattered', indices: expand(flat, rows), updates: reshape(gradient, rows), axis }];
};

const gatherElementsRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const scattered: Contribution = {
    kind: 'scattered',
    indices: site.input(1),
    updates: gradient,
    axis: site.number('axis', 0),
  };
  return [scattered];
};

const scatterElementsRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const indices = site.input(1);
  const axis = site.number('axis', 0);
  const reduction = site.string('reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add')
    throw new SteadysegError(`the reduction ${reduction} has no gradient`);
  const added = reduction === 'add';
  const updates = site.wants(2) ? gatherElements(gradient, indices, axis) : undefined;
  if (added || !site.wants(0)) return [added ? gradient : undefined, undefined, updates];
  const overwritten = filled(gradient.graph, indices.shape, 0);
  return [scatterElements(gradient, indices, overwritten, axis), undefined, updates];
};

/** Blocks taken by index are added back at these indices. */
const gatherNDRule: GradientRule = (site) => {
  const x = site.input(0);
  const gradient = site.full(0);
  if (!gradient) return [];
  if (site.number('batch_dims', 0) !== 0) throw new SteadysegError('shared leading axes have no gradient');
  const inputs = [filled(x.graph, x.shape, 0), site.input(1), gradient];
  return [addNode(x.graph, 'ScatterND', inputs, { reduction: string('add') })[0]];
};

const scatterNDRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const [indices, updates] = [site.input(1), site.input(2)];
  const reduction = site.string('reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add')
    throw new SteadysegError(`the reduction ${reduction} has no gradient`);
  const kept = () => {
    if (reduction === 'add') return gradient;
    const overwritten = filled(gradient.graph, updates.shape, 0);
    return addNode(gradient.graph, 'ScatterND', [gradient, indices, overwritten])[0];
  };
  return [
    site.wants(0) ? kept() : undefined,
    undefined,
    site.wants(2) ? addNode(gradient.graph, 'GatherND', [gradient, indices])[0] : undefined,
  ];
};

/** Every element is in the sums of those after it: the sum from the other end. */
const cumSumRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const attributes = { exclusive: int(site.number('exclusive', 0)), reverse: int(1 - site.number('reverse', 0)) };
  return [addNode(gradient.graph, 'CumSum', [gradient, site.input(1)], attributes)[0]];
};

const expandRule: GradientRule = (site) => [sumTo(site.gradient, site.input(0).shape, site.output.shape)];

const tileRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const { shape } = site.input(0);
  const split = shape.flatMap((size, axis) => [gradient.shape[axis] / size, size]);
  const repeats = shape.map((_, axis) => 2 * axis);
  return [reshape(reduceSum(reshape(gradient, split), repeats), shape)];
};

/** The inverse rearrangement. */
const rearrange =
  (inverse: string): GradientRule =>
  (site: GradientSite) => {
    const gradient = site.full(0);
    if (!gradient) return [];
    if (site.string('mode', 'DCR') !== 'DCR') throw new SteadysegError('the mode CRD has no gradient');
    return [
      addNode(gradient.graph, inverse, [gradient], {
        blocksize: { kind: 'int', value: site.number('blocksize', 1) },
      })[0],
    ];
  };

const topKRule: GradientRule = (site) => {
  const gradient = site.full(0);
  if (!gradient) return [];
  const scattered: Contribution = {
    kind: 'scattered',
    indices: cast(site.node.outputs[1], 'int64'),
    updates: gradient,
    axis: site.number('axis', -1),
  };
  return [scattered];
};

export const movementRules: Readonly<Record<string, GradientRule>> = {
  Concat: concatRule,
  CumSum: cumSumRule,
  DepthToSpace: rearrange('SpaceToDepth'),
  Expand: expandRule,
  Flatten: reshapeRule,
  Gather: gatherRule,
  GatherElements: gatherElementsRule,
  GatherND: gatherNDRule,
  Pad: padRule,
  Reshape: reshapeRule,
  ScatterElements: scatterElementsRule,
  ScatterND: scatterNDRule,
  Slice: sliceRule,
  SpaceToDepth: rearrange('DepthToSpace'),
  Split: splitRule,
  Squeeze: reshapeRule,
  Tile: tileRule,
  TopK: topKRule,
  Transpose: transposeRule,
  Unsqueeze: reshapeRule,
};
