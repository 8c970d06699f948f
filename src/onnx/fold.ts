// Computes small integer expressions of constants at import, so that shapes which exporters calculate in the graph become known.
import { type DType, elementCount, int64, numbersOf, type Tensor, zeros } from '../tensor/tensor.js';
import { sliceRanges } from './inference/movement.js';
import { intAttribute, type Site, type ValueType } from './inference/rule.js';

/** Shape arithmetic is short; anything longer is data, which the engine folds. */
const MAX_FOLDED_ELEMENTS = 4096;

const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Max: Math.max,
  Min: Math.min,
  Equal: (a, b) => Number(a === b),
};

const functions: Readonly<Record<string, (x: number) => number>> = {
  Ceil: Math.ceil,
  Floor: Math.floor,
  Neg: (x) => -x,
  Sqrt: Math.sqrt,
};

/** Operators that give the elements of their first input as they are. */
const moves: readonly string[] = ['Identity', 'Reshape', 'Squeeze', 'Unsqueeze'];

/** The content of the single output of an operator on constants, or undefined when it is not computed here. */
export function foldConstants(site: Site, output: ValueType): Tensor | undefined {
  if (elementCount(output.shape) > MAX_FOLDED_ELEMENTS) return undefined;
  if (site.op === 'Shape') {
    const start = intAttribute(site, 'start', 0);
    const shape = site.inputs[0]?.shape ?? [];
    return fill(output, (i) => shape[i + (start < 0 ? start + shape.length : start)]);
  }
  const move = moves.includes(site.op);
  if (!move && [output, ...site.inputs].some((type) => type && isHalf(type))) return undefined;
  const values: number[][] = [];
  for (const value of site.inputs) {
    if (!value?.constant) {
      if (value) return undefined;
      values.push([]);
    } else {
      values.push(numbersOf(value.constant));
    }
  }
  const [a, b] = values;
  if (move) return fill(output, (i) => a[i]);
  if (site.op === 'Cast') return fill(output, (i) => converted(a[i], output.dtype));
  if (functions[site.op]) return fill(output, (i) => functions[site.op](a[i]));
  const flat = site.inputs.every((value) => (value?.shape.length ?? 0) <= 1);
  if (!flat) return undefined;
  const pick = (list: number[], i: number) => list[list.length === 1 ? 0 : i];
  if (arithmetic[site.op]) {
    const integer = output.dtype.includes('int');
    return fill(output, (i) => {
      const result = arithmetic[site.op](pick(a, i), pick(b, i));
      return integer ? Math.trunc(result) : result;
    });
  }
  switch (site.op) {
    case 'Concat': {
      const all = values.flat();
      return fill(output, (i) => all[i]);
    }
    case 'ConstantOfShape': {
      const attribute = site.attributes.value;
      const value = attribute?.kind === 'tensor' ? Number(attribute.value.data[0]) : 0;
      return fill(output, () => value);
    }
    case 'Gather':
      return fill(output, (i) => a[b[i] < 0 ? b[i] + a.length : b[i]]);
    case 'Range':
      return fill(output, (i) => a[0] + i * values[2][0]);
    case 'Slice': {
      const [{ start, step }] = sliceRanges(site);
      return fill(output, (i) => a[start + i * step]);
    }
    case 'Where':
      return fill(output, (i) => (pick(a, i) ? pick(b, i) : pick(values[2], i)));
    default:
      return undefined;
  }
}

/** Half-precision data holds bits, which can be moved but are no numbers to compute with. */
function isHalf({ dtype }: ValueType): boolean {
  return dtype === 'float16' || dtype === 'bfloat16';
}

function converted(x: number, to: DType): number {
  if (to === 'bool') return Number(x !== 0);
  return to.includes('int') ? Math.trunc(x) : x;
}

function fill(type: ValueType, value: (i: number) => number): Tensor {
  if (type.dtype === 'int64') {
    const count = elementCount(type.shape);
    return int64(type.shape, [...Array(count).keys()].map(value));
  }
  const result = zeros(type.dtype, type.shape);
  for (let i = 0; i < result.data.length; i++) result.data[i] = value(i);
  return result;
}
