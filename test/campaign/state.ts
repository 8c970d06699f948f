// What the campaign keeps from run to run: small JSON files, whole or not there.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** What was kept; undefined when nothing was. */
export function kept<T>(path: string): T | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

export function keep(path: string, state: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
