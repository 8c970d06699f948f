// The GPU check as its pack starts it: a wrong call or device ends in a line, and the whole of it tells how long it took.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'steadyseg check '));
const script = join(folder, 'check', 'bundle', 'gpuCheck.mjs');
beforeAll(async () => {
  for (const part of ['models', 'node_modules']) symlinkSync(join(root, part), join(folder, part), 'junction');
  await build({
    ...{ entryPoints: [join(root, 'scripts', 'gpuCheck.ts')], outfile: script },
    ...{ bundle: true, format: 'esm', platform: 'node', external: ['onnxruntime-node', 'esbuild'] },
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const check = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

it.each([
  ['a size of one number', ['--size', '512'], '--size: expected height and width in pixels, .*, found "512"'],
  ['a size of nothing', ['--size', '0x64'], '--size: expected .*, found "0x64"'],
  ['no rounds', ['--rounds', '0'], '--rounds: expected a whole number from 1, found "0"'],
  ['an option that it does not have', ['--sizes', '64x64'], ".*'--sizes'.*"],
  ['a device that there is not', ['--device', 'webgpus'], '.*found "webgpus"; did you mean webgpu\\?'],
  ['a pack onto what is there', ['--pack', folder], '.*: it is there already; .*'],
])('says of %s what is wrong, in a line', (_, args, message) => {
  const { status, stderr } = check(...args);
  expect(stderr).toMatch(new RegExp(`^${message}\n$`));
  expect(status).toBe(1);
});

it('finds the CPU equal to itself, and tells how long it took', () => {
  const { status, stdout } = check('--device', 'cpu', '--parity');
  expect(stdout).not.toContain('DIFFERENT');
  expect(stdout).toMatch(/\ntook \d+ s in all\n$/);
  expect(status).toBe(0);
});
