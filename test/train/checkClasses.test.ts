// Classes of data against those that a network's file names, and against those of the other parts of a run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presetClasses, setOfNames } from '#src/media/classes.js';
import { writeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { checkClasses } from '#src/train/checkClasses.js';
import { parseConfig } from '#src/train/config.js';
import { openTrainingData } from '#src/train/trainingData.js';
import { picture } from '../media/made.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-check-classes-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const camvid = presetClasses('camvid');
const reversed = [...camvid.classes].reverse();

function warnings(names: readonly string[] | undefined, data = camvid): string[] {
  const said: string[] = [];
  checkClasses({ name: 'net.onnx', classes: { count: 11, names } }, data, (message) => said.push(message));
  return said;
}

describe("the network's names", () => {
  it('may be unknown, the same in other spelling, or more than the data has', () => {
    expect(warnings(undefined)).toEqual([]);
    expect(warnings(camvid.classes.map((name) => name.toUpperCase()))).toEqual([]);
    expect(warnings([...camvid.classes, 'background'])).toEqual([]);
  });

  it("are not those of another order: a layout's classes may not rename them", () => {
    expect(() => warnings(reversed)).toThrow(
      /net\.onnx: .*class 0 is "bicyclist" in the network, "sky" in "camvid"; say with data\.classes/i,
    );
    const last = [...camvid.classes.slice(0, -1), 'unicycle'];
    expect(() => warnings(last)).toThrow(/class 10 is "unicycle"/);
  });

  it('are replaced by those of a class file, which is said', () => {
    expect(warnings(reversed, setOfNames('mine.yaml', camvid.classes))).toEqual([
      expect.stringMatching(/net\.onnx: its classes are renamed: class 0 is "bicyclist"/i),
    ]);
  });
});

describe('parts of a run', () => {
  beforeAll(async () => {
    await writePicture(
      at('image.png'),
      picture(16, 8, (x, y) => [x, y, 7]),
    );
    await writeLabelMap(at('label.png'), { width: 16, height: 8, data: new Uint8Array(128) });
    writeFileSync(at('list.txt'), 'image.png label.png\n');
    for (const [name, classes] of Object.entries({
      a: ['back', 'front'],
      same: ['Back', 'front'],
      swapped: ['front', 'back'],
      three: ['back', 'front', 'far'],
    })) {
      writeFileSync(at(`${name}.yaml`), JSON.stringify({ classes }));
    }
  });

  const list = { layout: 'list', root: at('list.txt') };
  const open = (more: object, extra?: object) =>
    openTrainingData(
      parseConfig(
        { network: {}, data: { ...list, classes: at('a.yaml'), extra }, crop: [8, 16], batch: 2, steps: 1, ...more },
        'config',
      ),
    );

  it('have one meaning of a number', async () => {
    await expect(open({ validation: { ...list, classes: at('same.yaml') } })).resolves.toBeDefined();
    for (const part of ['validation', 'data.extra']) {
      const opened = (classes: string) =>
        part === 'validation'
          ? open({ validation: { ...list, classes } })
          : open({}, { ...list, classes, perBatch: 1, labels: true });
      await expect(opened(at('swapped.yaml'))).rejects.toThrow(`${part}.classes: expected the classes of the data`);
      await expect(opened(at('three.yaml'))).rejects.toThrow(
        `${part}.classes: expected the 2 classes of the data, found 3`,
      );
    }
  });

  it('may have others where their labels are not used', async () => {
    await expect(open({}, { ...list, classes: at('swapped.yaml'), perBatch: 1, labels: false })).resolves.toBeDefined();
  });
});
