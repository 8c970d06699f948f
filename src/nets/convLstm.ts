// The convolutional LSTM (Shi et al., NeurIPS 2015), without peephole connections.
import { constant, type Value } from '../onnx/graph.js';
import { add, concat, mul, sigmoid, split, tanh } from '../onnx/ops.js';
import { zeros } from '../tensor/tensor.js';
import { convolution } from './convolution.js';

/** N×channels×H×W each. */
export interface ConvLstmState {
  readonly hidden: Value;
  readonly cell: Value;
}

/**
 * One step. Adds `name.Gates.weight` and `.bias`: a 3×3 convolution from input and hidden state to the gates input,
 * forget, output and cell, `channels` each.
 *
 * @param x N×C×H×W.
 * @param state what the step before returned; zeros by default.
 */
export function convLstmCell(x: Value, name: string, channels: number, state?: ConvLstmState): ConvLstmState {
  const [batch, , height, width] = x.shape;
  const hidden = state?.hidden ?? constant(x.graph, zeros('float32', [batch, channels, height, width]));
  const gates = convolution(concat([x, hidden], 1), `${name}.Gates`, {
    channels: 4 * channels,
    kernel: 3,
    bias: true,
    initialization: 'head',
  });
  const [input, forget, output, candidate] = split(gates, 1, Array(4).fill(channels));
  const fresh = mul(sigmoid(input), tanh(candidate));
  const cell = state ? add(mul(sigmoid(forget), state.cell), fresh) : fresh;
  return { hidden: mul(sigmoid(output), tanh(cell)), cell };
}
