// A graph as text that a person can read.
import { formatShape, type Tensor } from '../tensor/tensor.js';
import { describeValue, type Graph, type Value } from './graph.js';
import type { Attribute } from './model.js';

/** Constants of at most this many elements are written out where they are used. */
const longestInline = 8;

/** One line a value: inputs, parameters, then each node as `output: type = Operator(inputs) {attributes}`. */
export function toText(graph: Graph): string {
  const lines = [`graph ${graph.name} (opset ${graph.opset})`];
  for (const value of graph.inputs) lines.push(`  input ${describeValue(value)}`);
  for (const { value, role } of graph.parameters.values()) lines.push(`  ${role} ${describeValue(value)}`);
  for (const node of graph.nodes) {
    const attributes = Object.entries(node.attributes).map(
      ([name, attribute]) => `${name}: ${attributeText(attribute)}`,
    );
    const call = `${node.op}(${node.inputs.map(inputText).join(', ')})`;
    const outputs = node.outputs.map(describeValue).join(', ');
    lines.push(`  ${outputs} = ${call}${attributes.length > 0 ? ` {${attributes.join(', ')}}` : ''}`);
  }
  return lines.join('\n');
}

function inputText(value: Value | undefined): string {
  if (!value) return '-';
  return value.constant ? tensorText(value.constant) : value.name;
}

function tensorText(content: Tensor): string {
  if (content.data.length > longestInline) return `<${content.dtype} ${formatShape(content.shape)}>`;
  const values = Array.from(content.data as ArrayLike<number | bigint>, (value) => `${Number(value)}`).join(', ');
  return content.shape.length === 0 ? values : `[${values}]`;
}

function attributeText(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'int':
    case 'float':
      return String(attribute.value);
    case 'string':
      return attribute.value;
    case 'ints':
    case 'floats':
      return `[${attribute.value.join(', ')}]`;
    case 'tensor':
      return tensorText(attribute.value);
    case 'opaque':
      return `<${attribute.value.length} bytes>`;
  }
}
