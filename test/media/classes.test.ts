// Class presets and class files.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cityscapesLabelIdToTrainId, presetClasses, presetNames } from '#src/media/classes.js';
import { readClassesFile } from '#src/media/classesFile.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-classes-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('presets', () => {
  it('have a colour for each class, distinct', () => {
    for (const name of presetNames) {
      const { classes, palette } = presetClasses(name);
      expect(palette.length).toBe(classes.length);
      expect(new Set(palette.map(String)).size).toBe(classes.length);
      expect(new Set(classes).size).toBe(classes.length);
    }
  });

  it('are those of the data sets', () => {
    expect(presetClasses('cityscapes').classes.length).toBe(19);
    expect(presetClasses('cityscapes').classes[13]).toBe('car');
    expect(presetClasses('camvid').classes).toEqual(
      'sky building pole road sidewalk tree sign fence car pedestrian bicyclist'.split(' '),
    );
    expect(presetClasses('camvid').ignoreLabel).toBe(11);
  });

  it('suggest the nearest name', () => {
    expect(() => presetClasses('cityscape')).toThrow(
      'expected one of cityscapes, camvid, toycity for the preset, found "cityscape": did you mean cityscapes?',
    );
    expect(() => presetClasses('toString')).toThrow('found "toString"');
  });

  it('map label ids by the public table', () => {
    expect([...cityscapesLabelIdToTrainId.subarray(0, 34)]).toEqual([
      255, 255, 255, 255, 255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14,
      15, 255, 255, 16, 17, 18,
    ]);
    expect(cityscapesLabelIdToTrainId.subarray(34).every((id) => id === 255)).toBe(true);
  });
});

describe('readClassesFile', () => {
  it('reads JSON and YAML', async () => {
    const json = file('a.json', '{"name":"two","classes":["a","b"],"palette":[[1,2,3],[4,5,6]],"ignoreLabel":7}');
    expect(await readClassesFile(json)).toEqual({
      name: 'two',
      classes: ['a', 'b'],
      palette: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      ignoreLabel: 7,
    });
    const yaml = file('a.yaml', 'classes: [road, Fußweg]\n');
    const read = await readClassesFile(yaml);
    expect(read.classes).toEqual(['road', 'Fußweg']);
    expect(read.ignoreLabel).toBe(255);
    expect(read.palette).toEqual([
      [128, 0, 0],
      [0, 128, 0],
    ]);
  });

  it.each([
    ['{"classes":[]}', 'classes: expected at least one class'],
    ['{"classes":["a",3]}', 'classes.1: expected a class name as text, found 3'],
    ['{"classes":["a","a"]}', 'classes: expected distinct names, found "a" twice'],
    ['{"classes":["a"],"palette":[]}', 'palette: expected a colour for each of the 1 classes, found 0'],
    ['{"classes":["a"],"palette":[[0,0,256]]}', 'palette.0.2: expected a whole number in 0..255, found 256'],
    ['{"classes":["a"],"palette":[[0,0]]}', 'palette.0: expected a colour as three numbers'],
    ['{"classes":["a"],"colours":[]}', 'colours'],
    ['{}', 'classes'],
    ['[1', 'expected JSON or YAML with the key "classes"'],
  ])('refuses %s', async (text, message) => {
    const path = file('bad.json', text);
    await expect(readClassesFile(path)).rejects.toThrow(message);
    await expect(readClassesFile(path)).rejects.toThrow(path);
  });

  it('names a missing file', async () => {
    await expect(readClassesFile(join(folder, 'none.json'))).rejects.toThrow('none.json: no such file or directory');
  });
});
