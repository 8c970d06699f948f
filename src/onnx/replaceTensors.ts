// Puts other numbers into a model file and leaves every other byte as it is: what trained weights of a foreign file go back by.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { SteadysegError } from '../base/errors.js';
import { float32ToFloat16 } from '../tensor/half.js';
import { bytesOf, elementCount, formatShape, type Tensor, tensor } from '../tensor/tensor.js';
import { dtypeOfCode } from './elementTypes.js';

/** Rewrites the content of a field's message; the same array stands for no change. */
type Rewrite = (content: Uint8Array) => Uint8Array;

/** Fields of TensorProto that hold data: lists by type, raw bytes, where external data lies. */
const dataFields = new Set([4, 5, 6, 7, 9, 10, 11, 13, 14]);

/**
 * The bytes of a model with the content of tensors replaced: of initializers, and of `Constant` nodes by the name of their
 * output. Float32 content goes into float16 tensors rounded. Metadata entries are added, or replaced where the key is there.
 * Everything else stays byte for byte.
 *
 * @throws SteadysegError for a name that is not in the file, or content that does not fit it.
 */
export function replaceTensors(
  bytes: Uint8Array,
  contents: ReadonlyMap<string, Tensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const missing = new Set(contents.keys());
  const replaceIn = (name: string): Rewrite => {
    const content = contents.get(name);
    missing.delete(name);
    return (message) => (content ? tensorMessage(message, name, content) : message);
  };
  const graph: Rewrite = (message) =>
    rewriteFields(message, {
      1: (node) => {
        const { op, output } = nodeOf(node);
        if (op !== 'Constant' || !contents.has(output)) return node;
        return rewriteFields(node, { 5: (attribute) => rewriteFields(attribute, { 5: replaceIn(output) }) });
      },
      5: (initializer) => replaceIn(textField(initializer, 8))(initializer),
    });
  const model = rewriteFields(bytes, {
    7: graph,
    14: (entry) => (metadata.has(textField(entry, 1)) ? undefined : entry),
  });
  if (missing.size > 0) throw new SteadysegError(`the model has no tensor ${[...missing].slice(0, 3).join(', ')}`);
  if (metadata.size === 0) return model;
  const writer = new BinaryWriter().raw(model);
  for (const [key, value] of metadata) {
    writer.tag(14, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.LengthDelimited).string(value).join();
  }
  return writer.finish();
}

/** A message with some of its message fields rewritten; undefined leaves one out. */
function rewriteFields(
  bytes: Uint8Array,
  rewrites: Readonly<Record<number, (content: Uint8Array) => Uint8Array | undefined>>,
): Uint8Array {
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  let copied = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const rewrite = wire === WireType.LengthDelimited ? rewrites[number] : undefined;
    if (!rewrite) {
      reader.skip(wire, number);
      continue;
    }
    const content = reader.bytes();
    const rewritten = rewrite(content);
    if (rewritten === content) continue;
    writer.raw(bytes.subarray(copied, start));
    if (rewritten) writer.tag(number, wire).bytes(rewritten);
    copied = reader.pos;
  }
  return copied === 0 ? bytes : writer.raw(bytes.subarray(copied)).finish();
}

/** A TensorProto with other content, in the place and the form (raw bytes, or a list of floats) that the old one has. */
function tensorMessage(message: Uint8Array, name: string, content: Tensor): Uint8Array {
  const reader = new BinaryReader(message);
  const writer = new BinaryWriter();
  const shape: number[] = [];
  let code = 0;
  let written = false;
  const write = (asList: boolean) => {
    const fitting = converted(content, code, name);
    if (fitting.data.length !== elementCount(shape)) {
      throw new SteadysegError(`${name}: expected ${formatShape(shape)}, found ${formatShape(content.shape)}`);
    }
    writer.tag(asList ? 4 : 9, WireType.LengthDelimited).bytes(bytesOf(fitting));
    written = true;
  };
  let lists = false;
  for (const field of fieldsOf(message)) {
    if (field.number === 4) lists = true;
    if (field.number === 2) code = readAt(message, field.start, (inner) => inner.int32());
    if (field.number === 1) shape.push(...dimensionsAt(message, field.start));
  }
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    reader.skip(wire, number);
    if (!dataFields.has(number)) writer.raw(message.subarray(start, reader.pos));
    else if (!written) write(lists);
  }
  if (!written) write(lists);
  return writer.finish();
}

/** The content as the tensor's element type. */
function converted(content: Tensor, code: number, name: string): Tensor {
  const dtype = dtypeOfCode(code);
  if (content.dtype === dtype) return content;
  if (dtype === 'float16' && content.dtype === 'float32') {
    return tensor('float16', content.shape, float32ToFloat16(content.data as Float32Array));
  }
  throw new SteadysegError(`${name}: expected ${dtype ?? `element type ${code}`}, found ${content.dtype}`);
}

interface FieldPlace {
  readonly number: number;
  readonly start: number;
}

function fieldsOf(message: Uint8Array): FieldPlace[] {
  const reader = new BinaryReader(message);
  const places: FieldPlace[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    reader.skip(wire, number);
    places.push({ number, start });
  }
  return places;
}

/** Reads the field that starts at a place. */
function readAt<T>(message: Uint8Array, start: number, read: (reader: BinaryReader, wire: WireType) => T): T {
  const reader = new BinaryReader(message.subarray(start));
  const [, wire] = reader.tag();
  return read(reader, wire);
}

function dimensionsAt(message: Uint8Array, start: number): number[] {
  return readAt(message, start, (reader, wire) => {
    if (wire === WireType.Varint) return [Number(reader.int64())];
    const run = new BinaryReader(reader.bytes());
    const sizes: number[] = [];
    while (run.pos < run.len) sizes.push(Number(run.int64()));
    return sizes;
  });
}

function textField(message: Uint8Array, wanted: number): string {
  const place = fieldsOf(message).find(({ number }) => number === wanted);
  return place ? readAt(message, place.start, (reader) => reader.string()) : '';
}

/** Operator and first output of a NodeProto. */
function nodeOf(message: Uint8Array): { op: string; output: string } {
  return { op: textField(message, 4), output: textField(message, 2) };
}
