// The library example in README.md compiles against the package's types, and runs.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { randomPixels } from './segment/pixels.js';
import { tinyNetwork } from './segment/tinyNetwork.js';

const root = resolve(import.meta.dirname, '..');
// Inside the package, so that `steadyseg` resolves to it; out/ is not kept.
mkdirSync(join(root, 'out'), { recursive: true });
const folder = mkdtempSync(join(root, 'out', 'readme-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  writeFileSync(join(folder, 'network.onnx'), tinyNetwork({ free: true }));
  const frameRate = { numerator: 25, denominator: 1 };
  const writer = await createVideoWriter(join(folder, 'drive.mp4'), { width: 32, height: 24, frameRate });
  for (let i = 0; i < 3; i++) await writer.write(randomPixels(24, 32, i + 1));
  await writer.close();
});

function exampleOf(readme: string): string {
  const match = /<!-- A test compiles and runs this\. -->\n```ts\n([\s\S]*?)```/.exec(readme);
  if (!match) throw new Error('README.md has no example that is marked to be tested');
  return match[1];
}

it('segments a video', () => {
  const file = join(folder, 'example.mts');
  writeFileSync(file, exampleOf(readFileSync(join(root, 'README.md'), 'utf8')));
  const compiler = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
  const options = '--target es2023 --module nodenext --types node --strict --skipLibCheck --ignoreConfig'.split(' ');
  const { stdout, status } = spawnSync(process.execPath, [compiler, ...options, file], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  const output = execFileSync(process.execPath, [join(folder, 'example.mjs')], { cwd: folder, encoding: 'utf8' });
  expect(output).toMatch(/^(00000\d: 32×24, \d+\.\d % road\n){3}$/);
});
