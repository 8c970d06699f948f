// Folders: made with their parents, by many at once, and refused with the reason.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureFolder } from '#src/base/files.js';

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
