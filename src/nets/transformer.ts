// Layers of transformers, on tokens N×positions×channels: linear maps, layer normalisation, attention, GELU.
import { parameter, type Value } from '../onnx/graph.js';
import {
  add,
  concat,
  div,
  erf,
  matMul,
  mul,
  pow,
  reduceMean,
  reshape,
  slice,
  softmax,
  sqrt,
  sub,
  transpose,
} from '../onnx/ops.js';

/** `x·weightᵀ + bias`: …×inputs → …×channels. */
export function linear(x: Value, name: string, channels: number): Value {
  const inputs = x.shape[x.shape.length - 1];
  const weight = parameter(x.graph, `${name}.weight`, [channels, inputs], { kind: 'normal', deviation: 0.02 });
  const bias = parameter(x.graph, `${name}.bias`, [channels], { kind: 'constant', value: 0 });
  return add(matMul(x, transpose(weight, [1, 0])), bias);
}

/** As Hugging Face's, whatever its configurations say. */
const epsilon = 1e-5;

/** Normalises each token by its own mean and (biased) variance. The engine fuses these operators into one. */
export function layerNorm(x: Value, name: string): Value {
  const channels = x.shape[x.shape.length - 1];
  const declare = (part: string, value: number) =>
    parameter(x.graph, `${name}.${part}`, [channels], { kind: 'constant', value });
  const centred = sub(x, reduceMean(x, [-1]));
  const deviation = sqrt(add(reduceMean(pow(centred, 2), [-1]), epsilon));
  return add(mul(div(centred, deviation), declare('weight', 1)), declare('bias', 0));
}

/** x·Φ(x), exactly. */
export function gelu(x: Value): Value {
  return mul(mul(x, add(erf(div(x, Math.SQRT2)), 1)), 0.5);
}

/** Attention scores in memory at once: 64 MB. One matrix of SegFormer's first stage at 1024×2048 would be 1 GB. */
const MAX_SCORES = 1 << 24;

/**
 * `softmax(q·kᵀ/√width)·v` in each head; heads are consecutive groups of channels. Queries go in blocks.
 * @param query N×positions×C. @param key, value N×others×C.
 */
export function attention(query: Value, key: Value, value: Value, heads: number): Value {
  const [batch, positions, channels] = query.shape;
  const others = key.shape[1];
  const width = channels / heads;
  const split = (x: Value, order: readonly number[]) => transpose(reshape(x, [batch, x.shape[1], heads, width]), order);
  const queries = split(mul(query, 1 / Math.sqrt(width)), [0, 2, 1, 3]);
  const keys = split(key, [0, 2, 3, 1]);
  const values = split(value, [0, 2, 1, 3]);
  const rows = Math.max(1, Math.floor(MAX_SCORES / (batch * heads * others)));
  const blocks: Value[] = [];
  for (let start = 0; start < positions; start += rows) {
    const end = Math.min(start + rows, positions);
    const block = start === 0 && end === positions ? queries : slice(queries, [2], [start], [end]);
    blocks.push(matMul(softmax(matMul(block, keys), -1), values));
  }
  const joined = blocks.length === 1 ? blocks[0] : concat(blocks, 2);
  return reshape(transpose(joined, [0, 2, 1, 3]), [batch, positions, channels]);
}

/** N×C×h×w → N×hw×C, row by row. */
export function tokensOf(image: Value): Value {
  const [batch, channels, height, width] = image.shape;
  return transpose(reshape(image, [batch, channels, height * width]), [0, 2, 1]);
}

/** N×hw×C → N×C×h×w. */
export function imageOf(tokens: Value, height: number, width: number): Value {
  const [batch, , channels] = tokens.shape;
  return reshape(transpose(tokens, [0, 2, 1]), [batch, channels, height, width]);
}
