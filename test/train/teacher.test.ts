// Teachers: ours and foreign, their own size, normalisation and classes; what they give is kept on disk.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildModel } from '#src/nets/model.js';
import { imageNetMean, imageNetStd } from '#src/nets/normalization.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { describeModel } from '#src/onnx/metadata.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { mul, neg, relu } from '#src/onnx/ops.js';
import { labelsByName } from '#src/tensor/random.js';
import { tensor } from '#src/tensor/tensor.js';
import { isSameOrder, mapClasses } from '#src/train/classMap.js';
import { openTeacher, type TeacherOptions } from '#src/train/teacher.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg teacher '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A network whose scores are its input, so that what it is fed can be seen; `relu` of minus it lies inside. */
async function mirror(name: string, height: number, width: number, metadata = new Map<string, string>()) {
  const path = join(folder, name);
  const graph = createGraph('mirror');
  const image = input(graph, 'pixels', 'float32', [1, 3, height, width]);
  const inner = relu(neg(image));
  await writeModelFile(path, exportModel(graph, { scores: mul(image, 1), other: mul(inner, 2) }, { metadata }));
  return { path, output: 'scores', inner: inner.name };
}

/** Two pictures of one colour. */
const batch = (height: number, width: number, pixel: readonly number[]) => {
  const plane = height * width;
  return tensor(
    'uint8',
    [2, 3, height, width],
    Uint8Array.from({ length: 6 * plane }, (_, i) => pixel[Math.floor(i / plane) % 3]),
  );
};

async function maps(options: Partial<TeacherOptions> & { path: string }, images = batch(8, 12, [10, 20, 30])) {
  const [samples, , height, width] = images.shape;
  const teacher = await openTeacher({ batch: samples, crop: { height, width }, scores: 'logits', ...options });
  try {
    return await teacher.run(images, options.features === undefined ? ['logits'] : ['logits', 'features']);
  } finally {
    await teacher.close();
  }
}

const colours = (map: { data: Float32Array; shape: readonly number[] } | undefined) => {
  const plane = (map?.shape[2] ?? 0) * (map?.shape[3] ?? 0);
  return [0, 1, 2].map((channel) => map?.data[channel * plane + 5] ?? Number.NaN);
};

describe('a teacher', () => {
  it('is fed in its own normalisation, order and size', async () => {
    const { path, output } = await mirror('plain.onnx', 8, 12);
    const { logits } = await maps({ path, output, mean: [0, 0, 0], std: [1, 1, 1] });
    expect(logits?.shape).toEqual([2, 3, 8, 12]);
    for (const [k, value] of colours(logits).entries()) expect(value).toBeCloseTo([10, 20, 30][k], 3);
    const swapped = await maps({ path, output, mean: [1, 2, 3], std: [2, 2, 2], channelOrder: 'bgr' });
    for (const [k, value] of colours(swapped.logits).entries()) expect(value).toBeCloseTo([13.5, 9, 4.5][k], 3);
    const unsaid = await maps({ path, output });
    for (const [k, value] of colours(unsaid.logits).entries()) {
      expect(value).toBeCloseTo(([10, 20, 30][k] - imageNetMean[k]) / imageNetStd[k], 5);
    }

    const said = new Map([describeModel({ mean: [0, 0, 0], std: [10, 10, 10] })]);
    const other = await mirror('said.onnx', 4, 10, said);
    const resized = await maps({ path: other.path, output });
    expect(resized.logits?.shape).toEqual([2, 3, 4, 10]);
    for (const [k, value] of colours(resized.logits).entries()) expect(value).toBeCloseTo([1, 2, 3][k], 4);
  });

  it('sees the mean of pixels where its size is a whole part of the crop’s', async () => {
    const { path, output } = await mirror('small.onnx', 4, 4);
    // Columns of 0, 30 and 90; the middle alone is 30.
    const columns = Uint8Array.from({ length: 6 * 96 }, (_, i) => [0, 30, 90][i % 3]);
    const { logits } = await maps(
      { path, output, mean: [0, 0, 0], std: [1, 1, 1] },
      tensor('uint8', [2, 3, 8, 12], columns),
    );
    expect(logits?.shape).toEqual([2, 3, 4, 4]);
    for (const value of logits?.data ?? []) expect(value).toBeCloseTo(40, 4);
  });

  it('of any file gives any of its values as features, and names them when there is none of a name', async () => {
    const { path, output, inner } = await mirror('inner.onnx', 8, 12);
    const { features } = await maps({ path, output, features: inner, mean: [100, 100, 100], std: [1, 1, 1] });
    for (const [k, value] of colours(features).entries()) expect(value).toBeCloseTo([90, 80, 70][k], 3);
    const other = await maps({ path, output, features: 'other', mean: [100, 100, 100], std: [1, 1, 1] });
    expect(colours(other.features)[0]).toBeCloseTo(180, 3);
    await expect(maps({ path, output, features: 'relux' })).rejects.toThrow(
      new RegExp(`inner.onnx: expected features of the teacher, found no value "relux" in it.*it has .*${inner}`),
    );
  });

  it('of ours gives the same whether it is built for the batch, run as a foreign file, or kept on disk', async () => {
    const model = buildModel({ architecture: 'pspnet18', widthMultiplier: 0.125, classes: 5, height: 40, width: 48 });
    const [ours, foreign] = [join(folder, 'ours.onnx'), join(folder, 'foreign.onnx')];
    await writeModelFile(ours, model);
    await writeModelFile(foreign, { ...model, metadata: new Map() });
    const images = labelsByName('images', [2, 3, 40, 48], 256);
    const own = await maps({ path: ours, features: 'fea' }, images);
    expect(own.features?.shape).toEqual([2, 128, 5, 6]);
    const alike = (a: ArrayLike<number> = [], b: ArrayLike<number> = [0]) =>
      Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])));
    const { logits } = await maps({ path: foreign }, images);
    expect(alike(logits?.data, own.logits?.data)).toBeLessThan(1e-4);

    const cache = join(folder, 'kept');
    const first = await maps({ path: ours, features: 'fea', cache }, images);
    expect(alike(first.features?.data, own.features?.data)).toBeLessThan(1e-4);
    const entries = () =>
      readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.safetensors'));
    const count = entries().length;
    // Two frames and the one that the shapes were learnt from, two outputs each.
    expect(count).toBe(6);
    writeFileSync(join(cache, entries()[0]), 'damaged');
    const second = await maps({ path: ours, features: 'fea', cache }, images);
    expect(second).toEqual(first);
    expect(entries().length).toBe(count);
  });

  it('whose scores the graph does not tell is refused, not guessed', async () => {
    const { path, output } = await mirror('unsaid.onnx', 8, 12);
    await expect(maps({ path, output, scores: undefined })).rejects.toThrow(
      'expected to know what the output "scores" is, which its graph does not tell: say logits, softmax or sigmoid',
    );
  });

  it('goes on without a folder that cannot be written, and says so once', async () => {
    const { path, output } = await mirror('uncached.onnx', 8, 12);
    const blocked = join(folder, 'blocked');
    writeFileSync(blocked, '');
    const warnings: string[] = [];
    const kept = { cache: join(blocked, 'maps'), onWarning: (message: string) => warnings.push(message) };
    expect(await maps({ path, output, ...kept })).toEqual(await maps({ path, output }));
    expect(warnings).toEqual([
      expect.stringMatching(
        /^the teacher's maps are no longer cached in .*blocked.maps: a part of the path is not a dir/,
      ),
    ]);
  });
});

describe('classes of teacher and student', () => {
  const named = (...names: string[]) => ({ count: names.length, names });

  it('are paired by name, by number where names are unknown, or as given', () => {
    expect(mapClasses(named('Road', 'sky', 'car'), named('sky', 'road'), undefined, 't')).toEqual([[1], [0]]);
    expect(mapClasses({ count: 2 }, named('sky', 'road'), undefined, 't')).toEqual([[0], [1]]);
    const given = { road: 'road', sidewalk: 'road', 2: 'sky' };
    expect(mapClasses(named('road', 'sidewalk', 'heaven'), named('sky', 'road', 'boat'), given, 't')).toEqual([
      [2],
      [0, 1],
      [],
    ]);
  });

  it('are in the same order only where each has the one of its number, and that alone', () => {
    expect(isSameOrder([[0], [1]], { count: 2 })).toBe(true);
    expect(isSameOrder([[1], [0]], { count: 2 })).toBe(false);
    expect(isSameOrder([[0], [1, 2]], { count: 2 })).toBe(false);
    expect(isSameOrder([[0], [1]], { count: 3 })).toBe(false);
  });

  it('that differ need a map, whose classes must exist', () => {
    expect(() => mapClasses({ count: 19 }, named('sky', 'road'), undefined, 'city.onnx')).toThrow(
      "city.onnx: expected a teacher of the student's 2 classes, found 19: say with teacher.classMap",
    );
    expect(() => mapClasses(named('road', 'tree'), named('sky', 'road'), undefined, 'city.onnx')).toThrow(
      "city.onnx: expected the student's classes, found no sky among the teacher's (road, tree)",
    );
    expect(() => mapClasses({ count: 19 }, named('sky', 'road'), { 19: 'sky', 0: 'road' }, 't')).toThrow(
      'a class of the teacher (0 to 18), found "19"',
    );
    expect(() => mapClasses({ count: 19 }, named('sky', 'road'), { 1: 'roadd', 0: 'road' }, 't')).toThrow(
      'found "roadd"; did you mean road?',
    );
  });
});
