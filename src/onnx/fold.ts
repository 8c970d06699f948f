// Computes small expressions of constants at import, so that shapes which exporters calculate in the graph become known.
import { lookUp } from '../base/lookUp.js';
import {
  type DType,
  elementCount,
  int64,
  int64Of,
  numbersOf,
  type Shape,
  type Tensor,
  zeros,
} from '../tensor/tensor.js';
import { inferOutputs } from './inference/index.js';
import { sliceRanges } from './inference/movement.js';
import { reducedAxes } from './inference/reduction.js';
import { intAttribute, normalizeAxis, type Site, type ValueType } from './inference/rule.js';

/** Shape arithmetic is short; anything longer is data, which the engine folds. */
const MAX_FOLDED_ELEMENTS = 4096;

/** The elements of an operator's inputs, row-major; none where one is left out. */
type Inputs = readonly (readonly number[])[];

const truth = (value: boolean) => Number(value);
/** The remainder with the sign of the divisor, as integers have it. */
const modulo = (a: number, b: number) => a - b * Math.floor(a / b);
/** Halves go to the even neighbour. */
const roundToEven = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const last = Number.MAX_VALUE;

/** Operators that work element by element, on broadcast operands. */
const elementwise: Readonly<Record<string, (...operands: number[]) => number>> = {
  Abs: Math.abs,
  Add: (a, b) => a + b,
  And: (a, b) => truth(a !== 0 && b !== 0),
  Ceil: Math.ceil,
  Clip: (x, low = -last, high = last) => Math.min(Math.max(x, low), high),
  Div: (a, b) => a / b,
  Equal: (a, b) => truth(a === b),
  Exp: Math.exp,
  Floor: Math.floor,
  Greater: (a, b) => truth(a > b),
  GreaterOrEqual: (a, b) => truth(a >= b),
  Less: (a, b) => truth(a < b),
  LessOrEqual: (a, b) => truth(a <= b),
  Log: Math.log,
  Max: Math.max,
  Min: Math.min,
  Mul: (a, b) => a * b,
  Neg: (x) => -x,
  Not: (x) => truth(x === 0),
  Or: (a, b) => truth(a !== 0 || b !== 0),
  Pow: (a, b) => a ** b,
  Reciprocal: (x) => 1 / x,
  Round: roundToEven,
  Sign: Math.sign,
  Sqrt: Math.sqrt,
  Sub: (a, b) => a - b,
  Where: (condition, yes, no) => (condition ? yes : no),
  Xor: (a, b) => truth(a !== b),
};

const reductions: Readonly<Record<string, (elements: readonly number[]) => number>> = {
  ReduceMax: (elements) => Math.max(...elements),
  ReduceMean: (elements) => elements.reduce((sum, x) => sum + x, 0) / elements.length,
  ReduceMin: (elements) => Math.min(...elements),
  ReduceProd: (elements) => elements.reduce((product, x) => product * x, 1),
  ReduceSum: (elements) => elements.reduce((sum, x) => sum + x, 0),
};

/** Operators that give the elements of their first input as they are. */
const moves: readonly string[] = ['Flatten', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'];

/** The position of an element in a tensor of `shape`, whose axes are the last ones of the index and repeat where they have size 1. */
function flatPosition(shape: Shape, index: readonly number[]): number {
  const lead = index.length - shape.length;
  return shape.reduce((flat, size, axis) => flat * size + (size === 1 ? 0 : index[lead + axis]), 0);
}

/** The indices of all elements of a shape, row-major. */
function indicesOf(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (indices, size) => indices.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
}

/** Elements of `output` picked from `from` of shape `shape`: `source` says where each comes from. */
function picked(output: Shape, from: readonly number[], shape: Shape, source: (index: number[]) => number[]): number[] {
  return indicesOf(output).map((index) => from[flatPosition(shape, source(index))]);
}

const wrapped = (position: number, size: number) => (position < 0 ? position + size : position);

const shapeOf = (site: Site, index: number): Shape => site.inputs[index]?.shape ?? [];

/** Operators that pick, join or make elements. */
const others: Readonly<Record<string, (site: Site, inputs: Inputs, output: Shape) => number[] | undefined>> = {
  Cast: (_site, [a]) => [...a],
  Concat(site, inputs, output) {
    const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), output.length);
    const sizes = inputs.map((_, i) => shapeOf(site, i)[axis]);
    return indicesOf(output).map((index) => {
      let part = 0;
      let position = index[axis];
      while (position >= sizes[part]) position -= sizes[part++];
      return inputs[part][flatPosition(shapeOf(site, part), index.with(axis, position))];
    });
  },
  ConstantOfShape(site, _inputs, output) {
    const attribute = site.attributes.value;
    const value = attribute?.kind === 'tensor' ? Number(attribute.value.data[0]) : 0;
    return Array(elementCount(output)).fill(value);
  },
  Expand: (site, [a], output) => picked(output, a, shapeOf(site, 0), (index) => index),
  Gather(site, [a, indices], output) {
    const [shape, chosen] = [shapeOf(site, 0), shapeOf(site, 1)];
    const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), shape.length);
    return picked(output, a, shape, (index) => {
      const at = indices[flatPosition(chosen, index.slice(axis, axis + chosen.length))];
      return [...index.slice(0, axis), wrapped(at, shape[axis]), ...index.slice(axis + chosen.length)];
    });
  },
  Mod(site, [a, b], output) {
    const remainder = intAttribute(site, 'fmod', 0) === 1 ? (x: number, y: number) => x % y : modulo;
    return broadcast(site, [a, b], output, remainder);
  },
  NonZero(site, [a]) {
    const shape = shapeOf(site, 0);
    const found = indicesOf(shape).filter((index) => a[flatPosition(shape, index)] !== 0);
    return shape.flatMap((_, axis) => found.map((index) => index[axis]));
  },
  Range: (_site, [start, , step], output) => Array.from({ length: output[0] }, (_, i) => start[0] + i * step[0]),
  ScatterND(site, [a, indices, updates]) {
    const reduction = site.attributes.reduction;
    if (reduction?.kind === 'string' && reduction.value !== 'none') return undefined;
    const [shape, chosen] = [shapeOf(site, 0), shapeOf(site, 1)];
    const depth = chosen[chosen.length - 1];
    const block = elementCount(shape.slice(depth));
    const result = [...a];
    for (let i = 0; i * depth < indices.length; i++) {
      const index = shape.slice(0, depth).map((size, axis) => wrapped(indices[i * depth + axis], size));
      const start = flatPosition(shape.slice(0, depth), index) * block;
      for (let k = 0; k < block; k++) result[start + k] = updates[i * block + k];
    }
    return result;
  },
  Slice(site, [a], output) {
    const ranges = sliceRanges(site);
    return picked(output, a, shapeOf(site, 0), (index) =>
      index.map((i, axis) => ranges[axis].start + i * ranges[axis].step),
    );
  },
  Tile: (site, [a], output) =>
    picked(output, a, shapeOf(site, 0), (index) => index.map((i, axis) => i % shapeOf(site, 0)[axis])),
  Transpose(site, [a], output) {
    const given = site.attributes.perm;
    const permutation = given?.kind === 'ints' ? given.value : output.map((_, axis) => output.length - 1 - axis);
    return picked(output, a, shapeOf(site, 0), (index) => output.map((_, axis) => index[permutation.indexOf(axis)]));
  },
};

function broadcast(site: Site, inputs: Inputs, output: Shape, compute: (...operands: number[]) => number): number[] {
  return indicesOf(output).map((index) =>
    compute(...inputs.map((elements, i) => elements[flatPosition(shapeOf(site, i), index)])),
  );
}

function reduced(site: Site, [a]: Inputs, compute: (elements: readonly number[]) => number): number[] {
  const shape = shapeOf(site, 0);
  const axes = reducedAxes(site);
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const groups = indicesOf(kept).map((): number[] => []);
  for (const index of indicesOf(shape)) groups[flatPosition(kept, index)].push(a[flatPosition(shape, index)]);
  return groups.map(compute);
}

/** The contents of an operator's outputs where they hang on constants and sizes alone, or undefined where they are not computed here. */
export function foldConstants(site: Site): Tensor[] | undefined {
  if (site.op === 'Shape' || site.op === 'Size') {
    const [output] = inferOutputs(site);
    const shape = shapeOf(site, 0);
    if (site.op === 'Size') return [int64([], [elementCount(shape)])];
    const start = intAttribute(site, 'start', 0);
    return [contentOf(output, shape.slice(start).slice(0, output.shape[0]))];
  }
  const known =
    [...moves, 'Split'].includes(site.op) ||
    [elementwise, reductions, others].some((table) => Object.hasOwn(table, site.op));
  if (!known || site.inputs.some((value) => value && !value.constant)) return undefined;
  const outputs = inferOutputs(site);
  if ([...outputs, ...site.inputs].some((type) => type && elementCount(type.shape) > MAX_FOLDED_ELEMENTS)) {
    return undefined;
  }
  const move = moves.includes(site.op);
  if (!move && [...outputs, ...site.inputs].some((type) => type && isHalf(type))) return undefined;
  // Bounds of a Slice are limited to the axis, however far beyond it they lie.
  const counted = site.op === 'Slice' ? site.inputs.slice(0, 1) : site.inputs;
  if (counted.some((value) => value?.constant && !holdsNumbers(value.constant))) return undefined;
  const inputs = site.inputs.map((value) => (value?.constant ? numbersOf(value.constant) : []));
  if (site.op === 'Split') return splitParts(site, inputs[0], outputs);
  const [output] = outputs;
  const result = move ? inputs[0] : computed(site, inputs, output);
  return result && [contentOf(output, result)];
}

function computed(site: Site, inputs: Inputs, output: ValueType): readonly number[] | undefined {
  const [byElement, reduction] = [lookUp(elementwise, site.op), lookUp(reductions, site.op)];
  const result = byElement
    ? broadcast(site, inputs, output.shape, byElement)
    : reduction
      ? reduced(site, inputs, reduction)
      : undefined;
  // The engine wraps integers; numbers lose their last digits before that.
  if (result) return output.dtype.includes('int') && result.some((x) => Math.abs(x) >= 2 ** 53) ? undefined : result;
  return lookUp(others, site.op)?.(site, inputs, output.shape);
}

function splitParts(site: Site, elements: readonly number[], outputs: readonly ValueType[]): Tensor[] {
  const shape = shapeOf(site, 0);
  const axis = normalizeAxis(site, intAttribute(site, 'axis', 0), shape.length);
  let start = 0;
  return outputs.map((output) => {
    const from = start;
    start += output.shape[axis];
    return contentOf(
      output,
      picked(output.shape, elements, shape, (index) => index.with(axis, index[axis] + from)),
    );
  });
}

/** Whether all its integers are numbers here as they are in the file; "to the end" (see `int64Of`) is. */
function holdsNumbers({ data }: Tensor): boolean {
  return (
    !(data instanceof BigInt64Array || data instanceof BigUint64Array) || data.every((x) => int64Of(Number(x)) === x)
  );
}

/** Half-precision data holds bits, which can be moved but are no numbers to compute with. */
function isHalf({ dtype }: ValueType): boolean {
  return dtype === 'float16' || dtype === 'bfloat16';
}

function converted(x: number, to: DType): number {
  if (to === 'bool') return truth(x !== 0);
  return to.includes('int') ? Math.trunc(x) : x;
}

function contentOf(type: ValueType, elements: readonly number[]): Tensor {
  const { dtype, shape } = type;
  const values = isHalf(type) ? elements : elements.map((x) => converted(x, dtype));
  if (dtype === 'int64') return int64(shape, values);
  const result = zeros(dtype, shape);
  for (let i = 0; i < result.data.length; i++) result.data[i] = values[i];
  return result;
}
