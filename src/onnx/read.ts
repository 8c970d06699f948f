// Reads .onnx bytes (protobuf messages of onnx.proto3) into a Model. Trusts nothing: every length is checked before use.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { messageOf, SteadysegError } from '../base/errors.js';
import {
  bytesPerElement,
  type DType,
  elementCount,
  formatShape,
  int64Of,
  type Shape,
  type Tensor,
  tensorFromBytes,
  zeros,
} from '../tensor/tensor.js';
import { dtypeOfCode } from './elementTypes.js';
import { ExternalDataError, externalPlace, noExternal, type ReadExternal, refuseExternal } from './externalData.js';
import type { Attribute, Dimension, Model, ModelGraph, ModelNode, ValueInfo } from './model.js';

/** More dimensions than any operator has; bounds a hostile shape. */
const MAX_RANK = 64;
/** Far more nodes (or initializers, …) than any network has; an empty one takes two bytes in a file and hundreds in memory. */
export const MAX_GRAPH_ENTRIES = 2 ** 18;

/**
 * Reads a model from bytes; tensors are views on them where alignment permits.
 * @param source names it in errors.
 * @param external gives what is kept in other files; without it, such models are refused.
 */
export function readModel(bytes: Uint8Array, source = 'the model', external: ReadExternal = noExternal): Model {
  if (bytes.length === 0) throw new SteadysegError(`${source}: expected an ONNX model, found an empty file`);
  let model: Model;
  try {
    model = decodeModel(bytes, external);
  } catch (thrown) {
    if (thrown instanceof ExternalDataError)
      throw new SteadysegError(`${source}: ${thrown.message}`, { cause: thrown });
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
  let rest = new Uint8Array(0);
  let restBytes = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const field = known[number];
    if (field) {
      field(reader, wire);
    } else {
      reader.skip(wire, number);
      // Copied into one buffer: a list of pieces would take a hundred times the memory of small fields.
      const unread = bytes.subarray(start, reader.pos);
      if (restBytes + unread.length > rest.length) {
        const larger = new Uint8Array(Math.max(2 * rest.length, restBytes + unread.length));
        larger.set(rest);
        rest = larger;
      }
      rest.set(unread, restBytes);
      restBytes += unread.length;
    }
  }
  if (reader.pos !== reader.len)
    throw new SteadysegError(`a message ends at byte ${reader.len}, its last field at ${reader.pos}`);
  return restBytes > 0 ? rest.subarray(0, restBytes) : undefined;
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

/** A 64-bit integer; one that no number holds is another number here, which `isExact` tells. */
const readInt64 = (reader: BinaryReader): number => Number(reader.int64());

/** The largest, which exporters write for "to the end", is known by a number (see `int64Of`). */
function isExact(value: bigint): boolean {
  return int64Of(Number(value)) === value;
}

function decodeModel(bytes: Uint8Array, external: ReadExternal): Model {
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
      graph = decodeGraph(reader.bytes(), external);
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
  if (rest) refuseExternal('model', rest);
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

function decodeGraph(bytes: Uint8Array, external: ReadExternal): ModelGraph {
  let name = '';
  const nodes: ModelNode[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const values: ValueInfo[] = [];
  const initializers = new Map<string, Tensor>();
  let entries = 0;
  const bytesOfNext = (reader: BinaryReader): Uint8Array => {
    if (++entries > MAX_GRAPH_ENTRIES) {
      throw new SteadysegError(`its graph has more than ${MAX_GRAPH_ENTRIES} nodes, values and initializers`);
    }
    return reader.bytes();
  };
  const rest = readFields(bytes, {
    1: (reader) => nodes.push(decodeNode(bytesOfNext(reader), external)),
    2: (reader) => {
      name = reader.string();
    },
    5: (reader) => {
      const [tensorName, value] = decodeTensor(bytesOfNext(reader), external);
      if (initializers.has(tensorName)) throw new SteadysegError(`two initializers are named ${tensorName}`);
      initializers.set(tensorName, value);
    },
    11: (reader) => inputs.push(decodeValueInfo(bytesOfNext(reader))),
    12: (reader) => outputs.push(decodeValueInfo(bytesOfNext(reader))),
    13: (reader) => values.push(decodeValueInfo(bytesOfNext(reader))),
  });
  if (rest) refuseExternal('graph', rest);
  checkOrigins(nodes, initializers, inputs);
  return { name, nodes, inputs, outputs, values, initializers, rest };
}

/** Values are known by their names: each comes from one place. Initializers alone may be listed as inputs too. */
function checkOrigins(
  nodes: readonly ModelNode[],
  initializers: ReadonlyMap<string, Tensor>,
  inputs: readonly ValueInfo[],
): void {
  const known = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
  for (const { op, outputs } of nodes) {
    for (const value of outputs) {
      if (value === '') continue;
      if (known.has(value)) throw new SteadysegError(`a node (${op}) gives ${value}, which is there already`);
      known.add(value);
    }
  }
}

function decodeNode(bytes: Uint8Array, external: ReadExternal): ModelNode {
  let op = '';
  let domain = '';
  let name = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  // Without what every object inherits: names are the file's.
  const attributes: Record<string, Attribute> = Object.create(null);
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
      const [attributeName, attribute] = decodeAttribute(reader.bytes(), external);
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

function decodeAttribute(bytes: Uint8Array, external: ReadExternal): [string, Attribute] {
  let name = '';
  let kindCode = 0;
  let single = 0;
  let whole = 0;
  let text = '';
  let tensorValue: Tensor | undefined;
  const floats: number[] = [];
  const integers: number[] = [];
  let exact = true;
  const readWhole = (reader: BinaryReader): number => {
    const value = BigInt(reader.int64());
    exact &&= isExact(value);
    return Number(value);
  };
  const rest = readFields(bytes, {
    1: (reader) => {
      name = reader.string();
    },
    2: (reader) => {
      single = reader.float();
    },
    3: (reader) => {
      whole = readWhole(reader);
    },
    4: (reader) => {
      text = new TextDecoder('utf-8', { fatal: true }).decode(reader.bytes());
    },
    5: (reader) => {
      tensorValue = decodeTensor(reader.bytes(), external)[1];
    },
    7: repeated(floats, WireType.Bit32, (reader) => reader.float()),
    8: repeated(integers, WireType.Varint, readWhole),
    20: (reader) => {
      kindCode = reader.int32();
    },
  });
  // A subgraph, a reference to a function's attribute or an integer that no number holds is kept as it is.
  const kind = !exact || (rest && hasMeaning(rest)) ? 'opaque' : (attributeKinds[kindCode] ?? 'opaque');
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
      refuseExternal('attribute', bytes);
      return [name, { kind, value: bytes }];
  }
}

/** The graph that an attribute holds, such as a branch of an `If`; undefined when it holds none. */
export function readSubgraph(attribute: Attribute | undefined): ModelGraph | undefined {
  if (attribute?.kind !== 'opaque') return undefined;
  let graph: ModelGraph | undefined;
  readFields(attribute.value, {
    6: (reader) => {
      graph = decodeGraph(reader.bytes(), noExternal);
    },
  });
  return graph;
}

/** The texts that an attribute lists; undefined when it lists none. */
export function readStrings(attribute: Attribute | undefined): string[] | undefined {
  if (attribute?.kind !== 'opaque') return undefined;
  const texts: string[] = [];
  readFields(attribute.value, { 9: (reader) => void texts.push(reader.string()) });
  return texts.length > 0 ? texts : undefined;
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

const skip: Field = (reader, wire) => void reader.skip(wire);

/** Fields of TensorProto that list values one by one, for files that do not keep them as raw bytes. */
const listFields = { float32: 4, integers: 5, int64: 7, float64: 10, unsigned: 11 } as const;
/** Reads past those, whose number is checked against the shape before they are read. */
const skippedLists: Readonly<Record<number, Field>> = Object.fromEntries(
  Object.values(listFields).map((field) => [field, skip]),
);

function decodeTensor(bytes: Uint8Array, readExternal: ReadExternal): [string, Tensor] {
  let name = '';
  let code = 0;
  let external = false;
  const place = new Map<string, string>();
  let raw: Uint8Array | undefined;
  const shape: number[] = [];
  readFields(bytes, {
    ...skippedLists,
    1: repeated(shape, WireType.Varint, readInt64),
    2: (reader) => {
      code = reader.int32();
    },
    8: (reader) => {
      name = reader.string();
    },
    9: (reader) => {
      raw = reader.bytes();
    },
    13: (reader) => {
      place.set(...decodeEntry(reader.bytes()));
    },
    14: (reader) => {
      // Said twice, once is enough: readers differ in which of them counts.
      external = reader.int32() === 1 || external;
    },
  });
  const label = `the tensor "${name}"`;
  const dtype = dtypeOfCode(code);
  if (!dtype) throw new SteadysegError(`${label} has the element type ${code}, which is not supported`);
  if (shape.length > MAX_RANK || shape.some((size) => size < 0)) {
    throw new SteadysegError(`${label} has the impossible shape [${shape.slice(0, MAX_RANK).join(', ')}]`);
  }
  if (external) {
    const length = elementCount(shape) * bytesPerElement(dtype);
    if (raw?.length) throw new ExternalDataError(`${label} is kept in another file and in the model`);
    return [name, rawTensor(label, dtype, shape, readExternal(externalPlace(place, length, label), label))];
  }
  return [name, raw ? rawTensor(label, dtype, shape, raw) : listedTensor(label, dtype, shape, bytes)];
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

/** Where TensorProto lists the values of an element type, and how one is read. */
function listOf(dtype: DType): { field: number; wire: WireType; one: (reader: BinaryReader) => number | bigint } {
  switch (dtype) {
    case 'float32':
      return { field: listFields.float32, wire: WireType.Bit32, one: (reader) => reader.float() };
    case 'float64':
      return { field: listFields.float64, wire: WireType.Bit64, one: (reader) => reader.double() };
    case 'int64':
      return { field: listFields.int64, wire: WireType.Varint, one: (reader) => BigInt(reader.int64()) };
    case 'uint32':
    case 'uint64':
      return { field: listFields.unsigned, wire: WireType.Varint, one: (reader) => BigInt(reader.uint64()) };
    default:
      return { field: listFields.integers, wire: WireType.Varint, one: (reader) => reader.int32() };
  }
}

/** Reads the listed values out of a TensorProto straight into the tensor, so that a hostile list takes no more memory than that. */
function listedTensor(label: string, dtype: DType, shape: Shape, bytes: Uint8Array): Tensor {
  const count = elementCount(shape);
  const mismatch = (found: string) =>
    new SteadysegError(`${label}: expected ${count} values for ${formatShape(shape)}, found ${found}`);
  // Every value takes a byte or more.
  if (count > bytes.length) throw mismatch('fewer');
  const value = zeros(dtype, shape);
  const { data } = value;
  const put =
    data instanceof BigInt64Array || data instanceof BigUint64Array
      ? (index: number, element: number | bigint) => {
          data[index] = BigInt(element);
        }
      : (index: number, element: number | bigint) => {
          data[index] = Number(element);
        };
  const { field, wire: wireOfOne, one } = listOf(dtype);
  let found = 0;
  const next = (reader: BinaryReader) => {
    if (found === count) throw mismatch('more');
    put(found++, one(reader));
  };
  const others = [1, 2, 8, 13, 14].map((number): [number, Field] => [number, skip]);
  readFields(bytes, {
    ...Object.fromEntries(others),
    ...skippedLists,
    [field]: (reader, wire) => {
      if (wire === wireOfOne) {
        next(reader);
        return;
      }
      const run = new BinaryReader(reader.bytes());
      while (run.pos < run.len) next(run);
    },
  });
  if (found < count) throw mismatch(String(found));
  return value;
}
