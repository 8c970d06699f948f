// Operators that move elements, by reshapes, slices and look-ups.
import { elementCount, float32, int64, tensor } from '../../tensor/tensor.js';
import { dtypeOfCode, elementTypeCode } from '../elementTypes.js';
import { addNode, constant } from '../graph.js';
import {
  constantNumbers,
  intAttribute,
  intsAttribute,
  normalizeAxis,
  refuse,
  stringAttribute,
} from '../inference/rule.js';
import { cast, concat, expand, filled, integers, reshape, scatterElements, slice, transpose, where } from '../ops.js';
import { type Lowering, type Lowerings, valueAt } from './site.js';

/** Blocks whose channels stand together (`CRD`, a pixel shuffle); the other order is an operator of its own. */
const depthToSpace: Lowering = (site) => {
  if (stringAttribute(site, 'mode', 'DCR') === 'DCR') return undefined;
  const x = valueAt(site, 0);
  const block = intAttribute(site, 'blocksize', 1);
  const [batch, channels, height, width] = x.shape;
  const depth = channels / block ** 2;
  if (!Number.isInteger(depth)) {
    throw refuse(site, `expected channels in multiples of ${block ** 2}, found ${channels}`);
  }
  const blocks = transpose(reshape(x, [batch, depth, block, block, height, width]), [0, 1, 4, 2, 5, 3]);
  return [reshape(blocks, [batch, depth, height * block, width * block])];
};

/** What negative pads cut away goes first, so that edges and reflections are those of the rest. */
const pad: Lowering = (site) => {
  const x = valueAt(site, 0);
  const rank = x.shape.length;
  const mode = stringAttribute(site, 'mode', 'constant');
  const pads = constantNumbers(site, 1) ?? [];
  if (mode === 'constant' || pads.every((amount) => amount >= 0)) return undefined;
  const axes = (constantNumbers(site, 3) ?? x.shape.map((_, axis) => axis)).map((axis) =>
    normalizeAxis(site, axis, rank),
  );
  const cut = (amount: number) => Math.max(0, -amount);
  const inner = slice(
    x,
    axes,
    axes.map((_, i) => cut(pads[i])),
    axes.map((axis, i) => x.shape[axis] - cut(pads[axes.length + i])),
  );
  const rest = pads.map((amount) => Math.max(0, amount));
  const inputs = [inner, integers(site.graph, rest), site.inputs[2], site.inputs[3]];
  return [addNode(site.graph, 'Pad', inputs, site.attributes)[0]];
};

/** Leading axes that data and indices share become part of the indices. */
const gatherND: Lowering = (site) => {
  const shared = intAttribute(site, 'batch_dims', 0);
  if (shared === 0) return undefined;
  const [data, indices] = [valueAt(site, 0), valueAt(site, 1)];
  const lead = indices.shape.slice(0, -1);
  const own = Array.from({ length: shared }, (_, axis) => {
    const size = data.shape[axis];
    const steps = constant(
      site.graph,
      int64(lead.map((_, other) => (other === axis ? size : 1)).concat(1), [...Array(size).keys()]),
    );
    return expand(steps, [...lead, 1]);
  });
  return [addNode(site.graph, 'GatherND', [data, concat([...own, indices], lead.length)])[0]];
};

/** Ones on a diagonal of a matrix as large as another. */
const eyeLike: Lowering = (site) => {
  const like = valueAt(site, 0);
  const code = intAttribute(site, 'dtype', elementTypeCode(like.dtype));
  const offset = intAttribute(site, 'k', 0);
  const [rows, columns] = like.shape;
  const ones = Array.from({ length: rows * columns }, (_, i) =>
    Number((i % columns) - Math.floor(i / columns) === offset),
  );
  return [cast(constant(site.graph, float32([rows, columns], ones)), dtypeOfCode(code) ?? like.dtype)];
};

/** The part of a matrix on and above (or below) a diagonal; the rest is zero. */
const trilu: Lowering = (site) => {
  const x = valueAt(site, 0);
  const [rows, columns] = x.shape.slice(-2);
  const offset = constantNumbers(site, 1)?.[0] ?? 0;
  const upper = intAttribute(site, 'upper', 1) === 1;
  const kept = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const ahead = (i % columns) - Math.floor(i / columns) - offset;
    return Number(upper ? ahead >= 0 : ahead <= 0);
  });
  return [where(constant(site.graph, tensor('bool', [rows, columns], kept)), x, 0)];
};

/** Values go back to the flat positions that a MaxPool told. */
const maxUnpool: Lowering = (site) => {
  const [x, indices] = [valueAt(site, 0), valueAt(site, 1)];
  const kernel = intsAttribute(site, 'kernel_shape', []);
  const strides = intsAttribute(site, 'strides', Array(kernel.length).fill(1));
  const pads = intsAttribute(site, 'pads', Array(2 * kernel.length).fill(0));
  const spatial = kernel.map(
    (size, axis) => (x.shape[2 + axis] - 1) * strides[axis] + size - pads[axis] - pads[kernel.length + axis],
  );
  const shape = constantNumbers(site, 2) ?? [...x.shape.slice(0, 2), ...spatial];
  const [count, all] = [elementCount(x.shape), elementCount(shape)];
  const none = filled(site.graph, [all], 0);
  return [reshape(scatterElements(none, reshape(indices, [count]), reshape(x, [count]), 0), shape)];
};

export const movements: Lowerings = {
  DepthToSpace: depthToSpace,
  EyeLike: eyeLike,
  GatherND: gatherND,
  MaxUnpool: maxUnpool,
  Pad: pad,
  Trilu: trilu,
};

export const microsoftMovements: Lowerings = { Trilu: trilu };
