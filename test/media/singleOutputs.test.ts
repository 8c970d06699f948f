// Outputs that would take the place of what is read are refused before the work, by whatever name an input names it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkSingleOutputs } from '#src/media/singleOutputs.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-outputs-'));
const at = (name: string) => join(folder, name);
beforeAll(() => {
  mkdirSync(at('frames'));
  for (const name of ['frames/a.png', 'frames/b.png', 'label.png', 'page.html']) writeFileSync(at(name), name);
  writeFileSync(at('list.txt'), 'frames/a.png label.png\n');
  symlinkSync(at('frames'), at('linked'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['a frame of a list', 'frames/a.png', 'list.txt'],
  ['a label of a list', 'label.png', 'list.txt'],
  ['the list', 'list.txt', 'list.txt'],
  ['a picture of a pattern', 'frames/b.png', 'frames/*.png'],
  ['by a link', 'linked/b.png', 'frames/{b,c}.png'],
])('refuses %s', async (_, output, input) => {
  await expect(checkSingleOutputs([at(output)], [undefined, at(input)])).rejects.toThrow(
    `${at(output)}: expected a file apart from what is read`,
  );
});

it('refuses one file for two outputs', async () => {
  await expect(checkSingleOutputs([at('new.onnx'), at('frames/../new.onnx')], [])).rejects.toThrow('named for two');
  await expect(checkSingleOutputs([at('frames/new.onnx'), at('linked/new.onnx')], [])).rejects.toThrow('named for two');
});

it.skipIf(process.platform === 'win32')('refuses a FIFO, whatever is read', async () => {
  spawnSync('mkfifo', [at('fifo.html')]);
  await expect(checkSingleOutputs([at('fifo.html')], ['-'])).rejects.toThrow('found a FIFO');
});

it('takes what is not read', async () => {
  await checkSingleOutputs([at('page.html'), at('new.onnx'), undefined], [at('list.txt'), at('nothing.png'), '-']);
});
