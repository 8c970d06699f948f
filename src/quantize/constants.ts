// Computes what a network computes of constants alone, by the engine: weights that were cut, joined, scaled or stored smaller.
import { createEditor } from '../onnx/editor.js';
import type { Model, ModelNode } from '../onnx/model.js';
import { withUnlistedInitializers } from '../onnx/storedConstants.js';
import { writeModel } from '../onnx/write.js';
import { createSession } from '../runtime/session.js';

/** Operators that give something else every time. */
const random = /^(Random|Bernoulli|Multinomial|Dropout)/;

/** The same model with values that do not depend on its input as initializers. @param source names it in errors. */
export async function computeConstants(model: Model, source: string): Promise<Model> {
  const constant = new Set(model.graph.initializers.keys());
  const nodes: ModelNode[] = [];
  for (const node of model.graph.nodes) {
    const isOpaque = Object.values(node.attributes).some(({ kind }) => kind === 'opaque');
    if (isOpaque || random.test(node.op)) continue;
    if (!node.inputs.every((input) => input === '' || constant.has(input))) continue;
    for (const output of node.outputs) constant.add(output);
    nodes.push(node);
  }
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const inner = new Set(nodes);
  const read = new Set(model.graph.nodes.filter((node) => !inner.has(node)).flatMap(({ inputs }) => inputs));
  const results = nodes.flatMap((node) => node.outputs).filter((value) => read.has(value) && !outputs.has(value));
  if (results.length === 0) return model;
  const part = createEditor(withUnlistedInitializers(model));
  part.keepOutputs(results);
  const computing = part.finish();
  const needed = new Set(computing.graph.nodes.flatMap(({ inputs }) => inputs));
  const initializers = new Map([...computing.graph.initializers].filter(([name]) => needed.has(name)));
  const alone = { ...computing, graph: { ...computing.graph, inputs: [], initializers } };
  const session = await createSession(writeModel(alone), { source, threads: 1 });
  const values = await session.run({}).finally(() => session.release());
  const editor = createEditor(withUnlistedInitializers(model));
  for (const node of nodes) if (!node.outputs.some((output) => outputs.has(output))) editor.remove(node);
  for (const [name, content] of Object.entries(values)) editor.setInitializer(name, content);
  for (const name of model.graph.initializers.keys()) {
    const wasRead = nodes.some(({ inputs }) => inputs.includes(name));
    if (wasRead && !editor.isRead(name)) editor.removeInitializer(name);
  }
  return editor.finish();
}
