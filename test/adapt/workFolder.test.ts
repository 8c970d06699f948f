// The folder of an adaptation: gone on with however early it was killed, and nobody else's.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { claimWorkFolder } from '#src/adapt/workFolder.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-work-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['nothing', []],
  ['a temporary file', ['.settings.json.01234567-99999999.01b628ca.tmp']],
])('goes on in a folder that was killed with %s in it', async (name, files) => {
  const work = join(folder, name);
  mkdirSync(work);
  for (const file of files) writeFileSync(join(work, file), '');
  const lock = await claimWorkFolder(work, '{}', true);
  expect(readFileSync(join(work, 'settings.json'), 'utf8')).toBe('{}');
  await lock.release();
});

it("leaves somebody else's folder alone", async () => {
  const work = join(folder, 'other');
  mkdirSync(work);
  writeFileSync(join(work, 'notes'), 'mine');
  await expect(claimWorkFolder(work, '{}', true)).rejects.toThrow(
    'expected no such folder, or one of an unfinished adaptation',
  );
  const smoothing = { doing: 'smoothing', kind: 'smoothing' };
  await expect(claimWorkFolder(work, '{}', true, smoothing)).rejects.toThrow('one of an unfinished smoothing');
});
