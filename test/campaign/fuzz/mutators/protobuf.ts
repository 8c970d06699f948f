// Mutates protobuf messages as messages: fields change, go, come again and nest, and all lengths stay true.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Random } from '#src/tensor/random.js';
import { bytesOfText, edgeNumbers, edgeTexts, flipped, type Mutator, oneIn, pick, shuffleEntries } from './mutator.js';

interface Field {
  number: number;
  wire: WireType;
  /** A number of the wire; bytes; or the fields of a message. */
  content: bigint | Uint8Array | Field[];
}

/** Messages in messages are taken for such down to here. */
const MAX_DEPTH = 12;
/** A message in itself, so often. */
const MAX_NESTING = 3000;

function parse(bytes: Uint8Array, depth: number): Field[] | undefined {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  try {
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (wire === WireType.Varint) fields.push({ number, wire, content: BigInt.asUintN(64, BigInt(reader.uint64())) });
      else if (wire === WireType.Bit64) fields.push({ number, wire, content: BigInt(reader.fixed64()) });
      else if (wire === WireType.Bit32) fields.push({ number, wire, content: BigInt(reader.fixed32()) });
      else if (wire === WireType.LengthDelimited) {
        const content = reader.bytes();
        const message = depth < MAX_DEPTH && content.length > 1 ? parse(content, depth + 1) : undefined;
        fields.push({ number, wire, content: message ?? content });
      } else return undefined;
      if (number > 40) return undefined;
    }
  } catch {
    return undefined;
  }
  return reader.pos === reader.len ? fields : undefined;
}

function write(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, wire, content } of fields) {
    writer.tag(number, wire);
    if (typeof content !== 'bigint') writer.bytes(content instanceof Uint8Array ? content : write(content));
    else if (wire === WireType.Varint) writer.uint64(BigInt.asUintN(64, content));
    else if (wire === WireType.Bit64) writer.fixed64(BigInt.asUintN(64, content));
    else writer.fixed32(Number(BigInt.asUintN(32, content)));
  }
  return writer.finish();
}

interface Place {
  readonly list: Field[];
  readonly field: Field;
}

function places(fields: Field[]): Place[] {
  return fields.flatMap((field) => [
    { list: fields, field },
    ...(Array.isArray(field.content) ? places(field.content) : []),
  ]);
}

function changed(content: Field['content'], all: readonly Place[], random: Random): Field['content'] {
  if (typeof content === 'bigint') {
    return oneIn(random, 3) ? content + BigInt(random.integer(5) - 2) : pick(random, edgeNumbers);
  }
  switch (random.integer(5)) {
    case 0:
      return bytesOfText(pick(random, edgeTexts));
    case 1: {
      // Lists of numbers stand packed.
      const writer = new BinaryWriter();
      for (let left = random.integer(6); left > 0; left--) writer.uint64(pick(random, edgeNumbers));
      return writer.finish();
    }
    case 2: {
      const other = pick(random, all).field.content;
      return typeof other === 'bigint' ? new Uint8Array(0) : other;
    }
    case 3:
      return new Uint8Array(random.integer(64));
    default: {
      const bytes = content instanceof Uint8Array ? content : write(content);
      return oneIn(random, 2) ? flipped(bytes, random) : bytes.subarray(0, random.integer(bytes.length + 1));
    }
  }
}

/** A message put into itself over and over, by its own field number. */
function nested({ number, content }: Field, random: Random): Uint8Array {
  let bytes = content instanceof Uint8Array ? content : Array.isArray(content) ? write(content) : new Uint8Array(0);
  bytes = bytes.subarray(0, 64);
  for (let left = 1 + random.integer(MAX_NESTING); left > 0; left--) {
    bytes = write([{ number, wire: WireType.LengthDelimited, content: bytes }]);
  }
  return bytes;
}

export const mutateProtobuf: Mutator = (bytes, random) => {
  const fields = parse(bytes, 0);
  if (!fields) return bytes;
  for (let left = 1 + random.integer(3); left > 0; left--) {
    const all = places(fields);
    if (all.length === 0) break;
    const { list, field } = pick(random, all);
    switch (random.integer(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        field.content = changed(field.content, all, random);
        break;
      case 4:
        field.number = 1 + random.integer(25);
        break;
      case 5:
        if (oneIn(random, 4)) field.content = nested(field, random);
        else pick(random, all).list.push(field);
        break;
      default:
        shuffleEntries(list, random);
    }
    // A field that was put into itself has no end.
    if (isCircular(fields, new Set())) return bytes;
  }
  return write(fields);
};

function isCircular(fields: Field[], above: ReadonlySet<Field[]>): boolean {
  if (above.has(fields)) return true;
  const here = new Set([...above, fields]);
  return fields.some(({ content }) => Array.isArray(content) && isCircular(content, here));
}
