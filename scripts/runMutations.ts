// Spot checks of the tests: makes one mistake at a time in the compiled code (scripts/mutations) and expects a test to fail, without
// the reference material. `npm run mutations -- [TEXT]` builds, breaks `dist/` for moments, and leaves it as it was; with TEXT, only
// files whose path holds it are changed.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mutations } from './mutations/index.js';

const root = resolve(import.meta.dirname, '..', '..');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
/** There is no such folder: what reference material sees is not what every checkout sees. */
const env = { ...process.env, STEADYSEG_SHARED: join(root, 'out', 'nothing') };

function passes(tests: readonly string[]): boolean {
  return spawnSync(process.execPath, [vitest, 'run', '--bail', '1', ...tests], { cwd: root, env }).status === 0;
}

const wanted = mutations.filter(({ file }) => file.includes(process.argv[2] ?? ''));
if (wanted.length === 0) throw new Error(`no mutation of a file with "${process.argv[2]}" in its path`);
const tests = [...new Set(wanted.map((one) => one.tests))];
if (!passes(tests)) throw new Error(`expected ${tests.join(', ')} to pass before anything is changed; a test failed`);
let survivors = 0;
for (const { file, from, to, tests } of wanted) {
  const path = join(root, 'dist', `${file}.js`);
  const original = readFileSync(path, 'utf8');
  if (!original.includes(from)) throw new Error(`dist/${file}.js: expected "${from}" to change, found nothing like it`);
  let survived: boolean;
  try {
    writeFileSync(path, original.replaceAll(from, to));
    survived = passes([tests]);
  } finally {
    writeFileSync(path, original);
  }
  if (survived) survivors++;
  console.log(`${survived ? 'SURVIVED' : 'seen    '}  ${file}: ${from}  →  ${to}`);
}
console.log(`${wanted.length - survivors} of ${wanted.length} changes were seen by a test`);
process.exitCode = survivors === 0 ? 0 : 1;
