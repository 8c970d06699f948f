import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFlo } from '#src/media/flo.js';
import { writePicture } from '#src/media/pictures.js';
import { endPointError, texture } from '../flow/frames.js';

const folder = mkdtempSync(join(tmpdir(), 'flow-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  mkdirSync(join(folder, 'frames'));
  for (let t = 0; t < 3; t++) await writePicture(join(folder, 'frames', `f${t}.png`), texture(120, 90, t * 2));
});

function steadyseg(...args: string[]) {
  const main = resolve(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: folder });
}

it('computes Farneback flow of a folder', async () => {
  const run = steadyseg('flow', 'frames', '--out', 'flow', '--backward', '--color', '--threads', '1', '--json');
  expect(run.status).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ pairs: 2, written: 4, skipped: 0, failed: 0 });
  const flow = await readFlo(join(folder, 'flow', 'f1.flo'));
  expect(endPointError(flow, () => [2, 0], 16)).toBeLessThan(0.25);
  const again = steadyseg('flow', 'frames', '--out', 'flow', '--backward', '--color', '--resume');
  expect(again.stdout).toMatch(/^2 pairs: 0 flow fields written to flow, 4 were there already/);
});

it('computes flow by dense inverse search', async () => {
  const run = steadyseg('flow', 'frames', '--out', 'dis', '--method', 'dis-fast', '--threads', '1', '--json');
  expect(run.status).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ flow: expect.stringMatching(/^dis-fast /), pairs: 2, written: 2 });
  const flow = await readFlo(join(folder, 'dis', 'f1.flo'));
  expect(endPointError(flow, () => [2, 0], 16)).toBeLessThan(0.1);
});

it('leaves the clips of other shards out', () => {
  const counts = ['0/2', '1/2'].map((shard) => {
    const run = steadyseg('flow', 'frames', '--out', `shard${shard[0]}`, '--threads', '1', '--shard', shard, '--json');
    return [JSON.parse(run.stdout).pairs, run.stderr.includes(`shard ${shard} is empty`)];
  });
  expect(counts).toEqual([
    [2, false],
    [0, true],
  ]);
});

it.each([
  [['flow', 'frames'], 2, "required option '--out <dir>' not specified"],
  [['flow', 'frames', '--out', 'o', '--method', 'farnebak'], 2, 'did you mean farneback?'],
  [['flow', 'frames', '--out', 'o', '--max-radius', '0'], 2, 'expected a number above 0, found "0"'],
  [['flow', 'none', '--out', 'o'], 1, 'cannot read none: no such file or directory'],
  [['flow', 'frames', '--out', 'o', '--method', 'none.onnx'], 1, 'cannot read none.onnx: no such file or directory'],
])('says what is wrong: %j', (args, status, message) => {
  const run = steadyseg(...args);
  expect([run.status, run.stdout]).toEqual([status, '']);
  expect(run.stderr).toContain(message);
});
