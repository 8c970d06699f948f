// Reverse-mode differentiation of a graph into the same graph: one rule an operator, in terms of plain operators.

import { messageOf, SteadysegError } from '../base/errors.js';
import { lookUp } from '../base/lookUp.js';
import {
  type Contribution,
  type GradientSite,
  type Graph,
  type Node,
  neededNodes,
  stopGradient,
  type Value,
} from '../onnx/graph.js';
import { add, filled, scatterElements } from '../onnx/ops.js';
import { elementCount, formatShape } from '../tensor/tensor.js';
import { sumOfProducts } from './product.js';
import { type Recall, recomputation } from './recomputation.js';
import { writeOut } from './rule.js';
import { piecewiseConstant } from './rules/arithmetic.js';
import { gradientRules } from './rules/index.js';

/** What `gradients` takes besides the values. */
export interface GradientOptions {
  /** Values that are cheap to compute: the way back computes them again instead of keeping them in memory until then. */
  readonly recomputed?: ReadonlySet<Value> | undefined;
}

/**
 * Adds nodes to the graph that compute ∂loss/∂value for each of `values`, and returns those gradients in order.
 * Only what lies between the values and the loss is differentiated; nothing flows through `detach`.
 * A value the loss does not depend on gets a gradient of zeros.
 * @throws SteadysegError when the loss is no single number, or naming an operator (and its node) that has no rule.
 */
export function gradients(
  graph: Graph,
  loss: Value,
  values: readonly Value[],
  { recomputed = new Set() }: GradientOptions = {},
): Value[] {
  if (elementCount(loss.shape) !== 1) {
    throw new SteadysegError(`expected a loss of one number, found ${loss.name} of shape ${formatShape(loss.shape)}`);
  }
  const active = activeValues(graph, values);
  const needed = neededNodes([loss]);
  const path = graph.nodes.filter((node) => needed.has(node) && node.outputs.some((value) => active.has(value)));

  const pending = new Map<Value, Contribution[]>([[loss, [{ kind: 'dense', value: filled(graph, loss.shape, 1) }]]]);
  const wanted = new Set(values);
  const done = new Map<Value, Value>();
  const recall = recomputation(graph, recomputed);
  /** The gradient of a value, once all of its uses have contributed. */
  const gradientOf = (value: Value): Value | undefined => {
    const known = done.get(value);
    if (known) return known;
    const contributions = pending.get(value);
    if (!contributions) return undefined;
    const sum = total(value, contributions);
    pending.delete(value);
    done.set(value, sum);
    return sum;
  };

  for (const node of path.reverse()) {
    const flowing = node.outputs.map(gradientOf);
    if (flowing.every((gradient) => gradient === undefined)) continue;
    for (const [index, contribution] of applyRule(node, flowing, active, recall)) {
      const target = node.inputs[index];
      if (!target) continue;
      const list = pending.get(target);
      if (list) list.push(contribution);
      else pending.set(target, [contribution]);
    }
    // What nobody asked for is not kept.
    for (const output of node.outputs) if (!wanted.has(output)) done.delete(output);
  }
  return values.map((value) => {
    const gradient = gradientOf(value);
    return gradient ? writeOut(gradient, value.shape) : filled(graph, value.shape, 0, value.dtype);
  });
}

/** The values that a change of any of `values` changes, these included: no integers, nothing piecewise constant. */
function activeValues(graph: Graph, values: readonly Value[]): Set<Value> {
  const active = new Set(values);
  for (const node of graph.nodes) {
    if (node.op === stopGradient || (!node.rules && piecewiseConstant.has(node.op))) continue;
    if (!node.inputs.some((value) => value && active.has(value))) continue;
    for (const output of node.outputs) if (output.dtype.includes('float')) active.add(output);
  }
  return active;
}

function applyRule(
  node: Node,
  flowing: readonly (Value | undefined)[],
  active: ReadonlySet<Value>,
  recall: Recall,
): [number, Contribution][] {
  const known = node.domain === '' ? lookUp(gradientRules, node.op) : undefined;
  const rule = node.rules ? node.rules.gradient : known;
  if (!rule) {
    const operator = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
    throw new SteadysegError(`the operator ${operator} of node ${node.name} has no gradient rule`);
  }
  try {
    const contributions = rule(siteOf(node, flowing, active, recall));
    const reached = new Set(node.inputs.filter((_, index) => contributions[index]));
    return node.inputs.flatMap((from, index) => {
      if (!from || !active.has(from)) return [];
      if (!reached.has(from)) {
        throw new SteadysegError(`its input ${from.name} counts as a constant to the gradient; detach it`);
      }
      const contribution = contributions[index];
      if (!contribution) return [];
      const part: Contribution = 'kind' in contribution ? contribution : { kind: 'dense', value: contribution };
      return [[index, part] as [number, Contribution]];
    });
  } catch (thrown) {
    throw new SteadysegError(`the gradient of node ${node.name} (${node.op}): ${messageOf(thrown)}`, { cause: thrown });
  }
}

function siteOf(
  node: Node,
  flowing: readonly (Value | undefined)[],
  active: ReadonlySet<Value>,
  recall: Recall,
): GradientSite {
  const [first] = flowing;
  const now = flowing.find((gradient) => gradient !== undefined);
  const seen = (value: Value) => (now ? recall(value, now) : value);
  return {
    node,
    get output() {
      return seen(node.outputs[0]);
    },
    input(index) {
      const value = node.inputs[index];
      if (!value) throw new SteadysegError(`input ${index} is missing`);
      return seen(value);
    },
    get gradient() {
      if (!first) throw new SteadysegError('no gradient flows into its first output');
      return first;
    },
    full(index) {
      const gradient = flowing[index];
      return gradient && writeOut(gradient, node.outputs[index].shape);
    },
    wants(index) {
      const value = node.inputs[index];
      return value !== undefined && active.has(value);
    },
    number(name, fallback) {
      const attribute = node.attributes[name];
      return attribute?.kind === 'int' || attribute?.kind === 'float' ? attribute.value : fallback;
    },
    numbers(name, fallback) {
      const attribute = node.attributes[name];
      return attribute?.kind === 'ints' ? attribute.value : fallback;
    },
    string(name, fallback) {
      const attribute = node.attributes[name];
      return attribute?.kind === 'string' ? attribute.value : fallback;
    },
  };
}

/** The sum of all contributions: dense ones and products first, then scattered ones on top of them. */
function total(value: Value, contributions: readonly Contribution[]): Value {
  const dense = contributions.flatMap((part) => (part.kind === 'dense' ? [part.value] : []));
  const products = contributions.flatMap((part) => (part.kind === 'product' ? [part] : []));
  if (products.length > 0) dense.push(sumOfProducts(products));
  const scattered = contributions.flatMap((part) => (part.kind === 'scattered' ? [part] : []));
  let sum = dense.length > 0 ? dense.reduce((a, b) => add(a, b)) : undefined;
  if (scattered.length === 0 && sum) return sum;
  sum = sum ? writeOut(sum, value.shape) : filled(value.graph, value.shape, 0, value.dtype);
  for (const { indices, updates, axis } of scattered) sum = scatterElements(sum, indices, updates, axis, 'add');
  return sum;
}
