// Folders made with their parents, by many at once, or refused with the reason; files of any name written whole, nothing left behind.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureFolder, temporaryBeside, writeFileWhole } from '#src/base/files.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'steadyseg-'));
});
afterAll(() => rm(root, { recursive: true }));

it('makes a folder with its parents, by many at once, and takes one that is there', async () => {
  const folder = join(root, 'a', 'b c', 'ü');
  await Promise.all(Array.from({ length: 8 }, () => ensureFolder(folder)));
  await ensureFolder(folder);
  expect((await stat(folder)).isDirectory()).toBe(true);
});

it('names a file in the way', async () => {
  const file = join(root, 'plain');
  await writeFile(file, '');
  await expect(ensureFolder(file)).rejects.toThrow(/plain: a file of that name is in the way/);
  await expect(ensureFolder(join(file, 'x'))).rejects.toThrow(/x: a part of the path is not a directory/);
});

// Node's recursive mkdir never returns there.
it.skipIf(!existsSync('/proc/self'))('ends where a parent takes no folders', async () => {
  await expect(ensureFolder('/proc/steadyseg/labels')).rejects.toThrow(/cannot create the folder/);
});

it('writes files whose names are as long as a file system allows', async () => {
  const folder = join(root, 'long');
  for (const name of ['x'.repeat(255), `${'車'.repeat(83)}.flo`]) {
    await writeFileWhole(join(folder, name), 'content');
    expect(await readFile(join(folder, name), 'utf8')).toBe('content');
  }
});

it('removes temporary files that a killed process left, and no others', async () => {
  const folder = join(root, 'abandoned');
  await ensureFolder(folder);
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  const own = basename(temporaryBeside(join(folder, 'model.onnx')));
  const abandoned = own.replace(`-${process.pid}.`, `-${ended}.`);
  const elsewhere = abandoned.replace(/\.[0-9a-f]{8}-/, '.00000000-');
  const kept = [own, elsewhere, `model.${ended}.tmp`];
  for (const name of [abandoned, ...kept]) await writeFile(join(folder, name), '');
  await writeFileWhole(join(folder, 'new'), '');
  expect((await readdir(folder)).sort()).toEqual(['new', ...kept].sort());
});
