// Locks: one process at a time, a dead owner's lock taken over, and a number that another process has now not mistaken for its owner.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { lockFolder } from '#src/base/lock.js';

const root = mkdtempSync(join(tmpdir(), 'steadyseg lock '));
let count = 0;
let path = '';
beforeEach(() => {
  path = join(root, String(count++), '.lock');
});
afterAll(() => rmSync(root, { recursive: true }));

/** The number of a process that has ended. */
const ended = () => spawnSync(process.execPath, ['-e', '']).pid;

it('is held by one, given back, and leaves nothing', async () => {
  const unlock = await lockFolder(path, 'at work here');
  await expect(lockFolder(path, 'at work here')).rejects.toThrow(
    `${path}: process ${process.pid} is at work here; wait for it or end it, or choose another folder`,
  );
  await unlock();
  expect(readdirSync(join(path, '..'))).toEqual([]);
  await (await lockFolder(path, 'at work here'))();
});

it('is given to one of many that come at once', async () => {
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(path, 'at work here')));
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
});

it('is taken over from a process that is gone, by one of many', async () => {
  await (await lockFolder(path, 'at work here'))();
  for (const content of [String(ended()), `${ended()} 12345`, '', 'nonsense']) {
    writeFileSync(path, content);
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => lockFolder(path, 'at work here')));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    rmSync(path);
  }
});

it.skipIf(!existsSync('/proc/self/stat'))(
  'is taken over when its number belongs to another process by now',
  async () => {
    await lockFolder(path, 'at work here');
    const [owner, start] = readFileSync(path, 'utf8').split(' ');
    expect([Number(owner), Number(start) > 0]).toEqual([process.pid, true]);
    writeFileSync(path, `${owner} ${Number(start) - 1}`);
    await (await lockFolder(path, 'at work here'))();
    expect(existsSync(path)).toBe(false);
  },
);

it('says why it cannot be written', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(lockFolder(join(root, 'file', '.lock'), 'at work here')).rejects.toThrow(
    /a file of that name is in the way/,
  );
});
