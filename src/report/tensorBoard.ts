// TensorBoard event files: scalars by tag and step, in TFRecord framing with masked CRC-32C checksums.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A scalar of one step. */
export interface ScalarEvent {
  /** Such as `loss/total`; a slash groups curves. */
  readonly tag: string;
  readonly value: number;
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
}

/** The first record of a file. */
export function fileHeader(time: number): Uint8Array {
  const event = new BinaryWriter().tag(1, WireType.Bit64).double(time);
  event.tag(3, WireType.LengthDelimited).string('brain.Event:2');
  return record(event.finish());
}

/** One scalar as a record: `Event { wall_time, step, summary { value { tag, simple_value } } }`. */
export function scalarRecord({ tag, value, step, time }: ScalarEvent): Uint8Array {
  const event = new BinaryWriter().tag(1, WireType.Bit64).double(time).tag(2, WireType.Varint).int64(step);
  event.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork();
  event.tag(1, WireType.LengthDelimited).string(tag).tag(2, WireType.Bit32).float(value);
  return record(event.join().join().finish());
}

/** Length, its checksum, the data, its checksum; all little endian. */
function record(data: Uint8Array): Uint8Array {
  const framed = new Uint8Array(data.length + 16);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedChecksum(framed.subarray(0, 8)), true);
  framed.set(data, 12);
  view.setUint32(12 + data.length, maskedChecksum(data), true);
  return framed;
}

/** TFRecord's mask, so that a checksum stored in data that is checked itself stays harmless. */
export function maskedChecksum(data: Uint8Array): number {
  const checksum = crc32c(data);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli). */
export function crc32c(data: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of data) value = table[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}
