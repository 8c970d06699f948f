// Writes a graph in operators that engines have on every device: some of those that are fastest on CPUs are theirs alone.
import { elementCount, tensor, zeros } from '../tensor/tensor.js';
import { addNode, constant, type Graph, type Node, type Value } from './graph.js';
import { type Window, windowOf } from './inference/convolution.js';
import { intsAttribute } from './inference/rule.js';
import { lower } from './lowering/index.js';
import { add, cast, conv, equal, expand, mul, pad, reduceMax, reduceSum, reshape, slice } from './ops.js';
import { type RewrittenGraph, rewriteGraph } from './rewrite.js';

/**
 * A copy of a graph that computes the same without the engine's own matrix products, pooling that tells which values it took,
 * shapes as inputs, and what only says when something is to be computed (`after`).
 */
export function portableGraph(original: Graph): RewrittenGraph {
  return rewriteGraph(original, (node, inputs) => {
    const [x, axes] = inputs;
    if (x && node.op === 'Unsqueeze' && axes && elementCount(axes.shape) === 0) return [x];
    if (x?.shape.length === 4 && node.op === 'MaxPool' && node.outputs.length > 1) return maxPoolWithPlaces(x, node);
    if (x && node.op === 'ConstantOfShape') return [filling(x.graph, node)];
    if (x && node.op === 'FusedMatMul') {
      const outputs = lower({ ...node, inputs, graph: x.graph, opset: x.graph.opset, outputCount: 1 });
      return outputs?.flatMap((value) => value ?? []);
    }
    // What is made of int32 places is of their type.
    const { op, domain, rules, attributes, outputs } = node;
    const retyped = inputs.find((value, i) => value && value.dtype !== node.inputs[i]?.dtype);
    return retyped && addNode(retyped.graph, op, inputs, attributes, outputs.length, { domain, rules });
  });
}

/** A value written out to a shape. */
function filling(graph: Graph, { attributes: { value }, outputs: [{ dtype, shape }] }: Node): Value {
  const content = value?.kind === 'tensor' ? value.value : zeros(dtype, [1]);
  return expand(constant(graph, content), shape);
}

/**
 * The maxima of N×C×H×W and their places in it, of equal values the first. A convolution lays the values of each window side by
 * side. Places are int32: float32 could not count them beyond 2²⁴, and GPUs have no int64.
 */
function maxPoolWithPlaces(x: Value, node: Node): readonly Value[] {
  const { graph } = x;
  const [samples, channels, height, width] = x.shape;
  const site = { ...node, outputCount: 1 };
  const window = windowOf(site, intsAttribute(site, 'kernel_shape', []), [height, width]);
  const { kernel, strides, dilations, pads } = window;
  const outputs = node.outputs[0].shape.slice(2);
  const planes = samples * channels;
  const taps = elementCount(kernel);

  const after = [height, width].map((size, axis) => {
    const end = (outputs[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1;
    return Math.max(0, end - size - pads[axis]);
  });
  const padded = pad(
    reshape(x, [planes, 1, height, width]),
    [0, 0, pads[0], pads[1], 0, 0, ...after],
    'constant',
    belowAll,
  );
  const one = Float32Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0));
  const weight = constant(graph, tensor('float32', [taps, 1, ...kernel], one));
  const laid = slice(conv(padded, weight, undefined, { strides, dilations }), [2, 3], [0, 0], outputs);

  const [largest] = addNode(graph, 'MaxPool', [x], node.attributes);
  const reached = cast(equal(laid, reshape(largest, [planes, 1, ...outputs])), 'float32');
  const rank = Float32Array.from({ length: taps }, (_, tap) => taps - tap);
  const ranked = mul(reached, constant(graph, tensor('float32', [1, taps, 1, 1], rank)));
  const taken = cast(equal(ranked, reduceMax(ranked, [1])), 'int32');
  const places = constant(graph, tensor('int32', [1, taps, ...outputs], placesOf(window, width, outputs)));
  const within = reduceSum(mul(taken, places), [1]);
  const starts = Int32Array.from({ length: planes }, (_, plane) => plane * height * width);
  const flat = add(within, constant(graph, tensor('int32', [planes, 1, 1, 1], starts)));
  return [largest, reshape(flat, [samples, channels, ...outputs])];
}

/** Smaller than any value of a network, and 0 times 0, as infinity is not. */
const belowAll = -3e38;

/** The place in its plane of every tap of every output's window: taps × rows × columns. */
function placesOf({ kernel, strides, dilations, pads }: Window, width: number, [rows, columns]: readonly number[]) {
  const places = new Int32Array(elementCount(kernel) * rows * columns);
  for (let i = 0; i < places.length; i++) {
    const [tap, row, column] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    const y = row * strides[0] - pads[0] + Math.floor(tap / kernel[1]) * dilations[0];
    const x = column * strides[1] - pads[1] + (tap % kernel[1]) * dilations[1];
    places[i] = y * width + x;
  }
  return places;
}
