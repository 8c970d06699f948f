// Records of one size by number, in a file: what is known of each frame lies on disk, so that memory does not grow with the video.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { ensureFolder, reasonOf } from '../base/files.js';

export interface Records {
  write(index: number, bytes: Uint8Array): Promise<void>;
  /** @throws SteadysegError for a record that was not written. */
  read(index: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Opens, or begins, the records of a name in a folder; `bytes` is the size of each. */
export async function openRecords(folder: string, name: string, bytes: number): Promise<Records> {
  await ensureFolder(folder);
  const path = join(folder, `${name}.bin`);
  const file = await open(path, 'a+').then(async (made) => {
    await made.close();
    return open(path, 'r+');
  });
  return {
    async write(index, content) {
      if (content.byteLength !== bytes)
        throw new SteadysegError(`${path}: expected ${bytes} bytes, found ${content.byteLength}`);
      try {
        await file.write(content, 0, bytes, index * bytes);
      } catch (thrown) {
        throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
      }
    },
    async read(index) {
      const content = new Uint8Array(bytes);
      const { bytesRead } = await file.read(content, 0, bytes, index * bytes);
      if (bytesRead < bytes)
        throw new SteadysegError(`${path}: expected record ${index} of ${bytes} bytes, found ${bytesRead}`);
      return content;
    },
    close: () => file.close(),
  };
}
