// Brings a whole model to a newer operator set: what passes need that put in operators an old set has not.
import { SteadysegError } from '../base/errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { createEditor } from './editor.js';
import { defaultOpset } from './graph.js';
import { int, type Model, type ModelNode } from './model.js';
import { withUnlistedInitializers } from './storedConstants.js';
import { upgradeNode } from './upgrade.js';

/** The file format version that goes with the operator set upgraded to. */
const irVersion = 8;

/**
 * The same model in an operator set of at least `needed`: as it is, where its own suffices, else in `defaultOpset`.
 * @throws SteadysegError for a model with conditional parts, or of an operator set too old to bring up.
 */
export function upgradeModel(model: Model, needed: number): Model {
  const opset = model.opsets.get('') ?? defaultOpset;
  if (opset >= needed) return model;
  const editor = createEditor(model);
  for (const node of model.graph.nodes) {
    if (node.domain !== '') continue;
    if (Object.values(node.attributes).some(({ kind }) => kind === 'opaque')) {
      throw new SteadysegError(
        `node ${node.name || node.outputs[0]} (${node.op}): expected no part inside it for a model of operator set ${opset}; export it with ${needed} or newer`,
      );
    }
    const upgraded = upgradeNode(node, opset);
    const constant = (content: Tensor): string => {
      const name = editor.freshName(`${node.outputs[0]}.setting`);
      editor.setInitializer(name, content);
      return name;
    };
    const inputs = upgraded.inputs.map((input) => (typeof input === 'string' ? input : constant(input)));
    const plain: ModelNode = { ...upgraded, inputs };
    if (node.op === 'Softmax' || node.op === 'LogSoftmax') {
      editor.replace(
        node,
        softmaxOfFlattened(plain, (stem) => editor.freshName(stem)),
      );
    } else {
      editor.replace(node, [plain]);
    }
  }
  const edited = withUnlistedInitializers(editor.finish());
  return {
    ...edited,
    irVersion: Math.max(edited.irVersion, irVersion),
    opsets: new Map([...edited.opsets, ['', defaultOpset]]),
  };
}

/** Softmax as it was before opset 13: over all axes from one on. */
function softmaxOfFlattened(node: ModelNode, freshName: (stem: string) => string): ModelNode[] {
  const { inputs, outputs, attributes } = node;
  const axis = attributes.axis?.kind === 'int' ? attributes.axis.value : 1;
  if (axis === -1) return [node];
  const [result] = outputs;
  const [flat, soft, shape] = ['flat', 'softmax', 'shape'].map((stem) => freshName(`${result}.${stem}`));
  const plain = { domain: '', attributes: {} };
  return [
    { ...plain, op: 'Flatten', name: flat, inputs, outputs: [flat], attributes: { axis: int(axis) } },
    { ...node, inputs: [flat], outputs: [soft], attributes: { axis: int(-1) } },
    { ...plain, op: 'Shape', name: shape, inputs, outputs: [shape] },
    { ...plain, op: 'Reshape', name: `${result}.unflat`, inputs: [soft, shape], outputs },
  ];
}
