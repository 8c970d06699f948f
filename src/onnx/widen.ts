// A float16 model computed in float32: what training needs, since gradients vanish in float16.
import { float16ToFloat32 } from '../tensor/half.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { elementTypeCode } from './elementTypes.js';
import { type Attribute, type Attributes, int, type Model, type ModelNode, type ValueInfo } from './model.js';

const half = elementTypeCode('float16');
const single = elementTypeCode('float32');

/** The same model with every float16 tensor, value and cast in float32. Names stay; a model without float16 is returned as it is. */
export function widenModel(model: Model): Model {
  const { graph } = model;
  const isHalf = ({ type }: ValueInfo) => type?.dtype === 'float16';
  const used =
    [...graph.inputs, ...graph.outputs, ...graph.values].some(isHalf) ||
    [...graph.initializers.values()].some(({ dtype }) => dtype === 'float16') ||
    graph.nodes.some(({ attributes }) =>
      Object.values(attributes).some((attribute) => attribute.kind === 'tensor' && attribute.value.dtype === 'float16'),
    );
  if (!used) return model;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: graph.nodes.map(widenNode),
      inputs: graph.inputs.map(widenInfo),
      outputs: graph.outputs.map(widenInfo),
      values: graph.values.map(widenInfo),
      initializers: new Map([...graph.initializers].map(([name, value]) => [name, widenTensor(value)])),
    },
  };
}

/** A float16 tensor in float32; any other as it is. */
export function widenTensor(value: Tensor): Tensor {
  if (value.dtype !== 'float16') return value;
  return tensor('float32', value.shape, float16ToFloat32(value.data as Uint16Array));
}

function widenNode(node: ModelNode): ModelNode {
  const attributes: Attributes = Object.fromEntries(
    Object.entries(node.attributes).map(([name, attribute]) => [name, widenAttribute(name, attribute)]),
  );
  return { ...node, attributes };
}

function widenAttribute(name: string, attribute: Attribute): Attribute {
  if (attribute.kind === 'tensor' && attribute.value.dtype === 'float16') {
    return { kind: 'tensor', value: widenTensor(attribute.value) };
  }
  // `to` of Cast, `dtype` of EyeLike and random operators.
  const isType = name === 'to' || name === 'dtype';
  return isType && attribute.kind === 'int' && attribute.value === half ? int(single) : attribute;
}

function widenInfo(info: ValueInfo): ValueInfo {
  return info.type?.dtype === 'float16' ? { ...info, type: { ...info.type, dtype: 'float32' } } : info;
}
