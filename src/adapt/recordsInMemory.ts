// Records of one size by number, in memory: where there is no disk, in browsers.
import { SteadysegError } from '../base/errors.js';
import type { Records } from './records.js';

/** As `openRecords` of records.ts; they end with `close`. */
export async function openRecords(_folder: string, name: string, bytes: number): Promise<Records> {
  const records = new Map<number, Uint8Array<ArrayBuffer>>();
  return {
    async write(index, content) {
      if (content.byteLength !== bytes)
        throw new SteadysegError(`${name}: expected ${bytes} bytes, found ${content.byteLength}`);
      records.set(index, Uint8Array.from(content));
    },
    async read(index) {
      const content = records.get(index);
      if (!content) throw new SteadysegError(`${name}: expected record ${index} of ${bytes} bytes, found none`);
      // A copy, which the reader may change.
      return content.slice();
    },
    async close() {
      records.clear();
    },
  };
}
