// Reads .onnx bytes (protobuf messages of onnx.proto3) into a Model. Trusts nothing: every length is checked before use.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { messageOf, SteadysegError } from '../base/errors.js';
import { readFileBounded } from '../base/files.js';
import {
  bytesPerElement,
  type DType,
  elementCount,
  formatShape,
  type Shape,
  type Tensor,
  tensorFromBytes,
  zeros,
} from '../tensor/tensor.js';
import { dtypeOfCode } from './elementTypes.js';
import type { Attribute, Dimension, Model, ModelGraph, ModelNode, ValueInfo } from './model.js';

/** Protobuf's own limit: lengths are 31 bits. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;
/** More dimensions than any operator has; bounds a hostile shape. */
const MAX_RANK = 64;

/** Reads a model file of at most 2 GiB. @throws SteadysegError naming the file when it cannot be read or is no ONNX model. */
export async function readModelFile(path: string): Promise<Model> {
  return readModel(await readFileBounded(path, MAX_MODEL_BYTES), path);
}

/** Reads a model from bytes; tensors are views on them where alignment permits. `source` names it in errors. */
export function readModel(bytes: Uint8Array, source = 'the model'): Model {
  if (bytes.length === 0) throw new SteadysegError(`${source}: expected an ONNX model, found an empty file`);
  let model: Model;
  try {
    model = decodeModel(bytes);
  } catch (thrown) {
    throw new SteadysegError(
      `${source}: expected an ONNX model, found something else or a damaged one (${messageOf(thrown)})`,
      { cause: thrown },
    );
  }
  if (model.opsets.size === 0 || model.graph.outputs.length === 0) {
    throw new SteadysegError(`${source}: expected an ONNX model, found no operator set or no graph output in it`);
  }
  return model;
}

type Field = (reader: BinaryReader, wire: WireType) => void;

/** Walks the fields of one message. Those without a reader here are returned as they are, to be written back unread. */
function readFields(bytes: Uint8Array, known: Readonly<Record<number, Field>>): Uint8Array | undefined {
  const reader = new BinaryReader(bytes);
  let rest: BinaryWriter | undefined;
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = known[number];
    if (field) {
      field(reader, wire);
    } else {
      rest ??= new BinaryWriter();
      rest.tag(number, wire).raw(reader.skip(wire, number));
    }
  }
  if (reader.pos !== reader.len)
    throw new SteadysegError(`a message ends at byte ${reader.len}, its last field at ${reader.pos}`);
  return rest?.finish();
}

/** A field that may come packed (one length-delimited run) or one value at a time. */
function repeated<T>(into: T[], wireOfOne: WireType, one: (reader: BinaryReader) => T): Field {
  return (reader, wire) => {
    if (wire === wireOfOne) {
      into.push(one(reader));
      return;
    }
    const run = new BinaryReader(reader.bytes());
    while (run.pos < run.len) into.push(one(run));
  };
}

const readInt64 = (reader: BinaryReader): number => Number(reader.int64());

function decodeModel(bytes: Uint8Array): Model {
  let irVersion = 0;
  let producer = '';
  let graph: ModelGraph | undefined;
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const rest = readFields(bytes, {
    1: (reader) => {
      irVersion = readInt64(reader);
    },
    2: (reader) => {
      producer = reader.string();
    },
    7: (reader) => {
      graph = decodeGraph(reader.bytes());
    },
    8: (reader) => {
      let domain = '';
      let version = 0;
      readFields(reader.bytes(), {
        1: (inner) => {
          domain = inner.string();
        },
        2: (inner) => {
          version = readInt64(inner);
        },
      });
      opsets.set(domain === 'ai.onnx' ? '' : domain, version);
    },
    14: (reader) => {
      const [key, value] = decodeEntry(reader.bytes());
      metadata.set(key, value);
    },
  });
  if (!graph) throw new SteadysegError('it has no graph');
  return { irVersion, opsets, producer, metadata, graph, rest };
}

function decodeEntry(bytes: Uint8Array): [string, string] {
  let key = '';
  let value = '';
  readFields(bytes, {
    1: (reader) => {
      key = reader.string();
    },
    2: (reader) => {
      value = reader.string();
    },
  });
  return [key, value];
}

function decodeGraph(bytes: Uint8Array): ModelGraph {
  let name = '';
  const nodes: ModelNode[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const values: ValueInfo[] = [];
  const initializers = new Map<string, Tensor>();
  const rest = readFields(bytes, {
    1: (reader) => nodes.push(decodeNode(reader.bytes())),
    2: (reader) => {
      name = reader.string();
    },
    5: (reader) => {
      const [tensorName, value] = decodeTensor(reader.bytes());
      initializers.set(tensorName, value);
    },
    11: (reader) => inputs.push(decodeValueInfo(reader.bytes())),
    12: (reader) => outputs.push(decodeValueInfo(reader.bytes())),
    13: (reader) => values.push(decodeValueInfo(reader.bytes())),
  });
  return { name, nodes, inputs, outputs, values, initializers, rest };
}

function decodeNode(bytes: Uint8Array): ModelNode {
  let op = '';
  let domain = '';
  let name = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, Attribute> = {};
  const rest = readFields(bytes, {
    1: (reader) => inputs.push(reader.string()),
    2: (reader) => outputs.push(reader.string()),
    3: (reader) => {
      name = reader.string();
    },
    4: (reader) => {
      op = reader.string();
    },
    5: (reader) => {
      const [attributeName, attribute] = decodeAttribute(reader.bytes());
      attributes[attributeName] = attribute;
    },
    7: (reader) => {
      const text = reader.string();
      domain = text === 'ai.onnx' ? '' : text;
    },
  });
  return { op, domain, name, inputs, outputs, attributes, rest };
}

/** AttributeProto.AttributeType of the kinds that are interpreted. */
const attributeKinds: Readonly<Record<number, Attribute['kind']>> = {
  1: 'float',
  2: 'int',
  3: 'string',
  4: 'tensor',
  6: 'floats',
  7: 'ints',
};

function decodeAttribute(bytes: Uint8Array): [string, Attribute] {
  let name = '';
  let kindCode = 0;
  let single = 0;
  let whole = 0;
  let text = '';
  let tensorValue: Tensor | undefined;
  const floats: number[] = [];
  const integers: number[] = [];
  const rest = readFields(bytes, {
    1: (reader) => {
      name = reader.string();
    },
    2: (reader) => {
      single = reader.float();
    },
    3: (reader) => {
      whole = readInt64(reader);
    },
    4: (reader) => {
      text = new TextDecoder('utf-8', { fatal: true }).decode(reader.bytes());
    },
    5: (reader) => {
      tensorValue = decodeTensor(reader.bytes())[1];
    },
    7: repeated(floats, WireType.Bit32, (reader) => reader.float()),
    8: repeated(integers, WireType.Varint, readInt64),
    20: (reader) => {
      kindCode = reader.int32();
    },
  });
  // A subgraph or a reference to a function's attribute is kept as it is.
  const kind = rest && hasMeaning(rest) ? 'opaque' : (attributeKinds[kindCode] ?? 'opaque');
  switch (kind) {
    case 'float':
      return [name, { kind, value: single }];
    case 'int':
      return [name, { kind, value: whole }];
    case 'string':
      return [name, { kind, value: text }];
    case 'floats':
      return [name, { kind, value: floats }];
    case 'ints':
      return [name, { kind, value: integers }];
    case 'tensor':
      if (!tensorValue) throw new SteadysegError(`the attribute ${name} is a tensor without a value`);
      return [name, { kind, value: tensorValue }];
    case 'opaque':
      return [name, { kind, value: bytes }];
  }
}

/** Whether uninterpreted attribute fields hold more than a doc string (field 13). */
function hasMeaning(rest: Uint8Array): boolean {
  return readFields(rest, { 13: (reader) => void reader.string() }) !== undefined;
}

function decodeValueInfo(bytes: Uint8Array): ValueInfo {
  let name = '';
  let type: ValueInfo['type'];
  let typeBytes: Uint8Array | undefined;
  const rest = readFields(bytes, {
    1: (reader) => {
      name = reader.string();
    },
    2: (reader) => {
      typeBytes = reader.bytes();
      readFields(typeBytes, {
        1: (inner) => {
          type = decodeTensorType(inner.bytes());
        },
      });
    },
  });
  if (type || !typeBytes) return { name, type, rest };
  const kept = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(typeBytes);
  return { name, type, rest: rest ? kept.raw(rest).finish() : kept.finish() };
}

function decodeTensorType(bytes: Uint8Array): ValueInfo['type'] {
  let dtype: DType | undefined;
  let shape: Dimension[] | undefined;
  readFields(bytes, {
    1: (reader) => {
      dtype = dtypeOfCode(reader.int32());
    },
    2: (reader) => {
      const dimensions: Dimension[] = [];
      readFields(reader.bytes(), {
        1: (inner) => {
          dimensions.push(decodeDimension(inner.bytes()));
          if (dimensions.length > MAX_RANK) throw new SteadysegError(`a shape has more than ${MAX_RANK} dimensions`);
        },
      });
      shape = dimensions;
    },
  });
  return dtype && { dtype, shape };
}

function decodeDimension(bytes: Uint8Array): Dimension {
  let dimension: Dimension = null;
  readFields(bytes, {
    1: (reader) => {
      const size = readInt64(reader);
      dimension = size >= 0 ? size : null;
    },
    2: (reader) => {
      dimension = reader.string() || null;
    },
  });
  return dimension;
}

/** Fields of TensorProto that hold values of small types one integer each. */
function decodeTensor(bytes: Uint8Array): [string, Tensor] {
  let name = '';
  let code = 0;
  let external = false;
  let raw: Uint8Array | undefined;
  const shape: number[] = [];
  const floats: number[] = [];
  const integers: number[] = [];
  const longs: bigint[] = [];
  const doubles: number[] = [];
  const unsigned: bigint[] = [];
  readFields(bytes, {
    1: repeated(shape, WireType.Varint, readInt64),
    2: (reader) => {
      code = reader.int32();
    },
    4: repeated(floats, WireType.Bit32, (reader) => reader.float()),
    5: repeated(integers, WireType.Varint, (reader) => reader.int32()),
    7: repeated(longs, WireType.Varint, (reader) => BigInt(reader.int64())),
    8: (reader) => {
      name = reader.string();
    },
    9: (reader) => {
      raw = reader.bytes();
    },
    10: repeated(doubles, WireType.Bit64, (reader) => reader.double()),
    11: repeated(unsigned, WireType.Varint, (reader) => BigInt(reader.uint64())),
    14: (reader) => {
      external = reader.int32() === 1;
    },
  });
  const label = `the tensor "${name}"`;
  if (external) throw new SteadysegError(`${label} is kept in another file; save the model as one file`);
  const dtype = dtypeOfCode(code);
  if (!dtype) throw new SteadysegError(`${label} has the element type ${code}, which is not supported`);
  if (shape.length > MAX_RANK || shape.some((size) => size < 0)) {
    throw new SteadysegError(`${label} has the impossible shape [${shape.slice(0, MAX_RANK).join(', ')}]`);
  }
  if (raw) return [name, rawTensor(label, dtype, shape, raw)];
  return [name, listedTensor(label, dtype, shape, { floats, integers, longs, doubles, unsigned })];
}

function rawTensor(label: string, dtype: DType, shape: Shape, raw: Uint8Array): Tensor {
  const expected = elementCount(shape) * bytesPerElement(dtype);
  if (raw.byteLength !== expected) {
    throw new SteadysegError(
      `${label}: expected ${expected} bytes for ${dtype} ${formatShape(shape)}, found ${raw.byteLength}`,
    );
  }
  return tensorFromBytes(dtype, shape, raw);
}

interface ListedValues {
  floats: number[];
  integers: number[];
  longs: bigint[];
  doubles: number[];
  unsigned: bigint[];
}

/** Which list of TensorProto holds values that are not raw, by element type. */
function listedTensor(label: string, dtype: DType, shape: Shape, lists: ListedValues): Tensor {
  const list: (number | bigint)[] =
    dtype === 'float32'
      ? lists.floats
      : dtype === 'float64'
        ? lists.doubles
        : dtype === 'int64'
          ? lists.longs
          : dtype === 'uint64' || dtype === 'uint32'
            ? lists.unsigned
            : lists.integers;
  if (list.length !== elementCount(shape)) {
    throw new SteadysegError(
      `${label}: expected ${elementCount(shape)} values for ${formatShape(shape)}, found ${list.length}`,
    );
  }
  const value = zeros(dtype, shape);
  if (value.data instanceof BigInt64Array || value.data instanceof BigUint64Array) {
    for (let i = 0; i < list.length; i++) value.data[i] = BigInt(list[i]);
  } else {
    for (let i = 0; i < list.length; i++) value.data[i] = Number(list[i]);
  }
  return value;
}
