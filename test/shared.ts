// Where the reference material is (`STEADYSEG_SHARED`, default ../shared), and how tests say that it is absent.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe } from 'vitest';

const shared = resolve(process.env.STEADYSEG_SHARED ?? join(import.meta.dirname, '..', '..', 'shared'));

/** A path below the reference material. */
export function sharedPath(...parts: string[]): string {
  return join(shared, ...parts);
}

/** `describe`, skipped with its reason in the title when one of the files is not on this machine. */
export function describeWithShared(title: string, needs: string[], body: () => void): void {
  const missing = needs.filter((path) => !existsSync(join(shared, path)));
  if (missing.length === 0) describe(title, body);
  else describe.skip(`${title} (skipped: ${missing[0]} not found below STEADYSEG_SHARED)`, body);
}
