// The mistakes of `npm run mutations` are still changes to code that is there, and the tests that see them exist.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { mutations } from '../scripts/mutations/index.js';

const root = resolve(import.meta.dirname, '..');

it('every mistake changes compiled code, once, and names tests', () => {
  const changed = mutations.map(({ file, from, to }) => `${file}: ${from} → ${to}`);
  expect(changed.filter((one, index) => changed.indexOf(one) !== index)).toEqual([]);
  const stale = mutations.filter(({ file, from, to }) => {
    const path = join(root, 'dist', `${file}.js`);
    return from === to || !existsSync(path) || !readFileSync(path, 'utf8').includes(from);
  });
  expect(stale).toEqual([]);
  expect([...new Set(mutations.map(({ tests }) => tests))].filter((tests) => !existsSync(join(root, tests)))).toEqual(
    [],
  );
});
