// FlowNet2's channel norm.
import type { Value } from '../onnx/graph.js';
import { mul, reduceSum, sqrt } from '../onnx/ops.js';

/** N×C×H×W → N×1×H×W: the Euclidean length of each pixel's channels. */
export function channelNorm(x: Value): Value {
  return sqrt(reduceSum(mul(x, x), [1]));
}
