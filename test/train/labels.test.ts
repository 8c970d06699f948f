// Labels of training data: the meanings of their values, as evaluations read them, and labels that teach nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecoder } from '#src/data/decode.js';
import { labelIdKinds } from '#src/data/labelFiles.js';
import { writeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { checkLabels } from '#src/train/checkLabels.js';
import { parseConfig } from '#src/train/config.js';
import { train } from '#src/train/trainer.js';
import { openTrainingData } from '#src/train/trainingData.js';
import { steadyseg } from '../cli/run.js';
import { picture } from '../media/made.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-training-labels-'));
const at = (...parts: string[]) => join(folder, ...parts);
afterAll(() => rmSync(folder, { recursive: true }));

const [width, height] = [16, 8];
const colours = [
  [10, 20, 30],
  [40, 50, 60],
] as const;

beforeAll(async () => {
  await writePicture(
    at('image.png'),
    picture(width, height, (x, y) => [x, y, 7]),
  );
  writeFileSync(at('c.yaml'), JSON.stringify({ name: 'two', classes: ['back', 'front'], palette: colours }));
  writeFileSync(at('zero.yaml'), JSON.stringify({ classes: ['back', 'front', 'far'], ignoreLabel: 0 }));
});

/** A list of one picture with its label map of such values, left half and right half. */
async function list(name: string, left: number, right: number): Promise<string> {
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? left : right));
  await writeLabelMap(at(`${name}.png`), { width, height, data });
  writeFileSync(at(`${name}.txt`), `image.png ${name}.png\n`);
  return at(`${name}.txt`);
}

function configOf(root: string, more: object = {}, data: object = {}) {
  const source = { layout: 'list', root, classes: at('c.yaml'), ...data };
  const small = { crop: [8, 16], batch: 2, network: { widthMultiplier: 0.0625 }, checkpointEvery: 9 };
  return parseConfig({ ...small, data: source, steps: 1, ...more }, 'config');
}

async function firstLabels(root: string, ids: string): Promise<number[]> {
  const { dataset } = await openTrainingData(configOf(root, {}, { ids }));
  const { label } = dataset.sample(0);
  if (!label) throw new Error('expected a label');
  const { data } = await createDecoder({ get: () => undefined, put: () => {} }).labels(label);
  return [data[0], data[width - 1]];
}

describe('what values of label files mean', () => {
  it.each([
    ['trainIds', 0, 1, [0, 1]],
    ['reduceZeroLabel', 1, 2, [0, 1]],
    ['vspw', 0, 2, [255, 1]],
    ['binary', 0, 255, [0, 1]],
    ['labelIds', 7, 8, [0, 1]],
  ])('%s', async (ids, left, right, expected) => {
    expect(await firstLabels(await list(ids, left, right), ids)).toEqual(expected);
  });

  it('palette', async () => {
    const raw = Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 0 : 1));
    const rgb = Uint8Array.from([...raw].flatMap((id) => colours[id]));
    await sharp(rgb, { raw: { width, height, channels: 3 } })
      .png({ palette: false })
      .toFile(at('colours.png'));
    writeFileSync(at('colours.txt'), 'image.png colours.png\n');
    expect(await firstLabels(at('colours.txt'), 'palette')).toEqual([0, 1]);
    await expect(firstLabels(at('colours.txt'), 'auto')).rejects.toThrow(/RGB.*data\.ids=palette/);
  });

  it('stays what it is for held frames of the same layout, and is their own where they say so', async () => {
    const root = await list('same', 1, 2);
    const held = async (validation: object) => {
      const opened = await openTrainingData(configOf(root, { validation }, { ids: 'reduceZeroLabel' }));
      return opened.held?.sample(0).label;
    };
    expect(await held({})).toMatchObject({ ids: 'reduceZeroLabel' });
    expect(await held({ ids: 'trainIds' })).toMatchObject({ ids: 'trainIds' });
    expect(await held({ layout: 'list' })).toMatchObject({ ids: 'auto' });
  });

  it('one file may be read in several ways at once', async () => {
    const { dataset } = await openTrainingData(configOf(await list('shared', 0, 1), {}, { ids: 'trainIds' }));
    const { label } = dataset.sample(0);
    if (label?.kind !== 'file') throw new Error('expected a file');
    const store = new Map();
    const decoder = createDecoder({ get: (key) => store.get(key), put: (key, stored) => store.set(key, stored) });
    expect((await decoder.labels(label)).data[0]).toBe(0);
    expect((await decoder.labels({ ...label, ids: 'reduceZeroLabel' })).data[0]).toBe(255);
    const { classes } = label;
    expect((await decoder.labels({ ...label, classes: { ...classes, ignoreLabel: 1 } })).data[width - 1]).toBe(255);
  });

  it('has the same names as in evaluations', () => {
    for (const ids of labelIdKinds) expect(() => configOf('x', {}, { ids })).not.toThrow();
    expect(() => configOf('x', {}, { ids: 'colours' })).toThrow(/data\.ids/);
  });
});

describe('labels that teach nothing', () => {
  const warnings = async (config: ReturnType<typeof configOf>) => {
    const found: string[] = [];
    await checkLabels(config, await openTrainingData(config), [], (message) => found.push(message));
    return found;
  };

  it('are an error where all is ignored', async () => {
    const root = await list('void', 255, 255);
    const expected = /every pixel of its label map is ignored \(255\); masks of 0 and 255 are read with ids: binary/;
    await expect(warnings(configOf(root))).rejects.toThrow(expected);
    await expect(train({ config: configOf(root), out: at('run-void') })).rejects.toThrow(expected);
    const zero = await list('zeros', 0, 0);
    await expect(warnings(configOf(zero, {}, { classes: at('zero.yaml') }))).rejects.toThrow(
      /is ignored \(0 or 255\)$/,
    );
  });

  it('are said where one class is all there is', async () => {
    const root = await list('mask', 0, 255);
    expect(await warnings(configOf(root))).toEqual([
      expect.stringMatching(/its label map holds one class only, "back".*ids: binary/),
    ]);
    expect(await warnings(configOf(root, {}, { ids: 'binary' }))).toEqual([]);
    const said: string[] = [];
    const onWarning = (message: string) => said.push(message);
    await train({ config: configOf(root), out: at('run-mask'), onWarning });
    expect(said).toHaveLength(1);
  });

  it('of held frames are said', async () => {
    const root = await list('good', 0, 1);
    const validation = { root: await list('held', 255, 255) };
    expect(await warnings(configOf(root, { validation }))).toEqual([
      expect.stringMatching(/held\.txt: expected labels of classes, found that every pixel/),
    ]);
  });

  it('and none at all, without a loss that needs none', async () => {
    writeFileSync(at('none.txt'), 'image.png\n');
    await expect(warnings(configOf(at('none.txt')))).rejects.toThrow(/expected labels, or losses that need none/);
  });
});

it('options of train by the names of evaluations', async () => {
  const root = await list('one-based', 1, 2);
  mkdirSync(at('cwd'));
  writeFileSync(at('run.yaml'), JSON.stringify(configOf(root)));
  const out = at('run-options');
  const plain = steadyseg(['train', at('run.yaml'), '-o', out], at('cwd'));
  expect([plain.code, plain.stderr]).toEqual([1, expect.stringMatching(/data\.ids=reduceZeroLabel/)]);
  const reduced = steadyseg(['train', at('run.yaml'), '--reduce-zero-label', '-o', out, '--json'], at('cwd'));
  expect([reduced.code, JSON.parse(reduced.stdout).steps]).toEqual([0, 1]);
  const both = steadyseg(['train', at('run.yaml'), '--reduce-zero-label', '--palette', '-o', out], at('cwd'));
  expect([both.code, both.stderr]).toEqual([2, expect.stringMatching(/cannot be used with/)]);
});
