// Results that say which classes their label maps are of, and what contradicts them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '#src/base/errors.js';
import { presetClasses } from '#src/media/classes.js';
import { compare } from '#src/media/compare.js';
import { writeLabelMap } from '#src/media/labels.js';
import { classesOfResult, readResultClasses } from '#src/media/resultClasses.js';
import { steadyseg } from '../cli/run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-result-classes-'));
const at = (...parts: string[]) => join(folder, ...parts);
afterAll(() => rmSync(folder, { recursive: true }));

const camvid = presetClasses('camvid');
const cityscapes = presetClasses('cityscapes');

async function result(name: string, record: object, file = 'predict.json'): Promise<void> {
  mkdirSync(at(name, 'labels'), { recursive: true });
  writeFileSync(at(name, file), JSON.stringify(record));
  for (const [index, data] of [Uint8Array.of(0, 1, 2, 3, 4, 5), Uint8Array.of(0, 1, 2, 3, 4, 0)].entries()) {
    await writeLabelMap(at(name, 'labels', `f_00000${index}.png`), { width: 3, height: 2, data });
  }
}

beforeAll(async () => {
  await result('a', { classes: camvid.classes });
  await result('b', { classes: camvid.classes }, 'predict-0-of-2.json');
  await result('c', {
    classes: ['x', 'y', 'z', 'u', 'v', 'w'],
    palette: Array.from({ length: 6 }, (_, id) => [id, 0, 9]),
  });
  await result('none', { classes: 'camvid' });
});

describe('a result', () => {
  it('names the classes of its label maps, from its folder or theirs', async () => {
    for (const place of [at('a'), at('a', 'labels'), at('b')]) {
      const found = await readResultClasses(place);
      expect([found?.classes, found?.palette]).toEqual([camvid.classes, camvid.palette]);
    }
    expect((await readResultClasses(at('c')))?.palette[5]).toEqual([5, 0, 9]);
    expect(await readResultClasses(at('none'))).toBeUndefined();
    expect(await readResultClasses(at('nowhere'))).toBeUndefined();
  });

  it('is not read with a preset that contradicts it', async () => {
    await expect(classesOfResult(at('a'), cityscapes)).rejects.toThrow(UsageError);
    await expect(classesOfResult(at('a'), cityscapes)).rejects.toThrow(
      /class 0 is "sky" in .*predict\.json, "road" in "cityscapes"; leave --preset out/,
    );
    expect(await classesOfResult(at('a'), camvid)).toBe(camvid);
    const renamed = { ...cityscapes, name: 'mine.yaml' };
    expect(await classesOfResult(at('a'), renamed)).toBe(renamed);
  });
});

describe('commands on results', () => {
  it('compare needs no preset, draws each in its own colours, and refuses a contradiction', async () => {
    const { flicker } = await compare(at('a'), at('b'), { flicker: at('flicker.png') });
    expect(flicker?.a).toBeCloseTo(1 / 6, 6);
    expect((await compare(at('a'), at('c'), { out: at('both.mp4') })).frames).toBe(2);
    await expect(compare(at('a'), at('c'), { out: at('x.mp4'), classes: camvid })).rejects.toThrow(
      /c: expected the classes of its label maps/,
    );
    await expect(compare(at('a'), at('none'), { out: at('x.mp4') })).rejects.toThrow(
      'expected a preset or a file of classes',
    );
  });

  it('evaluate takes the names of the predictions', () => {
    const miou = (...args: string[]) =>
      steadyseg(['evaluate', 'miou', '--pred', at('a'), '--gt', at('b', 'labels'), '--json', ...args]);
    const own = miou();
    expect([own.code, JSON.parse(own.stdout).classes]).toEqual([0, camvid.classes]);
    const wrong = miou('--preset', 'cityscapes');
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toMatch(/preset "cityscapes", which contradicts them/);
  });
});
