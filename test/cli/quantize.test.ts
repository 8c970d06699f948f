// `steadyseg quantize`: what it prints, what it writes, and what it refuses.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePicture } from '#src/media/pictures.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { conv, relu } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createRandom, symmetricByName } from '#src/tensor/random.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-quantize-cli-'));
const [frames, model] = [join(folder, 'frames'), join(folder, 'model.onnx')];
const [height, width] = [32, 40];

beforeAll(async () => {
  const random = createRandom(2);
  for (let t = 0; t < 6; t++) {
    const data = Uint8Array.from({ length: 3 * height * width }, () => random.integer(256));
    await writePicture(join(frames, `${t}.png`), { width, height, data });
  }
  const graph = createGraph('network');
  const image = input(graph, 'image', 'float32', [1, 3, height, width]);
  const weight = (name: string, shape: number[]) => constant(graph, symmetricByName(name, shape, 1), name);
  const pads = [1, 1, 1, 1];
  const scores = conv(relu(conv(image, weight('a', [8, 3, 3, 3]), undefined, { pads })), weight('b', [3, 8, 1, 1]));
  writeFileSync(model, writeModel(exportModel(graph, { scores })));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('steadyseg quantize', { timeout: 300_000 }, () => {
  const common = ['quantize', model, '--calibrate', frames, '--threads', '1', '--budget', '0.8'];

  it('prints one JSON object, and a network that predict takes', () => {
    const out = join(folder, 'integers.onnx');
    const { code, stdout } = steadyseg([...common, '-o', out, '--any-speed', '--weight-bits', '7', '--json']);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ model: out, left: [], integerShare: 1, weightBits: 7 });
    for (const key of ['speed', 'agreement']) expect(result[key]).toBeGreaterThan(0);
    expect(Object.keys(result.size)).toEqual(['before', 'after']);
    const predicted = steadyseg(['predict', frames, '--model', out, '--out', join(folder, 'labels'), '--threads', '1']);
    expect(predicted.code).toBe(0);
    const info = steadyseg(['info', out, '--json']);
    expect(JSON.parse(info.stdout).cost.multiplyAdds).toBeGreaterThan(0);
    const again = steadyseg(['quantize', out, '--calibrate', frames, '-o', join(folder, 'again.onnx')]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('quantised already');
  });

  it('refuses wrong usage, and writes nothing then', () => {
    const out = join(folder, 'none.onnx');
    const of = (...args: string[]) => steadyseg(['quantize', model, ...args]);
    expect(of('-o', out).code).toBe(2);
    expect(of('--calibrate', frames).code).toBe(2);
    expect(of('--calibrate', frames, '-o', out, '--budget', '99').code).toBe(2);
    expect(of('--calibrate', frames, '-o', out, '--weight-bits', '6').code).toBe(2);
    expect(of('--calibrate', frames, '-o', model).code).toBe(2);
    expect(of('--calibrate', join(folder, 'absent'), '-o', out).code).toBe(1);
    expect(existsSync(out)).toBe(false);
  });
});
