// Values that the way back computes again, so that they need not stay in memory since the way forward.
import { addNode, type Graph, type Value } from '../onnx/graph.js';
import { after } from '../onnx/ops.js';

/** A value as the way back uses it: the same, or computed again once `gradient` is there. */
export type Recall = (value: Value, gradient: Value) => Value;

/** Computes every value of `recomputed` again when it is first asked for. */
export function recomputation(graph: Graph, recomputed: ReadonlySet<Value>): Recall {
  const again = new Map<Value, Value>();
  const recall: Recall = (value, gradient) => {
    const { producer } = value;
    if (!producer || !recomputed.has(value)) return value;
    const known = again.get(value);
    if (known) return known;
    const inputs = producer.inputs.map((input) => {
      if (!input || input.constant) return input;
      // Without the dependence an engine may compute it as early as the first time.
      return recomputed.has(input) ? recall(input, gradient) : after(input, gradient);
    });
    const outputs = addNode(graph, producer.op, inputs, producer.attributes, producer.outputs.length, {
      domain: producer.domain,
      rules: producer.rules,
    });
    producer.outputs.forEach((output, i) => {
      again.set(output, outputs[i]);
    });
    return outputs[producer.outputs.indexOf(value)];
  };
  return recall;
}
