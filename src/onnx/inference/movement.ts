// Shapes of operators that move, cut, join or look up elements.
import { elementCount, formatShape, sameShape } from '../../tensor/tensor.js';
import {
  broadcastShapes,
  constantNumbers,
  inputAt,
  intAttribute,
  intsAttribute,
  normalizeAxis,
  refuse,
  type ShapeRule,
  type Site,
  type TypedValue,
} from './rule.js';

const reshape: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const wanted = constantNumbers(site, 1) ?? [];
  const keepZero = intAttribute(site, 'allowzero', 0) === 1;
  const sizes = wanted.map((size, axis) => (size === 0 && !keepZero ? shape[axis] : size));
  const known = sizes.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const unknown = sizes.indexOf(-1);
  if (unknown >= 0) sizes[unknown] = elementCount(shape) / known;
  if (elementCount(sizes) !== elementCount(shape) || sizes.some((size) => !Number.isInteger(size) || size < 0)) {
    throw refuse(site, `cannot reshape ${formatShape(shape)} to [${wanted.join(', ')}]`);
  }
  return [{ dtype, shape: sizes }];
};

const flatten: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const axis = intAttribute(site, 'axis', 1);
  const split = axis < 0 ? axis + shape.length : axis;
  return [{ dtype, shape: [elementCount(shape.slice(0, split)), elementCount(shape.slice(split))] }];
};

const transpose: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const permutation = intsAttribute(
    site,
    'perm',
    shape.map((_, axis) => shape.length - 1 - axis),
  );
  if ([...permutation].sort((a, b) => a - b).join() !== shape.map((_, axis) => axis).join()) {
    throw refuse(site, `[${permutation.join(', ')}] is no permutation of ${shape.length} axes`);
  }
  return [{ dtype, shape: permutation.map((axis) => shape[axis]) }];
};

const concat: ShapeRule = (site) => {
  const first = inputAt(site, 0);
  const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), first.shape.length);
  let total = 0;
  site.inputs.forEach((_, index) => {
    const value = inputAt(site, index);
    const fits =
      value.dtype === first.dtype &&
      value.shape.length === first.shape.length &&
      value.shape.every((size, other) => other === axis || size === first.shape[other]);
    if (!fits) throw refuse(site, `${value.name} differs from ${first.name} outside axis ${axis}`);
    total += value.shape[axis];
  });
  return [{ dtype: first.dtype, shape: first.shape.map((size, other) => (other === axis ? total : size)) }];
};

/** Start, end and step of every axis of a Slice, clamped as ONNX says. */
export function sliceRanges(site: Site): { start: number; step: number; size: number }[] {
  const { shape } = inputAt(site, 0);
  const starts = constantNumbers(site, 1) ?? [];
  const ends = constantNumbers(site, 2) ?? [];
  const axes = constantNumbers(site, 3) ?? starts.map((_, axis) => axis);
  const steps = constantNumbers(site, 4) ?? starts.map(() => 1);
  const ranges = shape.map((size) => ({ start: 0, step: 1, size }));
  axes.forEach((given, i) => {
    const axis = normalizeAxis(site, given, shape.length);
    const length = shape[axis];
    const step = steps[i];
    if (!step) throw refuse(site, 'a step of 0');
    // Starts and ends are clamped to the axis; a backward slice may end before its first element.
    const clamp = (position: number, low: number, high: number) =>
      Math.min(Math.max(position < 0 ? position + length : position, low), high);
    const start = step > 0 ? clamp(starts[i], 0, length) : clamp(starts[i], 0, length - 1);
    const end = step > 0 ? clamp(ends[i], 0, length) : clamp(ends[i], -1, length - 1);
    ranges[axis] = { start, step, size: Math.max(0, Math.ceil((end - start) / step)) };
  });
  return ranges;
}

const slice: ShapeRule = (site) => [
  { dtype: inputAt(site, 0).dtype, shape: sliceRanges(site).map(({ size }) => size) },
];

const split: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), shape.length);
  const chunk = Math.ceil(shape[axis] / site.outputCount);
  const equal = Array.from({ length: site.outputCount }, (_, i) => Math.min(chunk, shape[axis] - i * chunk));
  const sizes = constantNumbers(site, 1) ?? intsAttribute(site, 'split', equal);
  if (sizes.length !== site.outputCount || sizes.reduce((sum, size) => sum + size, 0) !== shape[axis]) {
    throw refuse(site, `cannot split axis ${axis} of ${shape[axis]} into [${sizes.join(', ')}]`);
  }
  return sizes.map((length) => ({ dtype, shape: shape.map((size, other) => (other === axis ? length : size)) }));
};

const pad: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const pads = constantNumbers(site, 1) ?? [];
  const axes = (constantNumbers(site, 3) ?? shape.map((_, axis) => axis)).map((axis) =>
    normalizeAxis(site, axis, shape.length),
  );
  if (pads.length !== 2 * axes.length) throw refuse(site, `expected ${2 * axes.length} pads, found ${pads.length}`);
  const padded = [...shape];
  axes.forEach((axis, i) => {
    padded[axis] += pads[i] + pads[axes.length + i];
  });
  if (padded.some((size) => size < 0)) throw refuse(site, `the pads [${pads.join(', ')}] cut away more than there is`);
  return [{ dtype, shape: padded }];
};

/** The indices of a look-up, which must be integers. */
function indicesOf(site: Site): TypedValue {
  const indices = inputAt(site, 1);
  if (indices.dtype === 'int64' || indices.dtype === 'int32') return indices;
  throw refuse(site, `expected integer indices, found that ${indices.name} is ${indices.dtype}`);
}

const gather: ShapeRule = (site) => {
  const [data, indices] = [inputAt(site, 0), indicesOf(site)];
  const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), data.shape.length);
  return [
    { dtype: data.dtype, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] },
  ];
};

const gatherElements: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const indices = indicesOf(site);
  if (indices.shape.length !== shape.length) {
    throw refuse(site, `expected indices of rank ${shape.length}, found rank ${indices.shape.length}`);
  }
  return [{ dtype, shape: indices.shape }];
};

const scatter: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const [indices, updates] = [indicesOf(site), inputAt(site, 2)];
  if (updates.dtype !== dtype) throw refuse(site, `expected updates of ${dtype}, found ${updates.dtype}`);
  if (site.op === 'ScatterElements' && !sameShape(indices.shape, updates.shape)) {
    throw refuse(site, 'indices and updates differ in shape');
  }
  return [{ dtype, shape }];
};

/** Blocks at the indices that the last axis holds; leading axes may be shared. */
const gatherND: ShapeRule = (site) => {
  const [data, indices] = [inputAt(site, 0), indicesOf(site)];
  const shared = intAttribute(site, 'batch_dims', 0);
  const depth = indices.shape[indices.shape.length - 1];
  if (indices.shape.length === 0 || shared + depth > data.shape.length) {
    throw refuse(site, `expected indices of at most ${data.shape.length - shared} axes, found ${depth}`);
  }
  return [{ dtype: data.dtype, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(shared + depth)] }];
};

/** Positions whose number is known where the content is. */
const nonZero: ShapeRule = (site) => {
  const found = (constantNumbers(site, 0) ?? []).filter((value) => value !== 0);
  return [{ dtype: 'int64', shape: [inputAt(site, 0).shape.length, found.length] }];
};

const expand: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  return [{ dtype, shape: broadcastShapes(site, [shape, constantNumbers(site, 1) ?? []]) }];
};

const squeeze: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const all = shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const axes = (constantNumbers(site, 1) ?? all).map((axis) => normalizeAxis(site, axis, shape.length));
  const other = axes.find((axis) => shape[axis] !== 1);
  if (other !== undefined) throw refuse(site, `axis ${other} has ${shape[other]} elements, not 1`);
  return [{ dtype, shape: shape.filter((_, axis) => !axes.includes(axis)) }];
};

const unsqueeze: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const given = constantNumbers(site, 1) ?? [];
  const rank = shape.length + given.length;
  const axes = given.map((axis) => normalizeAxis(site, axis, rank));
  const rest = [...shape];
  return [{ dtype, shape: Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 1))) }];
};

const shapeOf: ShapeRule = (site) => {
  const rank = inputAt(site, 0).shape.length;
  const bound = (position: number) => Math.min(Math.max(position < 0 ? position + rank : position, 0), rank);
  const [start, end] = [bound(intAttribute(site, 'start', 0)), bound(intAttribute(site, 'end', rank))];
  return [{ dtype: 'int64', shape: [Math.max(0, end - start)] }];
};

const constantOfShape: ShapeRule = (site) => {
  const attribute = site.attributes.value;
  return [
    { dtype: attribute?.kind === 'tensor' ? attribute.value.dtype : 'float32', shape: constantNumbers(site, 0) ?? [] },
  ];
};

const range: ShapeRule = (site) => {
  const [start, limit, delta] = [0, 1, 2].map((index) => constantNumbers(site, index)?.[0] ?? 0);
  return [{ dtype: inputAt(site, 0).dtype, shape: [Math.max(0, Math.ceil((limit - start) / delta))] }];
};

const oneHot: ShapeRule = (site) => {
  const indices = inputAt(site, 0).shape;
  const depth = constantNumbers(site, 1)?.[0] ?? 0;
  const axis = normalizeAxis(site, intAttribute(site, 'axis', -1), indices.length + 1);
  return [{ dtype: inputAt(site, 2).dtype, shape: [...indices.slice(0, axis), depth, ...indices.slice(axis)] }];
};

const depthToSpace: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const block = intAttribute(site, 'blocksize', 1);
  const [batch, channels, height, width] = shape;
  if (channels % block ** 2 !== 0)
    throw refuse(site, `expected channels in multiples of ${block ** 2}, found ${channels}`);
  return [{ dtype, shape: [batch, channels / block ** 2, height * block, width * block] }];
};

const spaceToDepth: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const block = intAttribute(site, 'blocksize', 1);
  const [batch, channels, height, width] = shape;
  if (height % block !== 0 || width % block !== 0) {
    throw refuse(site, `expected a size in multiples of ${block}, found ${height}×${width}`);
  }
  return [{ dtype, shape: [batch, channels * block ** 2, height / block, width / block] }];
};

const tile: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const repeats = constantNumbers(site, 1) ?? [];
  return [{ dtype, shape: shape.map((size, axis) => size * (repeats[axis] ?? 1)) }];
};

export const movementRules: Readonly<Record<string, ShapeRule>> = {
  Concat: concat,
  ConstantOfShape: constantOfShape,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  NonZero: nonZero,
  OneHot: oneHot,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  ScatterElements: scatter,
  ScatterND: scatter,
  Shape: shapeOf,
  Size: () => [{ dtype: 'int64', shape: [] }],
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
