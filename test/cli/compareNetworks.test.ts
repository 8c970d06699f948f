// `steadyseg compare --models` and `steadyseg predict --steadiness`: one command from a video to what a network does on it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareNetworks, loadModel, predict } from 'steadyseg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare } from '#src/media/compare.js';
import { openFrames } from '#src/media/frames.js';
import type { RgbImage } from '#src/media/image.js';
import { readLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { picture } from '../media/made.js';
import { randomPixels } from '../segment/pixels.js';
import { normalised, tinyNetwork } from '../segment/tinyNetwork.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg compare networks '));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (...parts: string[]) => join(folder, ...parts);
const [width, height] = [64, 48];
const threads = ['--threads', '1'];

/** Noise, so that the labels of a random network change. */
const frames: RgbImage[] = Array.from({ length: 5 }, (_, index) => {
  const noise = randomPixels(height, width, index);
  return picture(width, height, (x, y) => {
    const [red, green, blue] = noise.data.subarray((y * width + x) * 3);
    return [red, green, blue];
  });
});

beforeAll(async () => {
  writeFileSync(at('four.onnx'), tinyNetwork({ classes: 4, free: true, metadata: normalised }));
  writeFileSync(at('seven.onnx'), tinyNetwork({ classes: 7, free: true, metadata: normalised }));
  const writer = await createVideoWriter(at('drive.mp4'), {
    width,
    height,
    frameRate: { numerator: 12, denominator: 1 },
  });
  for (const frame of frames) await writer.write(frame);
  await writer.close();
  for (const [index, frame] of frames.entries()) await writePicture(at('clip', `p${index}.png`), frame);
});

/** The share of pixels whose label differs from the frame before, of the first `count` frames. */
async function changes(labels: string, count: number): Promise<number> {
  const maps = await Promise.all(
    readdirSync(labels)
      .sort()
      .slice(0, count)
      .map((name) => readLabelMap(join(labels, name))),
  );
  let changed = 0;
  for (let frame = 1; frame < maps.length; frame++) {
    changed += maps[frame].data.reduce((sum, id, at) => sum + (id === maps[frame - 1].data[at] ? 0 : 1), 0);
  }
  return changed / ((maps.length - 1) * width * height);
}

describe('steadyseg compare --models', () => {
  it('segments with both and compares over the frames, as many as asked for', async () => {
    const networks = ['--models', at('four.onnx'), at('seven.onnx')];
    const outputs = ['-o', at('all.mp4'), '--flicker', at('all.png')];
    const all = steadyseg(['compare', at('drive.mp4'), ...networks, ...outputs, ...threads, '--json']);
    expect([all.code, all.stderr]).toEqual([0, expect.stringMatching(/four\.onnx[\s\S]*seven\.onnx/)]);
    const comparison = JSON.parse(all.stdout);
    expect(comparison).toMatchObject({ frames: 5, video: { width, height, layout: 'diagonal' } });
    const rates: number[] = [];
    for (const name of ['four', 'seven']) {
      const network = await loadModel(at(`${name}.onnx`), { threads: 1 });
      await predict(at('drive.mp4'), network, at(name), { save: ['labels'] });
      await network.release();
      rates.push(await changes(at(name, 'labels'), 5));
    }
    expect(Math.min(...rates)).toBeGreaterThan(0.05);
    expect(comparison.flicker.a).toBeCloseTo(rates[0], 12);
    expect(comparison.flicker.b).toBeCloseTo(rates[1], 12);

    // The same pictures as by hand, for the first frames.
    const names = { nameA: 'four.onnx', nameB: 'seven.onnx' };
    await compare(at('four'), at('seven'), { out: at('hand.mp4'), frames: at('drive.mp4'), limit: 3, ...names });
    const some = steadyseg(['compare', at('drive.mp4'), ...networks, '-o', at('some.mp4'), '--limit', '3', ...threads]);
    expect([some.code, readFileSync(at('some.mp4')).equals(readFileSync(at('hand.mp4')))]).toEqual([0, true]);
    const source = await openFrames(at('some.mp4'));
    expect([source.count, source.frameRate]).toEqual([3, { numerator: 12, denominator: 1 }]);
  });

  it('takes folders, and leaves nothing when interrupted', async () => {
    const networks = [
      await loadModel(at('four.onnx'), { threads: 1 }),
      await loadModel(at('seven.onnx'), { threads: 1 }),
    ] as const;
    const parts: string[] = [];
    const options = { out: at('clips.mp4'), onPart: (part: string) => parts.push(part) };
    expect((await compareNetworks(at('clip'), networks, options)).frames).toBe(5);
    expect(parts).toEqual([at('four.onnx'), at('seven.onnx'), 'comparison']);
    const signal = AbortSignal.abort();
    const stopped = { out: at('stopped.mp4'), signal };
    await expect(compareNetworks(at('clip'), networks, stopped)).rejects.toThrow('nothing was written');
    await expect(compareNetworks('-', networks, stopped)).rejects.toThrow('found the stream -');
    const own = { out: at('drive.mp4') };
    await expect(compareNetworks(at('drive.mp4'), networks, own)).rejects.toThrow('drive.mp4');
    for (const network of networks) await network.release();
    expect(existsSync(at('stopped.mp4'))).toBe(false);
    expect((await openFrames(at('drive.mp4'))).count).toBe(5);
  });

  const networks = ['--models', at('four.onnx'), at('seven.onnx')];
  it.each([
    ['one network', ['--models', at('four.onnx')], 'two --models, found 1'],
    ['a second input', [at('clip'), ...networks], 'found 2 and a second input'],
    ['frames of their own', [...networks, '--frames', at('clip')], 'expected no --frames with --models'],
    ['one result', [], 'expected two results to compare, or --models'],
    ['options of networks for results', [at('four'), '--size', '8x8'], 'together with --models'],
    ['a device for results', [at('four'), '--device', 'cuda'], 'together with --models'],
    ['a limit of nothing', [at('four'), '--limit', '0'], '--limit'],
  ])('exits with 2 for wrong usage: %s', (_, args, message) => {
    const { code, stderr } = steadyseg(['compare', at('drive.mp4'), ...args, '-o', at('unused.mp4')]);
    expect([code, stderr, existsSync(at('unused.mp4'))]).toEqual([2, expect.stringContaining(message), false]);
  });
});

describe('steadyseg predict --steadiness', () => {
  const common = ['--model', at('four.onnx'), ...threads];
  it('says what evaluate steadiness says of the run', () => {
    const cache = { XDG_CACHE_HOME: at('cache') };
    const args = ['predict', at('drive.mp4'), ...common, '-o', at('measured'), '--limit', '4', '--steadiness'];
    const { code, stdout, stderr } = steadyseg([...args, '--json'], undefined, cache);
    expect([code, stderr]).toEqual([0, expect.stringContaining('steadiness  ')]);
    const { steadiness, ...summary } = JSON.parse(stdout);
    expect(summary).toEqual(JSON.parse(readFileSync(at('measured', 'predict.json'), 'utf8')));
    const evaluate = ['evaluate', 'steadiness', at('drive.mp4'), '--pred', at('measured'), '--limit', '4'];
    const expected = JSON.parse(steadyseg([...evaluate, ...threads, '--json'], undefined, cache).stdout);
    // Its classes are those of the network itself, not read back from the record.
    expect(steadiness).toEqual({ ...expected, classSet: 'the model' });
    expect(steadiness.pairs).toBe(3);
    const text = steadyseg([...args, '--resume'], undefined, cache);
    expect([text.code, text.stdout]).toEqual([0, expect.stringMatching(/frames\/s: labels[\s\S]*kappa/)]);
  });

  it.each([
    ['a stream', ['-'], 'found the stream -'],
    ['no labels', [at('drive.mp4'), '--save', 'color'], 'labels among what is saved, found color'],
    ['some frames', [at('drive.mp4'), '--every', '2'], 'all frames'],
    ['a part of the video', [at('drive.mp4'), '--to', '1'], 'all frames'],
    ['a shard of the first frames', [at('drive.mp4'), '--shard', '0/2', '--limit', '3'], 'either a shard or --limit'],
  ])('refuses what it could not measure, before anything is written: %s', (_, args, message) => {
    const { code, stderr } = steadyseg(['predict', ...args, ...common, '-o', at('refused'), '--steadiness']);
    expect([code, stderr, existsSync(at('refused'))]).toEqual([2, expect.stringContaining(message), false]);
  });
});
