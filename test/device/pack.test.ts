// The pack of the GPU check replaces nothing, and leaves nothing behind when it cannot be made.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { packCheck } from '../../scripts/device/pack.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg pack '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('refuses a file that is there', async () => {
  const file = join(folder, 'mine.tar.xz');
  writeFileSync(file, 'mine');
  await expect(packCheck(folder, file)).rejects.toThrow('is there already');
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

const packs = process.platform === 'linux';
it.skipIf(!packs)('says what a checkout lacks, such as the networks, and leaves nothing of it', async () => {
  const missing = join(folder, 'models');
  await expect(packCheck(folder, join(folder, 'new.tar.xz'))).rejects.toThrow(`${missing}: it is not there`);
  expect(readdirSync(folder)).toEqual(['mine.tar.xz']);
});
