// What lies behind a flow source that a user names: the files that its flow follows from.
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { exists, isFolder, sha256OfFile } from '../base/files.js';
import { isFlowMethod } from './open.js';

/** A digest of the files that `openFlowSource` would read flow, or a network, from; undefined where there are none. */
export async function flowContents(method: string): Promise<string | undefined> {
  if (isFlowMethod(method) || !(await exists(method))) return undefined;
  if (!(await isFolder(method))) return sha256OfFile(method);
  const files = (await readdir(method, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${relative(method, path)}\n${await sha256OfFile(path)}\n`);
  return hash.digest('hex');
}
