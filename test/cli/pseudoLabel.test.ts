import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePicture } from '#src/media/pictures.js';
import { randomPixels } from '../segment/pixels.js';
import { normalised, tinyNetwork } from '../segment/tinyNetwork.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-cli-pseudo-'));
const options = ['--model', 'network.onnx', '--threads', '1'];
const pseudoLabel = (...args: string[]) => steadyseg(['pseudo-label', ...args], folder);

beforeAll(async () => {
  writeFileSync(join(folder, 'network.onnx'), tinyNetwork({ classes: 4, free: true, metadata: normalised }));
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'pictures'));
  for (const name of ['x_000000_000001', 'x_000001_000001']) {
    await writePicture(join(folder, 'pictures', `${name}.png`), randomPixels(12, 16));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('steadyseg pseudo-label', () => {
  it('prints one JSON object with --json, the content of pseudo-label.json and the time', () => {
    const args = ['--scales', '0.75,1', '--flip', '--threshold', '0.5', '--save', 'confidence', '--json'];
    const { code, stdout, stderr } = pseudoLabel('pictures', ...options, '--out', 'out', ...args);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^pseudo-label {2}1\/2 frames/)]);
    const { run, ...report } = JSON.parse(stdout);
    expect(report).toMatchObject({ frames: 2, complete: true, threshold: 0.5, scales: [0.75, 1], flip: true });
    expect(run.stages.inference).toBeGreaterThan(0);
    expect(JSON.parse(readFileSync(join(folder, 'out', 'pseudo-label.json'), 'utf8'))).toEqual(report);
    expect(readdirSync(join(folder, 'out')).sort()).toEqual([
      'confidence',
      'frames.jsonl',
      'labels',
      'list.txt',
      'pseudo-label.json',
    ]);
  });

  it('prints a table by class; shards say how to merge them, and merging prints the same table', () => {
    const args = ['pictures', ...options, '--quantile', '0.5', '--out'];
    const whole = pseudoLabel(...args, 'whole');
    expect([whole.code, whole.stdout]).toEqual([
      0,
      expect.stringMatching(/^class +predicted % +kept of it %[\s\S]*list\.txt\n$/),
    ]);
    for (const shard of ['0/2', '1/2']) {
      const { code, stdout } = pseudoLabel(...args, 'sharded', '--shard', shard);
      expect([code, stdout]).toEqual([0, expect.stringContaining('steadyseg merge sharded/pseudo-label-*-of-2.json')]);
    }
    const reports = ['sharded/pseudo-label-0-of-2.json', 'sharded/pseudo-label-1-of-2.json'];
    const merged = steadyseg(['merge', ...reports], folder);
    expect([merged.code, whole.stdout.startsWith(merged.stdout.trimEnd())]).toEqual([0, true]);
  });

  it('says that its shard is of the job scheduler, and when it is empty', () => {
    const run = (...args: string[]) =>
      steadyseg(['pseudo-label', 'pictures', ...options, '--out', 'array', ...args], folder, {
        JOB_COMPLETION_INDEX: '2',
      });
    const { code, stderr } = run('--shards', '3');
    expect([code, stderr]).toEqual([
      0,
      'shard 2/3, from JOB_COMPLETION_INDEX\nshard 2/3 is empty: no clip of the input belongs to it\n',
    ]);
    // A job that was not asked to share its work does all of it.
    const whole = run();
    expect([whole.code, whole.stderr]).toEqual([0, expect.not.stringContaining('shard')]);
  });

  it.each([
    ['a missing model', ['pictures', '--model', 'none.onnx'], 1, /none\.onnx: no such file/],
    ['a folder without pictures', ['empty', ...options], 1, /expected a folder with pictures/],
    [
      'other classes than the network has',
      ['pictures', ...options, '--preset', 'camvid'],
      1,
      /11 classes of "camvid", found one of 4/,
    ],
    [
      'a threshold in per cent',
      ['pictures', ...options, '--threshold', '90'],
      2,
      /expected a number from 0 to 1, found "90"/,
    ],
    ['both rules', ['pictures', ...options, '--threshold', '0.9', '--quantile', '0.5'], 2, /a threshold or a quantile/],
  ])('refuses %s with one line', (_, args, expected, message) => {
    const { code, stdout, stderr } = pseudoLabel(...args, '--out', 'unused');
    expect([code, stdout, stderr]).toEqual([expected, '', expect.stringMatching(message)]);
    expect([stderr.trimEnd().split('\n').length, existsSync(join(folder, 'unused'))]).toEqual([1, false]);
  });
});
