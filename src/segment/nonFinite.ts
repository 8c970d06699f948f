// Weights that are no finite numbers: what a network computes with them hardly is.
import { constantValue } from '../onnx/constantValue.js';
import type { Model } from '../onnx/model.js';
import type { Tensor } from '../tensor/tensor.js';

/** A line about the tensors of a model that hold NaN or infinities; undefined when all are finite. */
export function findNonFinite(model: Model): string | undefined {
  const constants = model.graph.nodes.flatMap((node) => {
    const value = constantValue(node);
    return value ? [[node.outputs[0], value] as const] : [];
  });
  const odd = [...model.graph.initializers, ...constants].filter(([, value]) => !holdsNumbers(value));
  if (odd.length === 0) return undefined;
  const [[first]] = odd;
  const others = odd.length > 1 ? ` and ${odd.length - 1} more` : '';
  return `weights that are not finite: NaN or infinity in "${first}"${others}`;
}

function holdsNumbers({ dtype, data }: Tensor): boolean {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    // All bits of the exponent are set in what is not finite.
    const exponent = dtype === 'float16' ? 0x7c00 : 0x7f80;
    return (data as Uint16Array).every((bits) => (bits & exponent) !== exponent);
  }
  if (data instanceof Float32Array || data instanceof Float64Array) return allFinite(data);
  return true;
}

/** Whether all values are finite: the product with 0 of any other is not 0, and stays in the sum. */
export function allFinite(values: Float32Array | Float64Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += values[i] * 0;
    b += values[i + 1] * 0;
    c += values[i + 2] * 0;
    d += values[i + 3] * 0;
  }
  for (let i = whole; i < values.length; i++) a += values[i] * 0;
  return a + b + c + d === 0;
}
