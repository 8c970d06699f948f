// The demo, small: what it writes, what it measures, which pair it shows, and what it refuses.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DemoStage, runDemo } from '#src/demo/demo.js';
import { medianPair } from '#src/demo/measure.js';
import { ownClip, renderClip } from '#src/demo/ownClip.js';
import type { DemoResult } from '#src/demo/result.js';
import { presetClasses } from '#src/media/classes.js';
import { readLabelMap } from '#src/media/labels.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { conv } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { symmetricByName } from '#src/tensor/random.js';
import { createClipRenderer } from '#src/toycity/render.js';
import { toyCityClipSeed } from '#src/toycity/write.js';
import { steadyseg } from '../cli/run.js';
import { normalised, tinyNetwork } from '../segment/tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-demo-'));
afterAll(() => rmSync(folder, { recursive: true }));
const clip = { seed: 5, frames: 4, height: 96, width: 128 };

/** One with weights of its own: those of the smallest networks are constants. */
function network(classes: number): Uint8Array {
  const graph = createGraph('network');
  const image = input(graph, 'image', 'float32', [1, 3, clip.height, clip.width]);
  const weight = constant(graph, symmetricByName('weight', [classes, 3, 3, 3], 0.6), 'weight');
  return writeModel(
    exportModel(graph, { scores: conv(image, weight, undefined, { pads: [1, 1, 1, 1] }) }, { metadata: normalised }),
  );
}

describe('the own clip', () => {
  it('is no clip of a training set', () => {
    const trained = [0, 1, 2].flatMap((seed) =>
      (['train', 'val'] as const).flatMap((split) =>
        Array.from({ length: 500 }, (_, index) => toyCityClipSeed(seed, split, index)),
      ),
    );
    expect(trained).not.toContain(ownClip.seed);
  });

  it('comes with the labels and the flow of its frames', async () => {
    const { labels, flow } = await renderClip(clip, join(folder, 'clip'), () => {});
    const renderer = createClipRenderer(clip);
    expect(readdirSync(labels)).toHaveLength(clip.frames);
    expect((await readLabelMap(join(labels, '000002.png'))).data).toEqual(renderer.frame(2).labels.data);
    const image = async () => renderer.frame(0).image;
    const pair = { first: { stem: '000001', image }, second: { stem: '000002', image } };
    expect((await flow.flow(pair, 'forward')).data).toEqual(renderer.motion(1, 2).flow.data);
    expect((await flow.flow(pair, 'backward')).data).toEqual(renderer.motion(2, 1).flow.data);
  });
});

describe('the pair that is shown', () => {
  const pair = (first: string, before: number, after: number) =>
    ({ first, second: `${first}+1`, steady: [before, after] }) as const;

  it('has as many that gain more as that gain less', () => {
    const pairs = [pair('a', 0.5, 0.9), pair('b', 0.7, 0.6), pair('c', 0.5, 0.6), pair('d', 0.1, 0.3), pair('e', 0, 0)];
    expect(medianPair(pairs)?.first).toBe('c');
    expect(medianPair(pairs.slice(0, 4))?.first).toBe('c');
    expect(medianPair([])).toBeUndefined();
  });
});

describe('the whole demo', { timeout: 600_000 }, () => {
  const out = join(folder, 'with space');
  const stages = new Set<DemoStage>();
  const picture = join(folder, 'demo.webp');
  let result: DemoResult;
  beforeAll(async () => {
    const model = join(folder, 'toy.onnx');
    writeFileSync(model, network(19));
    const onProgress = (stage: DemoStage) => void stages.add(stage);
    const given = { model, classes: presetClasses('toycity'), scores: 'logits' } as const;
    result = await runDemo({ ...given, out, clip, picture, steps: 3, threads: 2, onProgress });
  }, 600_000);

  it('writes what it names', () => {
    for (const file of Object.values(result.files)) expect(existsSync(file ?? ''), file).toBe(true);
    const adapting = ['frames', 'consensus', 'steps', 'renewal', 'refinement', 'choice', 'judgement'];
    expect([...stages]).toEqual(['render', ...adapting, 'segment', 'measure', 'compare']);
    expect(JSON.parse(readFileSync(result.files.figures, 'utf8'))).toMatchObject({ frames: 4, steps: 3 });
    expect(existsSync(join(result.files.after, 'overlay.mp4'))).toBe(true);
    expect([...readModel(readFileSync(result.files.model)).graph.initializers.keys()]).toContain('weight');
  });

  it('measures both sides along the exact flow, the labels as the ceiling', () => {
    const { before, after, labelsTc, flow, shown } = result;
    expect(flow).toContain('exact');
    expect(labelsTc).toBeGreaterThan(0.5);
    for (const side of [before, after]) {
      expect(side.flicker).toBe(1 - side.steady);
      expect(side.tc).toBeGreaterThan(0);
      expect(side.mIoU).toBeGreaterThan(0);
      expect(side.flickerOfClasses).toHaveLength(19);
    }
    expect(Number(shown.second)).toBe(Number(shown.first) + 1);
  });

  it('puts the figures into the report', () => {
    const report = readFileSync(result.files.report, 'utf8');
    for (const { flicker, tc } of [result.before, result.after]) {
      expect(report).toContain(`${(100 * flicker).toFixed(2)} %`);
      expect(report).toContain(`${(100 * tc).toFixed(2)} %`);
    }
    expect(report).toContain(`frames ${result.shown.first} and ${result.shown.second}`);
  });

  it('writes a picture that moves: before | after', async () => {
    const { pages, loop, pageHeight, width } = await sharp(picture, { pages: -1 }).metadata();
    expect({ pages, loop, pageHeight, width }).toEqual({ pages: 2, loop: 0, pageHeight: 96, width: 256 });
  });

  it('is written into again, and nothing of the user’s is replaced without being told to', async () => {
    const again = { out, clip, steps: 1, threads: 2, model: join(folder, 'toy.onnx'), scores: 'logits' } as const;
    const short = { ...again, classes: presetClasses('toycity') };
    await runDemo(short);
    const names = [
      'adapted.onnx',
      'after',
      'before',
      'clip.mp4',
      'compare.mp4',
      'demo.json',
      'flicker.png',
      'report.html',
    ];
    expect(readdirSync(out).sort()).toEqual(names);
    for (const name of ['adapted.onnx', 'report.html']) {
      const path = join(out, name);
      const before = readFileSync(path);
      writeFileSync(path, 'mine');
      await expect(runDemo(short)).rejects.toThrow(`${path}: expected no file or one that an earlier run wrote`);
      expect(readFileSync(path, 'utf8')).toBe('mine');
      writeFileSync(path, before);
    }
    writeFileSync(join(out, 'flicker.png'), 'mine');
    await runDemo({ ...short, overwrite: true });
    expect(readFileSync(join(out, 'flicker.png'), 'latin1').slice(1, 4)).toBe('PNG');
  });

  it('does the same for a video and a network that are given', async () => {
    const model = join(folder, 'own.onnx');
    writeFileSync(model, network(11));
    const given = join(folder, 'given');
    const found = await runDemo({
      ...{ out: given, input: join(out, 'clip.mp4'), model, classes: presetClasses('camvid'), scores: 'logits' },
      ...{ steps: 2, limit: 3, threads: 2 },
    });
    expect(found).toMatchObject({ frames: 3, input: join(out, 'clip.mp4'), model });
    expect(found.labelsTc).toBeUndefined();
    expect(found.before.mIoU).toBeUndefined();
    expect(found.flow).toContain('dis');
    expect(readdirSync(join(given, 'after', 'labels'))).toHaveLength(3);
  });
});

describe('steadyseg demo', () => {
  it('names a network that is not there, and refuses one of other classes without a video', () => {
    const [missing, other, none] = ['no.onnx', 'other.onnx', 'none'].map((name) => join(folder, name));
    writeFileSync(other, tinyNetwork());
    const { code, stderr } = steadyseg(['demo', '--out', none, '--input', 'drive.mp4', '--model', missing]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('no.onnx')]);
    expect(existsSync(none)).toBe(false);
    const alone = steadyseg(['demo', '--out', none, '--model', other]);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('expected a video')]);
  });
});
