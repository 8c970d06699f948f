// Writes a network's graph with float16 values between its layers: parameters, normalisations and statistics stay float32.
import { float32ToFloat16 } from '../tensor/half.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { addNode, constant, type Graph, type Node, type Value } from './graph.js';
import { cast } from './ops.js';
import { type RewrittenGraph, rewriteGraph } from './rewrite.js';

/** Operators that take float16: nearly all of the time goes there, and GPUs need less of it. */
const narrowing = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);
/** Operators that are as exact in float16 as what they are given, and take it where all of that is float16. */
const carrying = new Set([
  ...['Add', 'Clip', 'Concat', 'Expand', 'LeakyRelu', 'Mul', 'Pad', 'Relu', 'Reshape', 'Slice', 'Split', 'Squeeze'],
  ...['Transpose', 'Unsqueeze'],
]);

/**
 * A copy of a graph whose layers take and give float16. Whatever sums or divides computes in float32, of which a normalisation's
 * result becomes float16 again; parameters and inputs stay as they are. Any float32 value may have become a float16 one.
 */
export function halfPrecisionGraph(original: Graph): RewrittenGraph {
  const others = new Map<Value, Value>();
  /** A float value in one of the two precisions; cast once. */
  const as = (value: Value, dtype: 'float16' | 'float32'): Value => {
    if (value.dtype === dtype || !isFloat(value)) return value;
    const known = others.get(value);
    if (known) return known;
    const other = value.constant ? constant(value.graph, halved(value.constant)) : cast(value, dtype);
    others.set(value, other);
    return other;
  };
  return rewriteGraph(original, (node, inputs) => {
    const [graph] = inputs.flatMap((value) => value?.graph ?? []);
    if (!graph) return undefined;
    const dtype = takesHalf(node, inputs) ? 'float16' : 'float32';
    const given = inputs.map((value) => value && as(value, dtype));
    const { op, domain, rules, attributes, name } = node;
    const outputs = addNode(graph, op, given, attributes, node.outputs.length, { domain, rules, name });
    return op === 'BatchNormalization' ? outputs.map((value) => as(value, 'float16')) : outputs;
  });
}

const isFloat = ({ dtype }: Value) => dtype === 'float32' || dtype === 'float16';

function takesHalf({ op, domain }: Node, inputs: readonly (Value | undefined)[]): boolean {
  if (domain !== '') return false;
  if (narrowing.has(op)) return true;
  const floats = inputs.filter((value) => value !== undefined).filter(isFloat);
  return (
    carrying.has(op) &&
    floats.some(({ dtype }) => dtype === 'float16') &&
    floats.every(({ dtype, constant }) => dtype === 'float16' || (constant && isOrdinary(constant)))
  );
}

/** Whether float16 holds all of the values with full precision; what keeps a divisor from 0, or hides a score, may be out of its range. */
function isOrdinary({ data }: Tensor): boolean {
  return (data as Float32Array).every(
    (value) => value === 0 || (Math.abs(value) >= 2 ** -14 && Math.abs(value) < 65520),
  );
}

function halved({ shape, data }: Tensor): Tensor {
  return tensor('float16', shape, float32ToFloat16(data as Float32Array));
}
