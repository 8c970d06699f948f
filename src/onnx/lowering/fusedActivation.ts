// The activation that ONNX Runtime's optimiser has put into a node before it.
import type { Value } from '../graph.js';
import { refuse, stringAttribute } from '../inference/rule.js';
import { clip, hardSigmoid, leakyRelu, relu, sigmoid, tanh } from '../ops.js';
import type { LoweringSite } from './site.js';

/** The value after the node's activation, if it has one, whose numbers stand in a list or in attributes of their own. */
export function activated(site: LoweringSite, value: Value): Value {
  const name = stringAttribute(site, 'activation', '');
  const list = site.attributes.activation_params;
  const number = (index: number, own: string, fallback: number) => {
    const attribute = site.attributes[own];
    if (attribute?.kind === 'float') return attribute.value;
    return list?.kind === 'floats' ? (list.value[index] ?? fallback) : fallback;
  };
  switch (name) {
    case '':
      return value;
    case 'Relu':
      return relu(value);
    case 'Sigmoid':
      return sigmoid(value);
    case 'Tanh':
      return tanh(value);
    case 'LeakyRelu':
      return leakyRelu(value, number(0, 'activation_alpha', 0.01));
    case 'Clip':
      return clip(value, number(0, 'activation_min', -3.4e38), number(1, 'activation_max', 3.4e38));
    case 'HardSigmoid':
      return hardSigmoid(value, number(0, 'activation_alpha', 0.2), number(1, 'activation_beta', 0.5));
    default:
      throw refuse(site, `the activation ${name} is not supported`);
  }
}
