// What becomes of output that nobody reads, that has no room, or that would change the terminal.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { printable, printableJson } from '#src/base/printable.js';
import type { Model } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-output-'));
afterAll(() => rmSync(folder, { recursive: true }));
const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'));

function model(name: string, entries: readonly (readonly [string, string])[]): string {
  const path = join(folder, name);
  const value = (of: string) => ({ name: of, type: { dtype: 'float32' as const, shape: [2] } });
  const content: Model = {
    irVersion: 8,
    opsets: new Map([['', 18]]),
    producer: 'test\x1b[31m',
    metadata: new Map(entries),
    graph: {
      name: 'graph',
      nodes: [{ op: 'Neg', domain: '', name: 'n', inputs: ['x\x07'], outputs: ['y'], attributes: {} }],
      inputs: [value('x\x07')],
      outputs: [value('y')],
      values: [],
      initializers: new Map(),
    },
  };
  writeFileSync(path, writeModel(content));
  return path;
}

it('shows control characters of files as their codes', () => {
  const path = model('named\u202egnp.onnx', [['key\x1b]0;title\x07', 'value\u009b2J']]);
  const { stdout: text } = steadyseg(['info', path]);
  expect(text).toContain('key\\x1b]0;title\\x07: value\\x9b2J');
  const json = steadyseg(['info', path, '--json']).stdout;
  expect(text + json).not.toMatch(/(?!\n|\t)\p{Cc}|\u202e/u);
  expect(JSON.parse(json)).toMatchObject({ file: path });
});

it('leaves what is readable as it is', () => {
  expect(printable('a\tb\nc é 街 🙂')).toBe('a\tb\nc é 街 🙂');
  const odd = { name: '\u202e\u007f\u009b\x1b"\\' };
  expect(JSON.parse(printableJson(odd))).toEqual(odd);
});

it.skipIf(!existsSync('/dev/full'))('says that a disk is full', () => {
  const full = openSync('/dev/full', 'w');
  for (const args of [['--help'], ['info', model('plain.onnx', []), '--json']]) {
    const run = spawnSync(process.execPath, [main, ...args], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    expect([run.status, run.stderr]).toEqual([1, 'steadyseg: cannot write the output: no space left on the device\n']);
  }
});

it('says that its reader has gone', async () => {
  // More than a pipe holds.
  const path = model(
    'long.onnx',
    Array.from({ length: 4000 }, (_, index) => [`key${index}`, 'x'.repeat(100)] as const),
  );
  const child = spawn(process.execPath, [main, 'info', path, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((done) => child.once('close', done));
  expect([code, stderr]).toEqual([1, 'steadyseg: cannot write the output: its reader has gone\n']);
});
