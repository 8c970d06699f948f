// Writes a Model as .onnx bytes (protobuf messages of onnx.proto3).
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { bytesOf, int64Of, type Tensor } from '../tensor/tensor.js';
import { elementTypeCode } from './elementTypes.js';
import type { Attribute, Dimension, Model, ModelGraph, ModelNode, ValueInfo } from './model.js';

/** The bytes of a model. */
export function writeModel(model: Model): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(model.irVersion);
  writeString(writer, 2, model.producer);
  nested(writer, 7, () => writeGraph(writer, model.graph));
  for (const [domain, version] of model.opsets) {
    nested(writer, 8, () => {
      writeString(writer, 1, domain);
      writer.tag(2, WireType.Varint).int64(version);
    });
  }
  for (const [key, value] of model.metadata) {
    nested(writer, 14, () => {
      writeString(writer, 1, key);
      writeString(writer, 2, value);
    });
  }
  if (model.rest) writer.raw(model.rest);
  return writer.finish();
}

function nested(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

/** Left out when empty, as proto3 does. */
function writeString(writer: BinaryWriter, field: number, text: string): void {
  if (text !== '') writer.tag(field, WireType.LengthDelimited).string(text);
}

function writeGraph(writer: BinaryWriter, graph: ModelGraph): void {
  for (const node of graph.nodes) nested(writer, 1, () => writeNode(writer, node));
  writeString(writer, 2, graph.name);
  for (const [name, value] of graph.initializers) nested(writer, 5, () => writeTensor(writer, value, name));
  for (const info of graph.inputs) nested(writer, 11, () => writeValueInfo(writer, info));
  for (const info of graph.outputs) nested(writer, 12, () => writeValueInfo(writer, info));
  for (const info of graph.values) nested(writer, 13, () => writeValueInfo(writer, info));
  if (graph.rest) writer.raw(graph.rest);
}

function writeNode(writer: BinaryWriter, node: ModelNode): void {
  for (const input of node.inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  for (const output of node.outputs) writer.tag(2, WireType.LengthDelimited).string(output);
  writeString(writer, 3, node.name);
  writeString(writer, 4, node.op);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    nested(writer, 5, () => writeAttribute(writer, name, attribute));
  }
  writeString(writer, 7, node.domain);
  if (node.rest) writer.raw(node.rest);
}

function writeAttribute(writer: BinaryWriter, name: string, attribute: Attribute): void {
  if (attribute.kind === 'opaque') {
    writer.raw(attribute.value);
    return;
  }
  writeString(writer, 1, name);
  switch (attribute.kind) {
    case 'float':
      writer.tag(2, WireType.Bit32).float(attribute.value);
      break;
    case 'int':
      writer.tag(3, WireType.Varint).int64(int64Of(attribute.value));
      break;
    case 'string':
      writer.tag(4, WireType.LengthDelimited).string(attribute.value);
      break;
    case 'tensor':
      nested(writer, 5, () => writeTensor(writer, attribute.value, ''));
      break;
    case 'floats':
      for (const value of attribute.value) writer.tag(7, WireType.Bit32).float(value);
      break;
    case 'ints':
      for (const value of attribute.value) writer.tag(8, WireType.Varint).int64(int64Of(value));
      break;
  }
  const types = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 };
  writer.tag(20, WireType.Varint).int32(types[attribute.kind]);
}

function writeTensor(writer: BinaryWriter, value: Tensor, name: string): void {
  for (const size of value.shape) writer.tag(1, WireType.Varint).int64(size);
  writer.tag(2, WireType.Varint).int32(elementTypeCode(value.dtype));
  writeString(writer, 8, name);
  writer.tag(9, WireType.LengthDelimited).bytes(bytesOf(value));
}

function writeValueInfo(writer: BinaryWriter, info: ValueInfo): void {
  writeString(writer, 1, info.name);
  if (info.type) {
    const { dtype, shape } = info.type;
    nested(writer, 2, () =>
      nested(writer, 1, () => {
        writer.tag(1, WireType.Varint).int32(elementTypeCode(dtype));
        if (shape) nested(writer, 2, () => writeShape(writer, shape));
      }),
    );
  }
  if (info.rest) writer.raw(info.rest);
}

function writeShape(writer: BinaryWriter, shape: readonly Dimension[]): void {
  for (const size of shape) nested(writer, 1, () => writeDimension(writer, size));
}

function writeDimension(writer: BinaryWriter, dimension: Dimension): void {
  if (typeof dimension === 'number') writer.tag(1, WireType.Varint).int64(dimension);
  else if (typeof dimension === 'string') writer.tag(2, WireType.LengthDelimited).string(dimension);
}
