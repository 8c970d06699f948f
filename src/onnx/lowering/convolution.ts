// Convolutions and pooling of plainer ones.
import { elementCount, tensor } from '../../tensor/tensor.js';
import type { Value } from '../graph.js';
import { addNode, constant } from '../graph.js';
import { constantNumbers, intAttribute, intsAttribute, refuse, stringAttribute } from '../inference/rule.js';
import { int } from '../model.js';
import { abs, add, convTranspose, mul, pow, reduceMax, reduceSum, reshape } from '../ops.js';
import { activated } from './fusedActivation.js';
import { type Lowering, type LoweringSite, type Lowerings, valueAt } from './site.js';

const repeated = (value: number, count: number): number[] => Array(count).fill(value);

/** Pads that follow from the size of the result: a given one, or the input's times the stride. */
const convTransposeOfSize: Lowering = (site) => {
  const automatic = stringAttribute(site, 'auto_pad', 'NOTSET');
  const given = site.attributes.output_shape;
  if (automatic === 'NOTSET' && !given) return undefined;
  const [x, weight] = [valueAt(site, 0), valueAt(site, 1)];
  const spatial = x.shape.slice(2);
  const axes = spatial.length;
  const kernel = weight.shape.slice(2);
  const strides = intsAttribute(site, 'strides', repeated(1, axes));
  const dilations = intsAttribute(site, 'dilations', repeated(1, axes));
  const outputPadding = intsAttribute(site, 'output_padding', repeated(0, axes));
  const natural = spatial.map(
    (size, axis) => (size - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 + outputPadding[axis],
  );
  const wanted =
    given?.kind === 'ints'
      ? given.value.slice(-axes)
      : automatic === 'VALID'
        ? natural
        : spatial.map((size, axis) => size * strides[axis]);
  const total = natural.map((size, axis) => Math.max(0, size - wanted[axis]));
  const small = total.map((amount) => Math.floor(amount / 2));
  const large = total.map((amount, axis) => amount - small[axis]);
  const pads = automatic === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small];
  const longer = outputPadding.map((amount, axis) => amount + Math.max(0, wanted[axis] - natural[axis]));
  const options = { strides, dilations, pads, group: intAttribute(site, 'group', 1), outputPadding: longer };
  return [convTranspose(x, weight, site.inputs[2], options)];
};

/** Inputs x, weight, bias and what is added before the activation. */
const fusedConv: Lowering = (site) => {
  const [x, weight, bias, addend] = site.inputs;
  const plain = Object.entries(site.attributes).filter(([name]) => !name.startsWith('activation'));
  const [result] = addNode(site.graph, 'Conv', bias ? [x, weight, bias] : [x, weight], Object.fromEntries(plain));
  return [activated(site, addend ? add(result, addend) : result)];
};

/** Patches added up where they lie in the picture: a transposed convolution with one tap a channel. */
const col2Im: Lowering = (site) => {
  const x = valueAt(site, 0);
  const [image, block] = [constantNumbers(site, 1) ?? [], constantNumbers(site, 2) ?? []];
  const axes = image.length;
  const strides = intsAttribute(site, 'strides', repeated(1, axes));
  const dilations = intsAttribute(site, 'dilations', repeated(1, axes));
  const pads = intsAttribute(site, 'pads', repeated(0, 2 * axes));
  const taps = elementCount(block);
  const group = x.shape[1] / taps;
  const reach = block.map((size, axis) => dilations[axis] * (size - 1) + 1);
  const padded = image.map((size, axis) => size + pads[axis] + pads[axes + axis]);
  const patches = padded.map((size, axis) => Math.floor((size - reach[axis]) / strides[axis]) + 1);
  if (!Number.isInteger(group) || elementCount(patches) !== x.shape[2]) {
    throw refuse(site, `the patches of ${block.join('×')} do not make ${image.join('×')}`);
  }
  const one = new Float32Array(x.shape[1] * taps);
  for (let channel = 0; channel < x.shape[1]; channel++) one[channel * taps + (channel % taps)] = 1;
  const weight = constant(site.graph, tensor('float32', [x.shape[1], 1, ...block], one));
  const outputPadding = padded.map((size, axis) => size - ((patches[axis] - 1) * strides[axis] + reach[axis]));
  const lattice = reshape(x, [x.shape[0], x.shape[1], ...patches]);
  return [convTranspose(lattice, weight, undefined, { strides, dilations, pads, group, outputPadding })];
};

function spatialAxes(x: Value): number[] {
  return x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
}

const globalMaxPool: Lowering = (site) => {
  const x = valueAt(site, 0);
  return [reduceMax(x, spatialAxes(x))];
};

/** (Σ|x|ᵖ)^(1/p). */
const norm = (site: LoweringSite, sum: (powers: Value) => Value): readonly Value[] => {
  const p = intAttribute(site, 'p', 2);
  const x = valueAt(site, 0);
  return [pow(sum(p === 2 ? mul(x, x) : pow(abs(x), p)), 1 / p)];
};

const globalLpPool: Lowering = (site) => norm(site, (powers) => reduceSum(powers, spatialAxes(powers)));

/** A mean that counts the padding, times the window's size, is the sum. */
const lpPool: Lowering = (site) =>
  norm(site, (powers) => {
    const { p, ...window } = site.attributes;
    const kernel = intsAttribute(site, 'kernel_shape', []);
    const means = addNode(site.graph, 'AveragePool', [powers], { ...window, count_include_pad: int(1) })[0];
    return mul(means, elementCount(kernel));
  });

export const convolutions: Lowerings = {
  Col2Im: col2Im,
  ConvTranspose: convTransposeOfSize,
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: globalMaxPool,
  LpPool: lpPool,
};

export const microsoftConvolutions: Lowerings = { FusedConv: fusedConv };
