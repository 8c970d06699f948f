// Locks: one process at a time, whatever came before it; of those elsewhere, one that gives no sign of itself has ended.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { type Lock, lockFolder } from '#src/base/lock.js';
import { thisProcess } from '#src/base/owner.js';

const root = mkdtempSync(join(tmpdir(), 'steadyseg lock '));
let count = 0;
let path = '';
beforeEach(() => {
  path = join(root, String(count++), '.lock');
});
afterAll(() => rmSync(root, { recursive: true }));

/** The number of a process that has ended. */
const ended = () => spawnSync(process.execPath, ['-e', '']).pid;
const quick = { beat: 30, patience: 300 };
const lock = (times = quick) => lockFolder(path, 'at work here', times);
/** A lock as another owner left it. */
const leave = (owner: Partial<typeof thisProcess> & { readonly host?: string }) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ id: String(count), host: 'other', ...thisProcess, ...owner })}\n`);
};
const held = (results: readonly PromiseSettledResult<Lock>[]) =>
  results.filter(({ status }) => status === 'fulfilled').length;

it('is held by one, given back, and leaves nothing', async () => {
  const first = await lock();
  await expect(lock()).rejects.toThrow(
    `${path}: process ${process.pid} is at work here; wait for it or end it, or choose another folder`,
  );
  first.check();
  await first.release();
  expect(readdirSync(dirname(path))).toEqual([]);
  await (await lock()).release();
});

it('is given to one of many that come at once', async () => {
  expect(held(await Promise.allSettled(Array.from({ length: 8 }, () => lock())))).toBe(1);
});

it('is taken over by one of many from a process that has ended', async () => {
  for (let round = 0; round < 20; round++) {
    leave({ process: ended(), start: '12345' });
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => lock()));
    expect(held(results)).toBe(1);
    for (const result of results) if (result.status === 'fulfilled') await result.value.release();
    expect(readdirSync(dirname(path))).toEqual([]);
  }
});

it('is taken over when its number belongs to another process by now', async () => {
  if (thisProcess.start === '') return;
  leave({ start: String(Number(thisProcess.start) - 1) });
  await (await lock()).release();
  expect(existsSync(path)).toBe(false);
});

it.each(['', 'nonsense', '123 456'])('is taken over after a while when it says %j', async (content) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  await (await lock()).release();
});

it('belongs to an owner elsewhere as long as that gives a sign of itself', async () => {
  leave({ place: '00000000', process: 7 });
  const sign = setInterval(() => utimesSync(path, new Date(), new Date()), 20);
  await expect(lock()).rejects.toThrow(`${path}: process 7 on other is at work here`);
  clearInterval(sign);
  const started = performance.now();
  await (await lock()).release();
  expect(performance.now() - started).toBeGreaterThan(quick.patience);
});

it('gives a sign of itself while its thread is busy', async () => {
  const mine = await lock();
  const before = readdirSync(dirname(path)).map((name) => [
    name,
    spawnSync('stat', ['-c', '%y', path]).stdout.toString(),
  ]);
  await sleep(500);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  const after = readdirSync(dirname(path)).map((name) => [
    name,
    spawnSync('stat', ['-c', '%y', path]).stdout.toString(),
  ]);
  expect(after[0][0]).toBe('.lock');
  expect(after).not.toEqual(before);
  await mine.release();
});

it('tells its owner when it was taken over', async () => {
  const mine = await lock();
  leave({ place: '00000000' });
  expect(() => mine.check()).toThrow(
    /expected the lock of this process, found that of another: the folder was taken over/,
  );
  await mine.release();
  expect(readFileSync(path, 'utf8')).toContain('00000000');
  rmSync(path);
  expect(() => mine.check()).toThrow(/found none/);
});

it('removes what processes left that were killed while they took it over', async () => {
  leave({ process: ended() });
  const succession = `${path}.0123456789abcdef`;
  writeFileSync(succession, readFileSync(path));
  await (await lock()).release();
  expect(readdirSync(dirname(path))).toEqual([]);
});

it('removes the temporary files of an owner elsewhere when it takes over', async () => {
  leave({ place: '11111111', process: 7 });
  const folder = dirname(path);
  const [dead, foreign] = ['11111111', '22222222'].map((place) => `.a.png.${place}-7.0123abcd.tmp`);
  for (const name of [dead, foreign]) writeFileSync(join(folder, name), '');
  await (await lock()).release();
  expect(readdirSync(folder)).toEqual([foreign]);
});

it('is never held by two processes that come at the same moment', async () => {
  // Each holds the lock for a moment in which no other may hold it, over and over, and leaves it behind at times.
  const script = `
    const { lockFolder } = await import(${JSON.stringify(import.meta.resolve('#src/base/lock.js'))});
    const { openSync, closeSync, rmSync, writeFileSync } = await import('node:fs');
    const [path, holding] = process.argv.slice(1);
    let held = 0;
    for (const end = Date.now() + 4000; Date.now() < end; ) {
      const lock = await lockFolder(path, 'at work').catch(() => undefined);
      if (!lock) continue;
      closeSync(openSync(holding, 'wx'));
      held++;
      rmSync(holding);
      if (Math.random() < 0.3) writeFileSync(path, JSON.stringify({ id: String(Math.random()), host: '', place: ${JSON.stringify(thisProcess.place)}, process: ${ended()}, start: '' }));
      else await lock.release();
    }
    console.log(held);`;
  const holding = join(root, 'holding');
  const runs = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, path, holding]);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
      const code = await new Promise((done) => child.once('close', done));
      return { code, text };
    }),
  );
  for (const { code, text } of runs) expect(code, text).toBe(0);
  expect(runs.reduce((sum, { text }) => sum + Number(text), 0)).toBeGreaterThan(4);
});

it('says why it cannot be written', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(lockFolder(join(root, 'file', '.lock'), 'at work here')).rejects.toThrow(
    /a file of that name is in the way/,
  );
});
