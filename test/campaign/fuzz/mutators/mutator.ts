// What mutators share: a choice, numbers at the edges, texts that do harm.
import type { Random } from '#src/tensor/random.js';

/** Changes the bytes of a file, which are its own; bytes that it does not understand come back as they are. */
export type Mutator = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Whole numbers at which arithmetic goes wrong, up to those of 64 bits. */
export const edgeNumbers: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 16n, 64n, 127n, 128n, 255n, 256n, 257n, 1000n, 4096n, 32767n, 65535n, 65536n],
  ...[100_000n, 1n << 20n, 1n << 24n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, 1n << 40n],
  ...[1n << 53n, (1n << 53n) + 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 2n, (1n << 64n) - 1n],
];

/** Names and values that are taken for something else. */
export const edgeTexts: readonly string[] = [
  ...['', '0', '-1', '1e309', 'NaN', 'null', 'true', '~', '*', '%s%n', '$HOME', '$NOT_THERE', '\\', '"', "'"],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', 'valueOf'],
  ...['..', '../../etc/passwd', '/dev/zero', '/proc/self/mem', 'file:///etc/passwd', 'http://127.0.0.1:9/', 'C:\\x'],
  ...['\u001b[2J\u001b[31m', '\u0000', 'a\nb\r\nc', '\u202eabc', '\ud800', '\ufeff', 'é'.repeat(300)],
  'a'.repeat(10_000),
];

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.integer(list.length)];
}

/** True once in `n` times. */
export function oneIn(random: Random, n: number): boolean {
  return random.integer(n) === 0;
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Takes away, says again, swaps or moves entries of a list, in place. */
export function shuffleEntries<T>(list: T[], random: Random): void {
  if (list.length === 0) return;
  const at = random.integer(list.length);
  const [entry] = list.slice(at, at + 1);
  const other = random.integer(list.length);
  switch (random.integer(4)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(other, 0, ...Array.from({ length: oneIn(random, 4) ? 1 + random.integer(2000) : 1 }, () => entry));
      break;
    case 2:
      [list[at], list[other]] = [list[other], entry];
      break;
    default:
      list.splice(at, 1);
      list.splice(other, 0, entry);
  }
}

/** One bit, or one byte, of a piece. */
export function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  if (out.length > 0)
    out[random.integer(out.length)] ^= oneIn(random, 2) ? 1 << random.integer(8) : random.integer(256);
  return out;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function bytesOfText(text: string): Uint8Array {
  return encoder.encode(text);
}
