// The demo, small: what it writes, what it measures, and what it says when a network is not there.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heldClips, heldSeeds, shownSeed } from '#src/demo/clips.js';
import { type DemoStage, runDemo } from '#src/demo/demo.js';
import { measureClips } from '#src/demo/measure.js';
import type { RgbImage } from '#src/media/image.js';
import { createClipRenderer } from '#src/toycity/render.js';
import { toyCityClipSeed } from '#src/toycity/write.js';
import { steadyseg } from '../cli/run.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-demo-'));
afterAll(() => rmSync(folder, { recursive: true }));
const size = { height: 96, width: 128 };
const clips = [3, 4].map((seed) => ({ seed, frames: 3, ...size }));

describe('the clips', () => {
  it('are at least five, each of its own seed, none of them a clip of a training set', () => {
    expect(new Set([...heldSeeds, shownSeed]).size).toBe(heldSeeds.length + 1);
    expect(heldClips.length).toBeGreaterThanOrEqual(5);
    const trained = [0, 1, 2].flatMap((seed) =>
      (['train', 'val'] as const).flatMap((split) =>
        Array.from({ length: 500 }, (_, index) => toyCityClipSeed(seed, split, index)),
      ),
    );
    expect(trained.filter((seed) => heldSeeds.includes(seed) || seed === shownSeed)).toEqual([]);
  });
});

describe('measuring', () => {
  it('gives exact labels full marks and their own TC, and a network that says one thing the least mIoU', async () => {
    // A network that knows the picture it is shown.
    const truth = new Map<string, Uint8Array>();
    const keyOf = ({ data }: RgbImage) => Buffer.from(data).toString('base64');
    for (const clip of clips) {
      const renderer = createClipRenderer(clip);
      for (let t = 0; t < clip.frames; t++) {
        const { image, labels } = renderer.frame(t);
        truth.set(keyOf(image), labels.data);
      }
    }
    const perfect = async (image: RgbImage) => ({ ...size, data: truth.get(keyOf(image)) ?? new Uint8Array() });
    const constant = async () => ({ ...size, data: new Uint8Array(size.height * size.width) });
    const { networks, labelsTc, clips: ofClips } = await measureClips(clips, [perfect, constant], 19);
    expect(networks[0].mIoU).toBe(1);
    expect(networks[0].tc).toBe(labelsTc);
    expect(labelsTc).toBeGreaterThan(0.6);
    expect(labelsTc).toBeLessThan(1);
    expect(networks[1].tc).toBe(1);
    expect(networks[1].mIoU).toBeLessThan(0.2);
    expect(networks[1].mIoU).toBeCloseTo((ofClips[0].networks[1].mIoU + ofClips[1].networks[1].mIoU) / 2, 12);
  });
});

describe('the whole demo', () => {
  const out = join(folder, 'with space');
  const stages = new Set<DemoStage>();
  const picture = join(folder, 'demo.webp');
  let result: Awaited<ReturnType<typeof runDemo>>;
  beforeAll(async () => {
    writeFileSync(join(folder, 'a.onnx'), tinyNetwork({ classes: 19, free: true }));
    writeFileSync(join(folder, 'b.onnx'), tinyNetwork({ classes: 19, height: 48, width: 64 }));
    const [plain, steady] = ['a.onnx', 'b.onnx'].map((name) => join(folder, name));
    const shown = { seed: 5, frames: 4, ...size };
    const onProgress = (stage: DemoStage) => void stages.add(stage);
    result = await runDemo({ out, plain, steady, clips, shown, picture, threads: 1, onProgress });
  });

  it('writes what it names', () => {
    const { files } = result;
    for (const file of [files.report, files.comparison, ...files.overlays, files.flicker, files.clip, files.figures]) {
      expect(existsSync(file), file).toBe(true);
    }
    expect([...stages]).toEqual(['measure', 'render', 'segment', 'compare']);
    expect(JSON.parse(readFileSync(files.figures, 'utf8')).measurement.clips).toHaveLength(2);
  });

  it('puts the figures into the report', () => {
    const report = readFileSync(result.files.report, 'utf8');
    for (const { mIoU, tc } of result.measurement.networks) {
      expect(report).toContain(`${(100 * mIoU).toFixed(2)} %`);
      expect(report).toContain(`${(100 * tc).toFixed(2)} %`);
    }
  });

  it('writes a picture that moves', async () => {
    const { pages, loop, pageHeight } = await sharp(picture, { pages: -1 }).metadata();
    expect({ pages, loop, pageHeight }).toEqual({ pages: 2, loop: 0, pageHeight: size.height });
  });
});

describe('the demo’s folder', () => {
  it('is written into again, and nothing of the user’s is replaced without being told to', async () => {
    const out = join(folder, 'again');
    const [plain, steady] = ['a.onnx', 'b.onnx'].map((name) => join(folder, name));
    const short = { out, plain, steady, clips: clips.slice(0, 1), shown: { seed: 5, frames: 2, ...size }, threads: 1 };
    await runDemo(short);
    await runDemo(short);
    expect(readdirSync(out).sort()).toEqual(
      ['clip.mp4', 'compare.mp4', 'demo.json', 'flicker.png', 'plain', 'report.html', 'steady'].sort(),
    );
    for (const name of ['clip.mp4', 'report.html', 'plain/labels/000000.png']) {
      const path = join(out, name);
      const [before, report] = [readFileSync(path), readFileSync(join(out, 'demo.json'))];
      writeFileSync(path, 'mine');
      await expect(runDemo(short)).rejects.toThrow(`${path}: expected no file or one that an earlier run wrote`);
      expect(readFileSync(path, 'utf8')).toBe('mine');
      expect(readFileSync(join(out, 'demo.json'))).toEqual(report);
      writeFileSync(path, before);
    }
    writeFileSync(join(out, 'flicker.png'), 'mine');
    await runDemo({ ...short, overwrite: true });
    expect(readFileSync(join(out, 'flicker.png'), 'latin1').slice(1, 4)).toBe('PNG');
  }, 120_000);
});

describe('steadyseg demo', () => {
  it('names a network that is not there', () => {
    const { code, stderr } = steadyseg(['demo', '--out', join(folder, 'none'), '--plain', join(folder, 'no.onnx')]);
    expect(code).toBe(1);
    expect(stderr).toContain('.onnx');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
