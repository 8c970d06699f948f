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
  const { data } = content;
  const values = Array.from(data as ArrayLike<number | bigint>, (value) =>
    data instanceof Float32Array ? floatText(Number(value)) : String(value),
  ).join(', ');
  return content.shape.length === 0 ? values : `[${values}]`;
}

/** The fewest digits that mean this float32: 0.00001, not 0.000009999999747378752. */
function floatText(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return String(short);
  }
  return String(value);
}

function attributeText(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'int':
      return String(attribute.value);
    case 'float':
      return floatText(attribute.value);
    case 'string':
      return attribute.value;
    case 'ints':
      return `[${attribute.value.join(', ')}]`;
    case 'floats':
      return `[${attribute.value.map(floatText).join(', ')}]`;
    case 'tensor':
      return tensorText(attribute.value);
    case 'opaque':
      return `<${attribute.value.length} bytes>`;
  }
}
