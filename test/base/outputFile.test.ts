// Single files: inputs, devices, FIFOs and sockets stay, and links are followed.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeFileWhole } from '#src/base/files.js';
import { checkNotRead } from '#src/base/outputFile.js';
import { createVideoWriter } from '#src/media/videoWriter.js';

const root = mkdtempSync(join(tmpdir(), 'steadyseg file '));
afterAll(() => rmSync(root, { recursive: true }));
const at = (...names: string[]) => join(root, ...names);

it('leaves a FIFO, a socket and a device alone', async () => {
  const server = createServer().listen(at('socket'));
  if (spawnSync('mkfifo', [at('fifo')]).status !== 0) return;
  symlinkSync('/dev/null', at('link to a device'));
  for (const [path, kind] of [
    [at('fifo'), 'a FIFO'],
    [at('socket'), 'a socket'],
    ['/dev/null', 'a device'],
    [at('link to a device'), 'a device'],
  ]) {
    const refused = `${path}: expected a file to write, found ${kind}`;
    await expect(writeFileWhole(path, 'x')).rejects.toThrow(refused);
    await expect(
      createVideoWriter(path, { width: 8, height: 8, frameRate: { numerator: 1, denominator: 1 } }),
    ).rejects.toThrow(refused);
  }
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  server.close();
});

it('follows links, also one that leads to nothing yet, and none that lead in a circle', async () => {
  mkdirSync(at('elsewhere'));
  symlinkSync('elsewhere/file', at('link'));
  symlinkSync('link', at('link to a link'));
  for (const content of ['first', 'second']) {
    await writeFileWhole(at('link to a link'), content);
    expect(readFileSync(at('elsewhere', 'file'), 'utf8')).toBe(content);
  }
  expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  symlinkSync('circle', at('circle'));
  await expect(writeFileWhole(at('circle'), 'x')).rejects.toThrow(/found a link that leads to itself/);
});

it('does not write over what is read, by whatever name', async () => {
  mkdirSync(at('input'));
  for (const name of ['a.png', 'report.html']) writeFileSync(at('input', name), name);
  linkSync(at('input', 'a.png'), at('hard'));
  symlinkSync(at('input', 'a.png'), at('soft'));
  symlinkSync(at('input'), at('folder'));
  for (const output of [at('input', 'a.png'), at('hard'), at('soft')]) {
    await expect(checkNotRead(output, [undefined, at('input', 'a.png')])).rejects.toThrow(
      `${output}: expected a file apart from what is read, found that it would replace ${at('input', 'a.png')}`,
    );
  }
  await expect(checkNotRead(at('input', 'a.png'), [at('folder')])).rejects.toThrow(/would replace a file in/);
  for (const output of [at('input', 'new.png'), at('input', 'report.html'), at('new.png')]) {
    await checkNotRead(output, [at('folder'), 'farneback']);
  }
  expect(existsSync(at('new.png'))).toBe(false);
});
