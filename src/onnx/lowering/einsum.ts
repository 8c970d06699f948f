// Einsum by transpositions, sums and matrix products: two operands at a time.
import { elementCount, int64, type Shape } from '../../tensor/tensor.js';
import { constant, type Value } from '../graph.js';
import { refuse, stringAttribute } from '../inference/rule.js';
import { expand, gather, matMul, mul, reduceSum, reshape, transpose } from '../ops.js';
import { type Lowering, type LoweringSite, type Lowerings, valueAt } from './site.js';

/** A value whose axes have names. */
interface Term {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** `...` of an operand, as labels of their own: the last of them is the same in every operand. */
const ellipsisLabel = (fromEnd: number) => `…${fromEnd}`;

function labelsOf(site: LoweringSite, part: string, rank: number): string[] {
  const [before, after, ...rest] = part.split('...');
  if (rest.length > 0) throw refuse(site, `the part ${part} has more than one ellipsis`);
  if (after === undefined) return [...before];
  const covered = rank - before.length - after.length;
  if (covered < 0) throw refuse(site, `the part ${part} names more axes than its operand has`);
  return [...before, ...Array.from({ length: covered }, (_, i) => ellipsisLabel(covered - i)), ...after];
}

/** The equation's labels by operand, and those of the result: in alphabetical order of what stands once where it says none. */
function parse(site: LoweringSite): { operands: string[][]; result: string[] } {
  const equation = stringAttribute(site, 'equation', '').replaceAll(' ', '');
  const [left, right] = equation.split('->');
  const parts = left.split(',');
  if (parts.length !== site.inputs.length) {
    throw refuse(site, `the equation ${equation} has ${parts.length} operands, not ${site.inputs.length}`);
  }
  const operands = parts.map((part, i) => labelsOf(site, part, valueAt(site, i).shape.length));
  const all = operands.flat();
  const ellipsis = [...new Set(all.filter((label) => label.startsWith('…')))].sort(
    (a, b) => Number(b.slice(1)) - Number(a.slice(1)),
  );
  const once = all.filter((label) => !label.startsWith('…') && all.indexOf(label) === all.lastIndexOf(label));
  if (right === undefined) return { operands, result: [...ellipsis, ...once.sort()] };
  const [before, after] = right.split('...');
  return { operands, result: after === undefined ? [...before] : [...before, ...ellipsis, ...after] };
}

/** Of an axis named twice in one operand, the diagonal. */
function diagonal({ value, labels }: Term): Term {
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis);
  if (second < 0) return { value, labels };
  const first = labels.indexOf(labels[second]);
  const rest = labels.flatMap((_, axis) => (axis === first || axis === second ? [] : [axis]));
  const size = value.shape[first];
  const sizes = rest.map((axis) => value.shape[axis]);
  const squares = reshape(transpose(value, [...rest, first, second]), [...sizes, size * size]);
  const positions = Array.from({ length: size }, (_, i) => i * (size + 1));
  const taken = gather(squares, constant(value.graph, int64([size], positions)), rest.length);
  return diagonal({ value: taken, labels: [...rest.map((axis) => labels[axis]), labels[second]] });
}

/** The sum over axes that nobody else names. */
function summed({ value, labels }: Term, kept: ReadonlySet<string>): Term {
  const axes = labels.flatMap((label, axis) => (kept.has(label) ? [] : [axis]));
  if (axes.length === 0) return { value, labels };
  return { value: reduceSum(value, axes, false), labels: labels.filter((label) => kept.has(label)) };
}

/** The value with its axes in the order of `labels`; those it lacks have size 1. */
function arranged({ value, labels: own }: Term, labels: readonly string[]): Value {
  const order = labels.flatMap((label) => (own.includes(label) ? [own.indexOf(label)] : []));
  const turned = order.every((axis, i) => axis === i) ? value : transpose(value, order);
  if (order.length === labels.length) return turned;
  const sizes = labels.map((label) => (own.includes(label) ? value.shape[own.indexOf(label)] : 1));
  return reshape(turned, sizes);
}

function sizeOf(terms: readonly Term[], label: string): number {
  return Math.max(
    ...terms.map(({ value, labels }) => (labels.includes(label) ? value.shape[labels.indexOf(label)] : 1)),
  );
}

/** The product of two terms, summed over the axes that are not kept. */
function contracted(a: Term, b: Term, kept: ReadonlySet<string>): Term {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => kept.has(label));
  const inner = shared.filter((label) => !kept.has(label));
  const [rows, columns] = [a, b].map((term) => term.labels.filter((label) => !shared.includes(label)));
  const labels = [...batch, ...rows, ...columns];
  if (inner.length === 0) return { value: mul(arranged(a, labels), arranged(b, labels)), labels };
  const sizes = (list: readonly string[]): Shape => list.map((label) => sizeOf([a, b], label));
  const count = (list: readonly string[]) => elementCount(sizes(list));
  const whole = (term: Term, order: readonly string[]) => {
    const value = arranged(term, order);
    const full = sizes(order);
    return value.shape.join() === full.join() ? value : expand(value, full);
  };
  const left = reshape(whole(a, [...batch, ...rows, ...inner]), [count(batch), count(rows), count(inner)]);
  const right = reshape(whole(b, [...batch, ...inner, ...columns]), [count(batch), count(inner), count(columns)]);
  return { value: reshape(matMul(left, right), sizes(labels)), labels };
}

const einsum: Lowering = (site) => {
  const { operands, result } = parse(site);
  const terms = operands.map((labels, i) => diagonal({ value: valueAt(site, i), labels }));
  const total = terms.reduce((product, term, i) => {
    const later = terms.slice(i + 1).flatMap(({ labels }) => labels);
    const kept = new Set([...result, ...later]);
    const withNext = new Set([...kept, ...term.labels]);
    const withProduct = new Set([...kept, ...product.labels]);
    return contracted(summed(product, withNext), summed(term, withProduct), kept);
  });
  const only = summed(total, new Set(result));
  return [arranged(only, result)];
};

export const einsums: Lowerings = { Einsum: einsum };
