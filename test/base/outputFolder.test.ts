// What a run finds in its folder: what earlier runs can be proven to have written, and what is the user's.
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { type OutputFolder, type OutputFolderOptions, openOutputFolder } from '#src/base/outputFolder.js';
import { digestOf } from '#src/base/written.js';

const root = mkdtempSync(join(tmpdir(), 'steadyseg folder '));
afterAll(() => rmSync(root, { recursive: true }));
let out = '';
let count = 0;
beforeEach(() => {
  out = join(root, String(count++));
});

const whole = { index: 0, count: 1 };
const source = digestOf('picture');
const open = (options: Partial<OutputFolderOptions> = {}, folder = out) =>
  openOutputFolder(folder, { name: 'run', work: 'at work', shard: whole, settings: { flip: false }, ...options });
/** A run that writes `a/x`, and ends as it is told. */
async function run(options: Partial<OutputFolderOptions> = {}, content = 'x', end = true): Promise<void> {
  const folder = await open(options);
  try {
    await folder.record({ flip: false, complete: false });
    await folder.write({ unit: 'x', source, files: { 'a/x': content } });
    if (end) await folder.record({ flip: false, complete: true });
  } finally {
    await folder.close();
  }
}
const finished = async (options: Partial<OutputFolderOptions> = {}, paths = ['a/x'], from = source) => {
  const folder = await open({ resume: true, ...options });
  return await folder.finished('x', async () => from, paths).finally(() => folder.close());
};
const inside = (path: string) => readFileSync(join(out, path), 'utf8');
const notOurs = /expected no file or one that an earlier run wrote, found another/;

it('records what it wrote, and leaves nothing else', async () => {
  await run();
  expect(readdirSync(out).sort()).toEqual(['a', 'run.json']);
  expect(JSON.parse(inside('run.json'))).toMatchObject({
    flip: false,
    complete: true,
    written: [{ unit: 'x', source, files: { 'a/x': digestOf('x') } }],
  });
  expect(await finished()).toMatchObject({ files: { 'a/x': digestOf('x') } });
});

it('takes over what a run announced before it was cut short, and what lies there as announced', async () => {
  await run({}, 'x', false);
  expect(readdirSync(out).sort()).toEqual(['.run.written', 'a', 'run.json']);
  expect(await finished()).toBeDefined();
  rmSync(join(out, 'run.json'));
  expect(await finished()).toBeDefined();
  expect(await finished({ settings: { flip: true } })).toBeUndefined();
  // Within the announcement of a file that is not there yet.
  writeFileSync(join(out, '.run.written'), `${inside('.run.written')}{"unit":"y","ru`);
  expect(await finished()).toBeDefined();
  await run({ resume: true });
  expect(readdirSync(out).sort()).toEqual(['a', 'run.json']);
});

it.each<[string, (path: string) => void, Parameters<typeof finished>]>([
  ['of other content', (path) => writeFileSync(path, 'y'), []],
  ['that is gone', (path) => rmSync(path), []],
  [
    'that is a link',
    (path) => {
      renameSync(path, `${path}2`);
      symlinkSync(`${path}2`, path);
    },
    [],
  ],
  ['of another source', () => {}, [{}, ['a/x'], digestOf('another')]],
  ['without all that is asked for', () => {}, [{}, ['a/x', 'b/x']]],
])('takes over nothing %s', async (_, change, args) => {
  await run();
  change(join(out, 'a', 'x'));
  expect(await finished(...args)).toBeUndefined();
});

it('takes over nothing when it is not asked to, and nothing that is written by another name', async () => {
  await run();
  expect(await finished({ resume: false })).toBeUndefined();
  expect(await finished({ name: 'other' })).toBeUndefined();
  await expect(finished({ settings: { flip: true } })).rejects.toThrow(
    /run\.json: expected the same flip as in the run to resume, false, found true/,
  );
});

it('replaces what runs wrote, whatever became of its time, and nothing of the user', async () => {
  await run();
  const copy = `${out} copied`;
  cpSync(out, copy, { recursive: true });
  out = copy;
  await run({ settings: { flip: true } }, 'y');
  expect(inside('a/x')).toBe('y');
  writeFileSync(join(out, 'a', 'x'), 'mine');
  await expect(run()).rejects.toThrow(notOurs);
  await expect(run({ resume: true })).rejects.toThrow(notOurs);
  expect(inside('a/x')).toBe('mine');
  await run({ overwrite: true });
  expect(inside('a/x')).toBe('x');
});

it('refuses what the user put there while no run was at work', async () => {
  await run({}, 'x', false);
  writeFileSync(join(out, 'a', 'y'), 'mine');
  const folder = await open({ resume: true });
  await expect(folder.checkFree(['a/x', 'a/y'])).rejects.toThrow(/a\/y: expected no file/);
  await expect(folder.write({ unit: 'y', source, files: { 'a/y': 'new' } })).rejects.toThrow(notOurs);
  await folder.remove('a/y');
  await folder.close();
  expect(inside('a/y')).toBe('mine');
});

it('does not call the user’s file its own because it would have written the same', async () => {
  mkdirSync(join(out, 'a'), { recursive: true });
  writeFileSync(join(out, 'a', 'x'), 'x');
  linkSync(join(out, 'a', 'x'), join(out, 'same file'));
  await run();
  writeFileSync(join(out, 'same file'), 'x');
  await expect(run({}, 'y')).rejects.toThrow(notOurs);
  expect(inside('a/x')).toBe('x');
});

it('refuses to replace a record that is none', async () => {
  mkdirSync(out);
  writeFileSync(join(out, 'run.json'), '{"flip":false}');
  await expect(run()).rejects.toThrow(/run\.json: expected no file or one that an earlier run wrote/);
  expect(readdirSync(out)).toEqual(['run.json']);
  await run({ overwrite: true });
});

it('removes what it wrote, and forgets it', async () => {
  await run();
  const folder = await open({ resume: true });
  await folder.remove('a/x');
  expect((await folder.record({ flip: false })).written).toMatchObject([{ unit: 'x', files: {} }]);
  await folder.close();
  expect(existsSync(join(out, 'a', 'x'))).toBe(false);
  expect(await finished()).toBeUndefined();
});

it('knows the files of those that shared the work otherwise, whose records it removes', async () => {
  const shards = [0, 1].map((index) => ({ index, count: 2 }));
  for (const shard of shards) {
    const folder = await open({ shard });
    await folder.record({ flip: false });
    await folder.write({ unit: `x${shard.index}`, source, files: { [`a/${shard.index}`]: 'x' } });
    await folder.close();
  }
  await run();
  expect(readdirSync(out).sort()).toEqual(['a', 'run.json']);
  const folder = await open({ settings: { flip: true } });
  await folder.write({ unit: 'x0', source, files: { 'a/0': 'y' } });
  await folder.write({ unit: 'x1', source, files: { 'a/1': 'y' } });
  await folder.close();
});

it('is no way out of the folder', async () => {
  await run();
  const outside = join(root, 'outside');
  writeFileSync(outside, 'mine');
  const record = JSON.parse(inside('run.json'));
  for (const path of ['../outside', outside]) {
    record.written[0].files = { [path]: digestOf('mine') };
    writeFileSync(join(out, 'run.json'), JSON.stringify(record));
    const folder = await open({ resume: true });
    expect(await folder.finished('x', async () => source, [path])).toBeUndefined();
    await folder.close();
  }
});

it('writes side by side', async () => {
  const folder = await open();
  const units = Array.from({ length: 20 }, (_, k) => `a/${k}`);
  await Promise.all(units.map((unit) => folder.write({ unit, source, files: { [unit]: unit } })));
  await folder.close();
  const again: OutputFolder = await open({ resume: true });
  for (const unit of units) expect(await again.finished(unit, async () => source, [unit])).toBeDefined();
  await again.close();
});
