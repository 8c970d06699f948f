import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inference } from '#src/nets/mode.js';
import { buildNetwork } from '#src/nets/registry.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { readDescription } from '#src/onnx/metadata.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { writePth } from '#src/weights/pthWriter.js';
import { weightsByName } from '../goldens.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function writeStudent(name: string, classes: number): Promise<void> {
  const graph = createGraph('student');
  const image = input(graph, 'image', 'float32', [1, 3, 64, 64]);
  buildNetwork('pspnet18', graph, image, { classes, mode: inference, widthMultiplier: 0.25 });
  await writePth(join(folder, name), weightsByName(graph, ''));
}

describe('steadyseg convert', () => {
  it('makes a model that says its classes and normalisation, and rebuilds it at another size', async () => {
    await writeStudent('city.pth', 19);
    const network = ['--arch', 'PSPNet-18', '--width-multiplier', '0.25', '--size', '64x96'];
    const made = steadyseg(['convert', 'city.pth', 'city.onnx', ...network, '--classes', '19'], folder);
    expect([made.code, made.stderr]).toEqual([0, '']);
    expect(made.stdout).toMatch(/^city\.onnx: onnx, pspnet18, \d+ tensors, classes of cityscapes\n$/);
    const description = readDescription((await readModelFile(join(folder, 'city.onnx'))).metadata, 'city.onnx');
    expect(description).toMatchObject({ architecture: 'pspnet18', widthMultiplier: 0.25, ignoreLabel: 255 });
    expect(description.classes?.[0]).toBe('road');
    expect(description.mean?.[0]).toBeCloseTo(123.675);

    const resized = steadyseg(['convert', 'city.onnx', 'small.onnx', '--size', '32x48', '--half', '--json'], folder);
    expect(JSON.parse(resized.stdout)).toMatchObject({ out: 'small.onnx', format: 'onnx', architecture: 'pspnet18' });
    const info = (...args: string[]) => JSON.parse(steadyseg(['info', ...args, '--json'], folder).stdout);
    expect(info('small.onnx').inputs[0].shape).toEqual([1, 3, 32, 48]);
    expect(info('small.onnx', '--size', '64x96').cost).toEqual(info('city.onnx').cost);
  });

  it('takes class names from a preset or a file', async () => {
    await writeStudent('three.pth', 3);
    writeFileSync(join(folder, 'classes.yaml'), 'classes: [sky, road, rest]\n');
    const network = ['--arch', 'pspnet18', '--width-multiplier', '0.25', '--size', '32x32'];
    const args = ['convert', 'three.pth', 'three.onnx', ...network];
    expect(steadyseg([...args, '--classes', 'classes.yaml'], folder).code).toBe(0);
    const description = readDescription((await readModelFile(join(folder, 'three.onnx'))).metadata, 'three.onnx');
    expect(description.classes).toEqual(['sky', 'road', 'rest']);
    const wrong = steadyseg([...args, '--preset', 'camvid'], folder);
    expect([wrong.code, wrong.stderr]).toEqual([1, 'steadyseg: three.pth: expected weights for 11 classes, found 3\n']);
  });

  it('says in one line what is wrong, with the exit code', () => {
    const cases: [args: string[], code: number, message: RegExp][] = [
      [['city.pth', 'x.onnx', '--size', '32x32'], 2, /--arch/],
      [['city.pth', 'x.onnx', '--arch', 'resnet', '--size', '32x32'], 2, /expected an architecture/],
      [['city.pth', 'x.onnx', '--arch', 'pspnet18', '--size', '32x32'], 1, /do not fit the network/],
      [['city.pth', 'x.onnx', '--classes', 'a.yaml', '--preset', 'camvid'], 2, /--classes FILE or --preset/],
      [['city.pth', 'x.onnx', '--width-multiplier', '0'], 2, /factor above 0/],
      [['city.pth', 'x.onnx', '--half', '--bytes'], 2, /--half or --bytes, found both/],
      [['city.onnx', 'x.safetensors', '--bytes'], 2, /stored as int8 in an \.onnx/],
      [['city.onnx', 'x.safetensors', '--no-auxiliary'], 2, /auxiliary head is left out of an \.onnx/],
      [['city.pth'], 2, /missing required argument/],
    ];
    for (const [args, code, message] of cases) {
      const result = steadyseg(['convert', ...args], folder);
      expect([result.code, result.stdout]).toEqual([code, '']);
      expect(result.stderr).toMatch(message);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('x'))).toEqual([]);
  });
});
