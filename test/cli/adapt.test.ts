// `steadyseg adapt`: what it prints, and what it refuses.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePicture } from '#src/media/pictures.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { describeModel } from '#src/onnx/metadata.js';
import { conv } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createRandom, symmetricByName } from '#src/tensor/random.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-adapt-cli-'));
const [frames, model] = [join(folder, 'frames'), join(folder, 'model.onnx')];
const [height, width] = [32, 40];

beforeAll(async () => {
  const random = createRandom(2);
  for (let t = 0; t < 4; t++) {
    const data = Uint8Array.from({ length: 3 * height * width }, (_, i) => {
      const x = Math.floor(i / 3) % width;
      return Math.max(0, Math.min(255, Math.round(128 + 60 * Math.sin((x + t) * 0.4) + 80 * (random.uniform() - 0.5))));
    });
    await writePicture(join(frames, `${t}.png`), { width, height, data });
  }
  const graph = createGraph('network');
  const image = input(graph, 'image', 'float32', [1, 3, height, width]);
  const scores = conv(image, constant(graph, symmetricByName('w', [3, 3, 3, 3], 1), 'w'), undefined, {
    pads: [1, 1, 1, 1],
  });
  const metadata = new Map([describeModel({ classes: ['a', 'b', 'c'], mean: [128, 128, 128], std: [60, 60, 60] })]);
  writeFileSync(model, writeModel(exportModel(graph, { scores }, { metadata })));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('steadyseg adapt', { timeout: 300_000 }, () => {
  it('prints one JSON object, and writes the network and a report', () => {
    const out = join(folder, 'steady.onnx');
    const report = join(folder, 'report.html');
    const args = [
      'adapt',
      frames,
      '--model',
      model,
      '-o',
      out,
      '--steps',
      '8',
      '--report',
      report,
      '--threads',
      '1',
      '--json',
    ];
    const { code: status, stdout } = steadyseg(args);
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ model: out, frames: 4, pairs: 3, steps: 8, cuts: [] });
    expect([true, false]).toContain(result.adapted);
    for (const side of [result.before, result.after]) {
      expect(Object.keys(side)).toEqual(expect.arrayContaining(['steady', 'kappa', 'flicker', 'shares', 'agreement']));
      expect(side.shares.reduce((sum: number, share: number) => sum + share, 0)).toBeCloseTo(1, 6);
    }
    expect(result.classes.classes).toEqual(['a', 'b', 'c']);
    expect(existsSync(out)).toBe(true);
    expect(readFileSync(report, 'utf8')).toContain('Flicker by class');
  });

  it('prints what it came to also where the network in integers cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    const [out, integers] = [join(folder, 'float.onnx'), join(folder, 'file', 'integers.onnx')];
    const args = [
      'adapt',
      frames,
      '-m',
      model,
      '-o',
      out,
      '--int8',
      integers,
      '--steps',
      '2',
      '--threads',
      '1',
      '--json',
    ];
    const { code, stdout, stderr } = steadyseg(args);
    expect([code, JSON.parse(stdout).model, existsSync(out)]).toEqual([1, out, true]);
    expect(stderr).toMatch(/steadyseg: .*(integers\.onnx|float\.onnx)/);
  });

  it('says beforehand what it takes, and writes nothing', () => {
    const out = join(folder, 'planned.onnx');
    const { code: status, stdout } = steadyseg([
      'adapt',
      frames,
      '--model',
      model,
      '-o',
      out,
      '--dry-run',
      '--threads',
      '1',
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^1 weights \(0\.00 M values\) would train at 32×40\nabout \d+:\d\d \(\d+:\d\d where it has to train twice\): 4 frames of [\d.]+ s, 150 steps of [\d.]+ s; up to [\d.]+ GiB on disk/,
    );
    expect(existsSync(out) || existsSync(`${out}.adapt`)).toBe(false);
  });

  it('names in one line what cannot be', () => {
    const cases: [string[], number, RegExp][] = [
      [[frames, '-o', join(folder, 'x.onnx')], 2, /required option '-m, --model <file>'/],
      [[join(folder, 'none.mp4'), '--model', model, '-o', join(folder, 'x.onnx')], 1, /none\.mp4: no such file/],
      [[frames, '--model', model, '-o', model], 2, /expected a file apart from what is read/],
      [
        [frames, '--model', model, '-o', join(folder, 'x.onnx'), '--freeze', 'v'],
        2,
        /pattern that fits one of its 1 weights, found "v"/,
      ],
      [[frames, '--model', model, '-o', join(folder, 'x.onnx'), '--minutes', '0'], 2, /a number above 0/],
      [[frames, '--model', model, '--dry-run', '--label-ids', 'trainIds'], 2, /expected --labels/],
      [
        ['-', '--model', model, '-o', join(folder, 'x.onnx'), '--dry-run'],
        2,
        /^steadyseg: -: expected frames that can be read again, found a stream/,
      ],
      [
        [frames, '--model', model, '-o', join(folder, 'x.onnx'), '--dry-run', '--keep', join(folder, 'none')],
        1,
        /none: no such file/,
      ],
      [
        [frames, '--model', model, '-o', join(folder, 'x.onnx'), '--int8', join(folder, 'x.onnx')],
        2,
        /x\.onnx: expected a file of its own for each output, found it named for two/,
      ],
    ];
    for (const [args, code, message] of cases) {
      const { code: status, stderr } = steadyseg(['adapt', ...args]);
      expect([status, stderr]).toEqual([code, expect.stringMatching(message)]);
    }
    expect(existsSync(join(folder, 'x.onnx'))).toBe(false);
  });
});
