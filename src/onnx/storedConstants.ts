// Weights that a file keeps in `Constant` nodes, as initializers, where the rest of the weights are.
import type { Tensor } from '../tensor/tensor.js';
import { constantValue } from './constantValue.js';
import { createEditor } from './editor.js';
import type { Model, ModelNode } from './model.js';

/** The tensors of floats that `Constant` nodes give, with the nodes; numbers alone are no weights. */
export function storedConstants(model: Model): { readonly node: ModelNode; readonly content: Tensor }[] {
  return model.graph.nodes.flatMap((node) => {
    const content = constantValue(node);
    return content && content.shape.length > 0 && content.dtype.includes('float') ? [{ node, content }] : [];
  });
}

/** The same model with these tensors as initializers. */
export function constantsAsInitializers(model: Model): Model {
  const constants = storedConstants(model);
  if (constants.length === 0) return model;
  const editor = createEditor(model);
  for (const { node, content } of constants) {
    editor.remove(node);
    editor.setInitializer(node.outputs[0], content);
  }
  return withUnlistedInitializers(editor.finish());
}

/** The oldest file format in which initializers need not be inputs too. */
const unlistedVersion = 4;

/** The same model in a file format that allows initializers which are no inputs; nothing else differs between the two. */
export function withUnlistedInitializers(model: Model): Model {
  return model.irVersion >= unlistedVersion ? model : { ...model, irVersion: unlistedVersion };
}
