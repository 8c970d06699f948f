// Comparing two predictions: pairing, layouts, flicker, and what cannot be compared.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { compare } from '#src/media/compare.js';
import { compose } from '#src/media/compose.js';
import { createFlickerCounter } from '#src/media/flicker.js';
import { drawFlicker } from '#src/media/flickerMap.js';
import { openFrames } from '#src/media/frames.js';
import type { RgbImage } from '#src/media/image.js';
import { writeLabelMap } from '#src/media/labels.js';
import { readPicture, writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { describeWithShared, sharedPath } from '../shared.js';
import { numbered, picture } from './made.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg compare ü '));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (...parts: string[]) => join(folder, ...parts);
const cityscapes = presetClasses('cityscapes');
const [width, height] = [160, 120];

/** Label maps of one id each: the left half changes its id with every frame when it flickers. */
async function writeLabels(name: string, stems: readonly string[], flickers: boolean, size = { width, height }) {
  mkdirSync(at(name), { recursive: true });
  for (const [index, stem] of stems.entries()) {
    const data = new Uint8Array(size.width * size.height).fill(10);
    if (flickers && index % 2 === 1) {
      for (let pixel = 0; pixel < data.length; pixel++) if (pixel % size.width < size.width / 2) data[pixel] = 8;
    }
    await writeLabelMap(at(name, `${stem}.png`), { ...size, data });
  }
}

async function writeVideo(name: string, images: readonly RgbImage[]) {
  const writer = await createVideoWriter(at(name), { ...images[0], frameRate: { numerator: 12, denominator: 1 } });
  for (const image of images) await writer.write(image);
  await writer.close();
}

async function framesOf(path: string): Promise<RgbImage[]> {
  const images: RgbImage[] = [];
  for await (const { image } of (await openFrames(path)).frames()) images.push(image);
  return images;
}

function pixelOf({ width, data }: RgbImage, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

function near(found: readonly number[], expected: readonly number[], tolerance = 6): boolean {
  return found.every((value, channel) => Math.abs(value - expected[channel]) <= tolerance);
}

const stems = ['000000', '000001', '000002', '000003'];
beforeAll(async () => {
  await writeLabels('steady/labels', stems, false);
  await writeLabels('wild', stems, true);
  await writeLabels('fewer', stems.slice(1), true);
  await writeLabels('small', stems, true, { width: 80, height: 60 });
  const frames = Array.from({ length: 6 }, (_, index) => numbered(width, height, index));
  await writeVideo('frames.mp4', frames);
  await writeVideo('short.mp4', frames.slice(0, 3));
  await writeVideo('other size.mp4', Array(6).fill(numbered(80, 60, 0)));
});

describe('compose', () => {
  const [red, blue] = [[200, 0, 0] as const, [0, 0, 200] as const].map((color) => picture(101, 50, () => color));

  it('puts A above the diagonal, B below, a white line between', () => {
    const image = compose(red, blue, 'diagonal');
    expect([image.width, image.height]).toEqual([101, 50]);
    expect(pixelOf(image, 0, 0)).toEqual([200, 0, 0]);
    expect(pixelOf(image, 90, 0)).toEqual([200, 0, 0]);
    expect(pixelOf(image, 0, 45)).toEqual([200, 0, 0]);
    expect(pixelOf(image, 50, 25)).toEqual([255, 255, 255]);
    expect(pixelOf(image, 100, 5)).toEqual([0, 0, 200]);
    expect(pixelOf(image, 10, 49)).toEqual([0, 0, 200]);
    const counts = new Map<string, number>();
    for (let at = 0; at < image.data.length; at += 3) {
      const key = image.data.subarray(at, at + 3).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.get('200,0,0')).toBe(counts.get('0,0,200'));
  });

  it('puts A left and B right', () => {
    const image = compose(red, blue, 'side-by-side');
    expect([image.width, image.height]).toEqual([202, 50]);
    expect([0, 90, 101, 110, 201].map((x) => pixelOf(image, x, 20).join())).toEqual([
      '200,0,0',
      '200,0,0',
      '255,255,255',
      '0,0,200',
      '0,0,200',
    ]);
  });

  it('refuses two sizes', () => {
    expect(() => compose(red, numbered(50, 50, 0), 'diagonal')).toThrow('found 101×50 and 50×50');
  });
});

describe('flicker', () => {
  it('counts changes within clips, without ignored pixels', () => {
    const counter = createFlickerCounter(255);
    const add = (ids: number[], startsClip?: boolean) =>
      counter.add({ width: 4, height: 1, data: Uint8Array.from(ids) }, startsClip);
    add([0, 1, 2, 255], true);
    add([0, 2, 2, 1]);
    add([0, 1, 255, 1]);
    add([5, 5, 5, 5], true);
    add([5, 5, 5, 5]);
    const { changed, pairs, rate } = counter.result();
    expect([...changed]).toEqual([0, 2, 0, 0]);
    expect([...pairs]).toEqual([3, 3, 2, 2]);
    expect(rate).toBe(0.2);
    expect(() => counter.add({ width: 1, height: 4, data: new Uint8Array(4) })).toThrow('found 4×1, then 1×4');
  });

  it('draws steady pixels dark and flickering ones light', () => {
    const of = (share: number) => {
      const pixels = 200 * 100;
      const pairs = new Uint32Array(pixels).fill(10);
      return { width: 200, height: 100, changed: pairs.map((count) => count * share), pairs, rate: share };
    };
    const image = drawFlicker(of(0), of(1), ['a', 'b']);
    const brightness = (x: number) => pixelOf(image, x, 60).reduce((sum, value) => sum + value, 0);
    expect(brightness(100)).toBeLessThan(50);
    expect(brightness(image.width - 100)).toBeGreaterThan(600);
    expect(image.height).toBeGreaterThan(100);
    const tiny = { width: 1, height: 1, changed: new Uint32Array(1), pairs: new Uint32Array(1), rate: 0 };
    expect(drawFlicker(tiny, tiny, ['a', 'b']).width).toBeGreaterThan(1);
  });
});

describe('compare', () => {
  it('draws label maps in class colours, and maps their flicker', async () => {
    const [out, flicker] = [at('maps.mp4'), at('maps.png')];
    const result = await compare(at('steady'), at('wild'), { out, flicker, classes: cityscapes });
    expect(result).toEqual({
      frames: 4,
      video: { file: out, width, height, layout: 'diagonal' },
      flicker: { file: flicker, a: 0, b: 0.5 },
    });
    const images = await framesOf(out);
    expect(images.length).toBe(4);
    for (const [index, image] of images.entries()) {
      expect(near(pixelOf(image, 20, 60), cityscapes.palette[10])).toBe(true);
      expect(near(pixelOf(image, 70, 105), cityscapes.palette[index % 2 === 1 ? 8 : 10])).toBe(true);
    }
    expect((await readPicture(flicker)).width).toBeGreaterThan(2 * width);
  });

  it('draws over frames, at their rate, and leaves out those without labels', async () => {
    const out = at('over.mp4');
    const options = { out, classes: cityscapes, frames: at('frames.mp4'), layout: 'side-by-side' as const };
    expect((await compare(at('steady'), at('wild'), options)).frames).toBe(4);
    const source = await openFrames(out);
    expect([source.count, source.width, source.frameRate]).toEqual([4, 2 * width, { numerator: 12, denominator: 1 }]);
    const images = await framesOf(out);
    // Half the class colour, half the grey of the frame.
    const expected = cityscapes.palette[10].map((value) => (value + 40 + 3 * 10) / 2);
    expect(near(pixelOf(images[3], 40, 60), expected)).toBe(true);
  });

  it('shows videos and pictures as they are', async () => {
    expect((await compare(at('frames.mp4'), at('frames.mp4'), { out: at('videos.mp4') })).frames).toBe(6);
    mkdirSync(at('pictures'));
    for (let index = 0; index < 3; index++) {
      await writePicture(at('pictures', `${index}.png`), numbered(width, height, index));
    }
    expect((await compare(at('pictures'), at('short.mp4'), { out: at('mixed.mp4') })).frames).toBe(3);
    const classes = cityscapes;
    expect((await compare(at('fewer'), at('short.mp4'), { out: at('mixed2.mp4'), classes })).frames).toBe(3);
  });

  it('leaves nothing behind when it cannot go on', async () => {
    const out = at('never.mp4');
    const classes = cityscapes;
    await expect(compare(at('steady'), at('fewer'), { out, classes })).rejects.toThrow(
      `${at('fewer')}: expected a file for each frame of the other (4), found 3: 000000 is missing`,
    );
    await expect(compare(at('frames.mp4'), at('short.mp4'), { out })).rejects.toThrow(
      'expected as many frames in both, found 6 in',
    );
    await expect(compare(at('steady'), at('small'), { out, classes })).rejects.toThrow(
      'frame 000000: expected two pictures of one size, found 160×120 and 80×60',
    );
    await expect(compare(at('steady'), at('wild'), { out, classes, frames: at('other size.mp4') })).rejects.toThrow(
      "frame 000000: expected a label map of the frame's size 80×60, found 160×120",
    );
    await expect(compare(at('steady'), at('wild'), { out, classes, frames: at('short.mp4') })).rejects.toThrow(
      'expected the frame 000003 of',
    );
    await expect(compare(at('frames.mp4'), at('wild'), { out, flicker: at('never.png'), classes })).rejects.toThrow(
      'a flicker map needs label maps and classes',
    );
    await expect(compare(at('steady'), at('wild'), { out })).rejects.toThrow('expected a preset or a file of classes');
    const stopped = AbortSignal.abort();
    await expect(compare(at('steady'), at('wild'), { out, classes, signal: stopped })).rejects.toThrow('interrupted');
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('never') || name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('steadyseg compare', () => {
  const run = (...options: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../dist/cli/main.js'), 'compare', ...options], {
      encoding: 'utf8',
    });

  it('prints one JSON object', () => {
    const { status, stdout } = run(
      at('steady'),
      at('wild'),
      '--preset',
      'cityscapes',
      '--flicker',
      at('cli.png'),
      '--json',
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ frames: 4, flicker: { file: at('cli.png'), a: 0, b: 0.5 } });
  });

  it('exits with 1 for bad input and 2 for wrong usage', () => {
    writeFileSync(at('cut.mp4'), 'no video');
    const bad = run(at('cut.mp4'), at('wild'), '-o', at('x.mp4'));
    expect([bad.status, bad.stdout]).toEqual([1, '']);
    expect(bad.stderr).toMatch(/^steadyseg: .*cut\.mp4: expected a video of a known format.*\n$/);
    for (const options of [
      [],
      ['-o', 'x.avi'],
      ['-o', at('x.mp4'), '--layout', 'none'],
      ['-o', at('x.mp4'), '--fps', '0'],
    ]) {
      expect(run(at('steady'), at('wild'), ...options).status).toBe(2);
    }
  });
});

describeWithShared('real predictions', ['goldens/metrics/espnet_camvid_val', 'data/camvid/val'], () => {
  it('are compared with their annotation', async () => {
    const options = { classes: presetClasses('camvid'), flicker: at('camvid.png') };
    const a = sharedPath('goldens/metrics/espnet_camvid_val');
    const result = await compare(a, sharedPath('data/camvid/valannot'), options);
    expect(result.frames).toBe(101);
    expect(result.flicker?.a).toBeGreaterThan(0.03);
    expect(result.flicker?.a).toBeLessThan(0.06);
  });
});
