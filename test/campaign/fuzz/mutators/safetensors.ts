// Mutates safetensors files: the header as JSON, with a true length; or the length itself.
import { mutatedJson } from './json.js';
import { bytesOfText, concatenated, edgeNumbers, type Mutator, oneIn, pick, textOf } from './mutator.js';

export const mutateSafetensors: Mutator = (bytes, random) => {
  if (bytes.length < 8) return bytes;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > bytes.length - 8) return bytes;
  const header = bytesOfText(mutatedJson(textOf(bytes.subarray(8, 8 + length)), random));
  const padded = concatenated([header, new Uint8Array(random.integer(9)).fill(0x20)]);
  const size = new Uint8Array(8);
  const told = oneIn(random, 10) ? pick(random, edgeNumbers) : BigInt(padded.length);
  new DataView(size.buffer).setBigUint64(0, BigInt.asUintN(64, told), true);
  return concatenated([size, padded, bytes.subarray(8 + length)]);
};
