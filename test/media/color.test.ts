// Colour maps, overlays and legends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { colorize, overlay } from '#src/media/color.js';
import { encodeColorMap, writeColorMap } from '#src/media/colorMap.js';
import type { LabelMap } from '#src/media/image.js';
import { decodeLabelMap } from '#src/media/labels.js';
import { createCaption, createLegend, drawLegend } from '#src/media/legend.js';
import { readPicture } from '#src/media/pictures.js';
import { drawText, textWidth } from '#src/media/strokeFont.js';
import { picture } from './made.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-color-'));
afterAll(() => rmSync(folder, { recursive: true }));

const cityscapes = presetClasses('cityscapes');

/** Ids 0..18 and 255 in stripes. */
function stripes(width: number, height: number): LabelMap {
  const data = new Uint8Array(width * height);
  for (let pixel = 0; pixel < data.length; pixel++) {
    const id = Math.floor(((pixel % width) * 20) / width);
    data[pixel] = id === 19 ? 255 : id;
  }
  return { width, height, data };
}

describe('colour maps', () => {
  it('have the exact class colours, black for no class', async () => {
    const labels = stripes(40, 3);
    const image = colorize(labels, cityscapes);
    expect([...image.data.subarray(0, 3)]).toEqual([128, 64, 128]);
    expect([...image.data.subarray(39 * 3, 40 * 3)]).toEqual([0, 0, 0]);
    const path = join(folder, 'color.png');
    await writeColorMap(path, labels, cityscapes);
    expect(await readPicture(path)).toEqual(image);
  });

  it('hold the ids as their indices', async () => {
    for (const [width, height] of [
      [40, 3],
      [1, 1],
      [13, 7],
    ]) {
      const labels = stripes(width, height);
      expect(await decodeLabelMap(await encodeColorMap(labels, cityscapes), 'color')).toEqual(labels);
    }
  });
});

describe('overlay', () => {
  const frame = picture(40, 4, (x, y) => [x * 6, y * 60, 200]);

  it('blends inside regions, more at their borders, and leaves pixels of no class', () => {
    const labels = stripes(40, 4);
    const { data } = overlay(frame, labels, cityscapes);
    for (let x = 0; x < 40; x++) {
      const id = labels.data[x];
      // Every region is two pixels wide: the right one is at a border.
      const share = id === 255 ? 0 : x % 2 === 1 ? 0.85 : 0.5;
      for (let channel = 0; channel < 3; channel++) {
        const before = frame.data[x * 3 + channel];
        const expected = id === 255 ? before : before * (1 - share) + cityscapes.palette[id][channel] * share;
        expect(Math.abs(data[x * 3 + channel] - expected)).toBeLessThanOrEqual(1.5);
      }
    }
  });

  it('shows the frame at opacity 0 but for borders, the colours at 1', () => {
    const one = { ...stripes(40, 4), data: new Uint8Array(160) };
    expect(overlay(frame, one, cityscapes, { opacity: 0 }).data).toEqual(frame.data);
    expect(overlay(frame, one, cityscapes, { opacity: 1 }).data).toEqual(colorize(one, cityscapes).data);
  });

  it('refuses a label map of another size', () => {
    expect(() => overlay(frame, stripes(20, 4), cityscapes)).toThrow(
      "expected a label map of the frame's size 40×4, found 20×4",
    );
  });
});

describe('legend', () => {
  it.each([
    [960, 540],
    [2048, 1024],
    [480, 360],
    [1080, 1920],
  ])('fits a frame of %d×%d and leaves most of it free', (width, height) => {
    const grey = { width, height, data: new Uint8Array(width * height * 3).fill(90) };
    for (const name of ['cityscapes', 'camvid']) {
      const legend = createLegend(presetClasses(name), { width, height });
      expect(legend).toBeDefined();
      if (legend === undefined) return;
      expect(legend.y + legend.height).toBe(height);
      expect(legend.height / height).toBeLessThan(0.23);
      const { data } = overlay(grey, { width, height, data: new Uint8Array(width * height).fill(255) }, cityscapes, {
        legend,
      });
      expect(
        Buffer.compare(data.subarray(0, legend.y * width * 3), grey.data.subarray(0, legend.y * width * 3)) === 0,
      ).toBe(true);
      // Every class colour is to be seen in it, and white of the text.
      const seen = new Set<string>();
      for (let at = legend.y * width * 3; at < data.length; at += 3) {
        seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
      }
      for (const color of presetClasses(name).palette) expect(seen).toContain(color.join());
      expect(seen).toContain('255,255,255');
    }
  });

  it('goes below the frame, which stays as it is, on an even number of rows', () => {
    const grey = { width: 480, height: 361, data: new Uint8Array(480 * 361 * 3).fill(90) };
    const legend = createLegend(cityscapes, grey, 'below');
    expect(legend?.y).toBe(361);
    const { height, data } = overlay(grey, { ...grey, data: new Uint8Array(480 * 361).fill(255) }, cityscapes, {
      legend,
    });
    expect([height > 361, (height - 361) % 2]).toEqual([true, 0]);
    expect(data.subarray(0, grey.data.length)).toEqual(grey.data);
    const seen = new Set<string>();
    for (let at = grey.data.length; at < data.length; at += 3) seen.add(data.subarray(at, at + 3).join());
    for (const color of cityscapes.palette) expect(seen).toContain(color.join());
  });

  it('is left out where it would hide the scene', () => {
    expect(createLegend(cityscapes, { width: 96, height: 64 })).toBeUndefined();
    const many = { ...cityscapes, classes: Array(150).fill('class'), palette: Array(150).fill([1, 2, 3]) };
    expect(createLegend(many, { width: 320, height: 180 })).toBeUndefined();
  });

  it('is cut off at the edges of a picture', () => {
    const image = picture(30, 20, () => [0, 0, 0]);
    for (const [x, y] of [
      [-5, -5],
      [25, 15],
      [40, 40],
    ]) {
      const caption = createCaption('caption', 2, x, y);
      if (caption) drawLegend(image, caption);
    }
    expect(createCaption('a name that is longer than its room', 2, 0, 0, 40)).toBeUndefined();
    expect(image.data.length).toBe(30 * 20 * 3);
    expect(image.data.some((value) => value > 200)).toBe(true);
  });
});

describe('text', () => {
  it('has a glyph of its own for every letter and digit', () => {
    const glyphs = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:/()%'].map((character) => {
      const mask = drawText(character, 3);
      expect(mask.alpha.some((value) => value === 255)).toBe(true);
      expect(mask.width).toBe(textWidth(character, 3));
      return `${mask.width}:${mask.alpha.join()}`;
    });
    expect(new Set(glyphs).size).toBe(glyphs.length);
  });

  it('leaves accents off and shows a box for what it has not', () => {
    expect(drawText('Ä', 2)).toEqual(drawText('A', 2));
    expect(drawText('道', 2).width).toBe(drawText('O', 2).width);
    expect(drawText('', 2).alpha.every((value) => value === 0)).toBe(true);
  });
});
