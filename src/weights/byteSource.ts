// Bytes at offsets, from a file or from memory: readers take what they need, and no read goes past the end.
import { open } from 'node:fs/promises';
import { SteadysegError } from '../base/errors.js';
import { fileSize, readRange, reasonOf } from '../base/files.js';

/** Something with a name for errors and a known number of bytes that can be read in any order. */
export interface ByteSource {
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * `length` bytes from `offset` on: of a file, in a buffer of their own; of memory, a view.
   * @throws SteadysegError when they are not all there.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A file as a source; it stays open until `close`. */
async function openByteSource(path: string): Promise<ByteSource> {
  const size = await fileSize(path);
  const fail = (thrown: unknown): never => {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  };
  const file = await open(path, 'r').catch(fail);
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange(path, size, offset, length);
      return await readRange(file, offset, length, path).catch(fail);
    },
    close: () => file.close(),
  };
}

/** What `read` makes of a file, with the source, which stays open for it; when `read` fails, the file is closed. */
export async function openWith<T>(path: string, read: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await openByteSource(path);
  try {
    return await read(source);
  } catch (thrown) {
    await source.close();
    throw thrown;
  }
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    async read(offset, length) {
      checkRange(name, bytes.byteLength, offset, length);
      return bytes.subarray(offset, offset + length);
    },
    async close() {},
  };
}

function checkRange(name: string, size: number, offset: number, length: number): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!valid || offset + length > size) {
    throw new SteadysegError(`${name}: expected ${length} bytes at ${offset}, but the file has only ${size} bytes`);
  }
}
