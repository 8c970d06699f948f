import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockFolder } from '#src/base/lock.js';
import { openDataset } from '#src/data/datasets.js';
import { readTrainIds } from '#src/data/labelFiles.js';
import { presetClasses } from '#src/media/classes.js';
import { openFrames } from '#src/media/frames.js';
import type { RgbImage } from '#src/media/image.js';
import { readLabelMap } from '#src/media/labels.js';
import { readPicture, writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { loadModel } from '#src/segment/loadModel.js';
import type { SegmentationModel } from '#src/segment/model.js';
import { keepSure, keepSurest } from '#src/segment/pseudoLabels/keep.js';
import { mergePseudoLabels } from '#src/segment/pseudoLabels/merge.js';
import { type PseudoLabelOptions, pseudoLabel } from '#src/segment/pseudoLabels/pseudoLabel.js';
import {
  createUncertaintyHistogram,
  lowestProbability,
  uncertaintiesOf,
  uncertaintyBins,
} from '#src/segment/pseudoLabels/uncertainty.js';
import { createRandom } from '#src/tensor/random.js';
import { randomPixels } from './pixels.js';
import { tinyNetwork } from './tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-pseudo-'));
const video = join(folder, 'drive.mp4');
const pictures = join(folder, 'pictures');
const network = join(folder, 'network.onnx');
const stems = ['a_000000_000001', 'a_000000_000002', 'a_000000_000009', 'b_000001_000001', 'b_000001_000002'];
const classes = {
  name: 'four',
  classes: ['a', 'b', 'c', 'd'],
  palette: presetClasses('camvid').palette,
  ignoreLabel: 255,
};
let model: SegmentationModel;

beforeAll(async () => {
  writeFileSync(network, tinyNetwork({ classes: 4, free: true }));
  model = await loadModel(network, { threads: 1, classes });
  const frameRate = { numerator: 10, denominator: 1 };
  const writer = await createVideoWriter(video, { width: 44, height: 30, frameRate });
  for (let i = 0; i < 6; i++) await writer.write(randomPixels(30, 44, i + 1));
  await writer.close();
  mkdirSync(pictures);
  for (const [i, stem] of stems.entries())
    await writePicture(join(pictures, `${stem}.png`), randomPixels(20, 26, i + 9));
});
afterAll(async () => {
  await model.release();
  rmSync(folder, { recursive: true });
});

const out = (name: string) => join(folder, name);
const names = (path: string) => (existsSync(path) ? readdirSync(path).sort() : []);
/** Every file below a folder, by its path. */
const filesOf = (path: string) =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(path.length), readFileSync(file, 'base64')]),
  );
const interruptedAfter = async (frames: number, name: string, options: PseudoLabelOptions, input = video) => {
  const stop = new AbortController();
  const onProgress = ({ done }: { done: number }) => done === frames && stop.abort();
  return await pseudoLabel(input, model, out(name), { ...options, onProgress, signal: stop.signal });
};
/** What the network says of a picture, pixel by pixel. */
const segmented = async (image: RgbImage, flip = false) => {
  const { labels, confidence } = await model.segment(image, { confidence: true, flip });
  if (!confidence) throw new Error('expected confidence');
  return { labels: labels.data, confidence };
};

describe('how unsure a label is', () => {
  const random = createRandom(3);
  const confidence = Float32Array.from({ length: 4000 }, () => 1 - 2 ** (-26 * random.uniform()) * random.uniform());

  it('is ordered as the probabilities are, to a 1024th of a halving of the uncertainty', () => {
    const bins = uncertaintiesOf(confidence);
    const order = [...confidence.keys()].sort((a, b) => confidence[b] - confidence[a]);
    for (const [k, i] of order.entries()) {
      if (k > 0) expect(bins[i]).toBeGreaterThanOrEqual(bins[order[k - 1]]);
      const uncertainty = 1 - confidence[i];
      const lowest = 1 - lowestProbability(bins[i]);
      expect(uncertainty).toBeLessThanOrEqual(lowest);
      expect(lowest).toBeLessThanOrEqual(uncertainty * (1 + 1 / 1024));
    }
  });

  it('has a place for certainty, for a rounding above it, and for what is no number', () => {
    expect([...uncertaintiesOf(Float32Array.of(1, 1.0000001, 0, Number.NaN))]).toEqual([
      0,
      0,
      uncertaintyBins - 1,
      uncertaintyBins - 1,
    ]);
    expect([...uncertaintiesOf(Float32Array.of(Math.fround(1 - 2 ** -24)))]).toEqual([1]);
  });
});

describe('what is kept', () => {
  it('is what reaches the threshold, the threshold itself included', () => {
    const labels = Uint8Array.of(0, 1, 1, 2, 2);
    const balance = keepSure(labels, Float32Array.of(0.9, 0.8999, 0.95, Number.NaN, 1), 0.9, 4);
    expect([...labels]).toEqual([0, 255, 1, 255, 2]);
    expect(balance).toEqual({ predicted: [1, 2, 2, 0], kept: [1, 1, 1, 0] });
  });

  it.each([0.1, 0.5, 0.83, 1])('is the surest share %d of each class, to one bin', (share) => {
    const random = createRandom(5);
    const count = 30_000;
    const ids = Uint8Array.from({ length: count }, () => random.integer(3) + (random.uniform() < 0.2 ? 1 : 0));
    ids[7] = 255;
    const confidence = Float32Array.from(ids, (id) => 1 - (id === 1 ? 1e-6 : 0.5) * random.uniform() ** 4);
    const uncertainties = uncertaintiesOf(confidence);
    const histogram = createUncertaintyHistogram(5);
    for (const start of [0, 10_000, 20_000])
      histogram.add(ids.subarray(start, start + 10_000), uncertainties.subarray(start, start + 10_000));
    const cuts = histogram.cuts(share);
    const labels = ids.slice();
    const kept = keepSurest(labels, uncertainties, cuts);
    expect([cuts[4], kept[4], labels[7]]).toEqual([undefined, 0, 255]);
    for (let id = 0; id < 4; id++) {
      const own = [...ids.keys()].filter((i) => ids[i] === id);
      const stays = own.filter((i) => labels[i] === id);
      const last = own.filter((i) => uncertainties[i] === cuts[id]);
      expect(kept[id]).toBe(stays.length);
      expect(stays.length).toBeGreaterThanOrEqual(share * own.length);
      expect(stays.length - last.length).toBeLessThan(share * own.length);
      const unsurest = Math.min(...stays.map((i) => confidence[i]));
      expect(Math.max(0, ...own.filter((i) => labels[i] === 255).map((i) => confidence[i]))).toBeLessThan(unsurest);
      expect(unsurest).toBeGreaterThanOrEqual(lowestProbability(cuts[id] ?? 0));
    }
  });
});

describe('pseudo labels of a video', () => {
  it('are the labels where the network is sure, with frames, list and balance', async () => {
    const summary = await pseudoLabel(video, model, out('sure'), {
      threshold: 0.6,
      flip: true,
      save: ['color', 'confidence'],
    });
    const files = Array.from({ length: 6 }, (_, i) => `00000${i}.png`);
    for (const kind of ['labels', 'frames', 'color', 'confidence'])
      expect(names(join(out('sure'), kind))).toEqual(files);
    expect(names(out('sure')).filter((name) => name.includes('.'))).toEqual([
      'frames.jsonl',
      'list.txt',
      'pseudo-label.json',
    ]);
    const predicted = [0, 0, 0, 0];
    const kept = [0, 0, 0, 0];
    for await (const { stem, image } of (await openFrames(video)).frames()) {
      const { labels, confidence } = await segmented(image, true);
      const written = await readLabelMap(join(out('sure'), 'labels', `${stem}.png`));
      const sureness = await readPicture(join(out('sure'), 'confidence', `${stem}.png`));
      expect(await readPicture(join(out('sure'), 'frames', `${stem}.png`))).toEqual(image);
      for (const [i, label] of labels.entries()) {
        const sure = confidence[i] >= Math.fround(0.6);
        predicted[label]++;
        if (sure) kept[label]++;
        if (written.data[i] !== (sure ? label : 255)) throw new Error(`${stem}, pixel ${i}`);
        expect(sureness.data[3 * i]).toBe(Math.floor(confidence[i] * 255 + 0.5));
      }
    }
    const sum = kept.reduce((total, count) => total + count);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(6 * 30 * 44);
    expect(summary).toMatchObject({
      complete: true,
      decided: true,
      frames: 6,
      pixels: 6 * 30 * 44,
      keptPixels: sum,
      keptShare: sum / (6 * 30 * 44),
      counts: { predicted, kept },
      run: { resumed: 0 },
    });
    const { run, ...report } = summary;
    expect(JSON.parse(readFileSync(join(out('sure'), 'pseudo-label.json'), 'utf8'))).toEqual(report);
  });

  it('are a list that the training reads, each frame with the next', async () => {
    const dataset = await openDataset('list', { root: join(out('sure'), 'list.txt'), classes });
    expect(dataset.count).toBe(6);
    const sample = dataset.sample(2);
    expect(sample.frame).toEqual({ kind: 'file', path: join(out('sure'), 'frames', '000002.png') });
    expect(sample.neighbour(1)).toEqual({ kind: 'file', path: join(out('sure'), 'frames', '000003.png') });
    expect(dataset.sample(5).neighbour(1)).toBeUndefined();
    if (sample.label?.kind !== 'file') throw new Error('expected a label');
    const { data } = await readTrainIds(sample.label.path, classes, sample.label.ids);
    expect(data).toEqual((await readLabelMap(join(out('sure'), 'labels', '000002.png'))).data);
  });

  it('keep the surest share of each class over all frames', async () => {
    const summary = await pseudoLabel(video, model, out('share'), { quantile: 0.4, save: ['color'] });
    const ofClass: number[][] = [[], [], [], []];
    for await (const { image } of (await openFrames(video)).frames()) {
      const { labels, confidence } = await segmented(image);
      for (const [i, label] of labels.entries()) ofClass[label].push(confidence[i]);
    }
    for (const [id, all] of ofClass.entries()) {
      const lowest = summary.thresholds?.[id] ?? Number.NaN;
      expect(summary.counts.predicted[id]).toBe(all.length);
      expect(summary.counts.kept?.[id]).toBe(all.filter((value) => value >= lowest).length);
      expect(summary.counts.kept?.[id]).toBeGreaterThanOrEqual(0.4 * all.length);
      expect(summary.counts.kept?.[id]).toBeLessThanOrEqual(0.4 * all.length + 3);
    }
    expect(names(out('share'))).toEqual(['color', 'frames', 'frames.jsonl', 'labels', 'list.txt', 'pseudo-label.json']);
  });

  it.each([
    ['a threshold', { threshold: 0.6, save: ['color'] }],
    ['a quantile', { quantile: 0.4, save: ['confidence', 'color'] }],
  ] satisfies [string, PseudoLabelOptions][])(
    'are the same files after interruptions as without: %s',
    async (what, options) => {
      const name = `resumed by ${what}`;
      await pseudoLabel(video, model, out(`whole by ${what}`), options);
      const first = await interruptedAfter(2, name, options);
      expect(first).toMatchObject({ complete: false, interrupted: true });
      expect(first.frames).toBeLessThan(6);
      // As a kill in the middle of a write leaves it.
      const records = join(out(name), 'frames.jsonl');
      writeFileSync(records, readFileSync(records).subarray(0, -20));
      const second = await pseudoLabel(video, model, out(name), { ...options, resume: true });
      expect(second).toMatchObject({ complete: true, run: { resumed: first.frames - 1 } });
      expect(filesOf(out(name))).toEqual(filesOf(out(`whole by ${what}`)));
      const third = await pseudoLabel(video, model, out(name), { ...options, resume: true });
      expect(third).toMatchObject({ complete: true, run: { resumed: 6 } });
      expect(filesOf(out(name))).toEqual(filesOf(out(`whole by ${what}`)));
    },
  );

  it('are the same files when it is interrupted while it chooses what is kept', async () => {
    const options: PseudoLabelOptions = { quantile: 0.4, save: ['color', 'confidence'] };
    const stop = new AbortController();
    const onDeciding = ({ done }: { done: number }) => done === 8 && stop.abort();
    const first = await pseudoLabel(video, model, out('choosing'), { ...options, onDeciding, signal: stop.signal });
    expect(first).toMatchObject({ interrupted: true, decided: false, keptShare: null, thresholds: null });
    expect(existsSync(join(out('choosing'), 'list.txt'))).toBe(false);
    await pseudoLabel(video, model, out('choosing'), { ...options, resume: true });
    expect(filesOf(out('choosing'))).toEqual(filesOf(out('whole by a quantile')));
  });

  it('go on from fewer frames to more as one run would have made them', async () => {
    await pseudoLabel(video, model, out('longer'), { quantile: 0.4, limit: 3, save: ['color', 'confidence'] });
    const options: PseudoLabelOptions = { quantile: 0.4, save: ['color', 'confidence'], resume: true };
    await pseudoLabel(video, model, out('longer'), options);
    expect(filesOf(out('longer'))).toEqual(filesOf(out('whole by a quantile')));
  });

  it('take over nothing that a shard of another rule has replaced', async () => {
    await pseudoLabel(video, model, out('replaced'), { threshold: 0.6 });
    await pseudoLabel(video, model, out('replaced'), { threshold: 0.5, shard: { index: 0, count: 2 } });
    const again = await pseudoLabel(video, model, out('replaced'), { threshold: 0.6, resume: true });
    expect(again.run.resumed).toBe(0);
    await pseudoLabel(video, model, out('not replaced'), { threshold: 0.6 });
    expect(filesOf(join(out('replaced'), 'labels'))).toEqual(filesOf(join(out('not replaced'), 'labels')));
  });

  it('refuse a folder that another run or a merge writes into', async () => {
    const dir = out('twice');
    const busy = /\.pseudo-label\.lock: process \d+ is writing pseudo labels into this folder/;
    await pseudoLabel(video, model, dir, { threshold: 0.6 });
    const other = await lockFolder(join(dir, '.pseudo-label.lock'), 'writing pseudo labels into this folder');
    await expect(pseudoLabel(video, model, dir, { threshold: 0.7 })).rejects.toThrow(busy);
    await other.release();
    expect(names(dir)).toEqual(['frames', 'frames.jsonl', 'labels', 'list.txt', 'pseudo-label.json']);
    await pseudoLabel(pictures, model, dir, { shard: { index: 0, count: 1 } });
    const lock = await lockFolder(join(dir, '.pseudo-label.lock'), 'writing pseudo labels into this folder');
    await expect(mergePseudoLabels([join(dir, 'pseudo-label.json')])).rejects.toThrow(busy);
    await lock.release();
    await mergePseudoLabels([join(dir, 'pseudo-label.json')]);
  });

  it('count the time from the first frame to the last, not what is chosen after', async () => {
    const started = performance.now();
    let chosen = Number.NaN;
    const onDeciding = ({ done }: { done: number }) => {
      if (done === 1) chosen = performance.now();
      while (performance.now() < chosen + 300);
    };
    const { run } = await pseudoLabel(video, model, out('timed'), { quantile: 0.4, onDeciding });
    expect(1000 * run.seconds).toBeLessThanOrEqual(chosen - started + 1);
  });

  it('leave what else lies where frames wait for their thresholds', async () => {
    const waiting = join(out('of the user'), 'pending');
    mkdirSync(waiting, { recursive: true });
    writeFileSync(join(waiting, 'notes.txt'), 'mine');
    await pseudoLabel(video, model, out('of the user'), { quantile: 0.4 });
    expect(names(waiting)).toEqual(['notes.txt']);
    const inside = join(out('inside'), 'pending');
    mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, 'a.png'), readFileSync(join(out('sure'), 'labels', '000000.png')));
    await expect(pseudoLabel(inside, model, out('inside'), { quantile: 0.4 })).rejects.toThrow(
      /a\.png: expected an input apart from the results/,
    );
  });

  it('refuse records that lead out of the folder', async () => {
    const dir = out('led astray');
    await pseudoLabel(video, model, dir, { threshold: 0.6 });
    const records = join(dir, 'frames.jsonl');
    const lines = readFileSync(records, 'utf8');
    for (const [from, to] of [
      ['"labels/000002.png"', '"../../elsewhere.png"'],
      ['"stem":"000002"', '"stem":"../000002"'],
    ]) {
      writeFileSync(records, lines.replace(from, to));
      await expect(mergePseudoLabels([join(dir, 'pseudo-label.json')])).rejects.toThrow(
        /frames.jsonl, line 3: expected the record of a frame: .*found (another file|a path)/,
      );
    }
  });

  it('leave a file of one line that is not theirs', async () => {
    const dir = out('one line of notes');
    mkdirSync(dir);
    writeFileSync(join(dir, 'frames.jsonl'), 'mine');
    await expect(pseudoLabel(video, model, dir, { threshold: 0.6 })).rejects.toThrow(/frames\.jsonl, line 1: expected/);
    expect(readFileSync(join(dir, 'frames.jsonl'), 'utf8')).toBe('mine');
  });

  it('refuse to go on with another rule', async () => {
    await expect(pseudoLabel(video, model, out('sure'), { threshold: 0.7, flip: true, resume: true })).rejects.toThrow(
      /expected the same threshold as in the run to resume, 0\.6, found 0\.7/,
    );
  });
});

describe('pseudo labels of pictures', () => {
  it.each([
    ['a threshold', { threshold: 0.6 }],
    ['a quantile', { quantile: 0.35, save: ['color'] }],
  ] satisfies [string, PseudoLabelOptions][])('are the same of shards as of one run: %s', async (what, options) => {
    const [whole, sharded] = [out(`one run by ${what}`), out(`shards by ${what}`)];
    await pseudoLabel(pictures, model, whole, options);
    const reports = [2, 0, 1, 3].map((index) => join(sharded, `pseudo-label-${index}-of-4.json`));
    for (const index of [0, 1, 2, 3])
      await pseudoLabel(pictures, model, sharded, { ...options, shard: { index, count: 4 } });
    expect(existsSync(join(sharded, 'list.txt'))).toBe(false);
    const merged = await mergePseudoLabels(reports);
    expect(merged).toMatchObject({ complete: true, decided: true, frames: 5, shard: { index: 0, count: 1 } });
    const expected = filesOf(whole);
    const found = filesOf(sharded);
    expect(Object.keys(found).filter((name) => !(name in expected)).length).toBe(8);
    for (const [name, content] of Object.entries(expected)) expect([name, found[name]]).toEqual([name, content]);
  });

  it('cannot be merged a second time when what waited is gone', async () => {
    const reports = [0, 1, 2, 3].map((index) => join(out('shards by a quantile'), `pseudo-label-${index}-of-4.json`));
    await expect(mergePseudoLabels(reports)).rejects.toThrow(/pending.*expected a frame that waits for its thresholds/);
  });

  it('are listed by their own paths, each with the next of its clip', () => {
    const lines = readFileSync(join(out('one run by a threshold'), 'list.txt'), 'utf8')
      .trimEnd()
      .split('\n');
    const image = (k: number) => `../pictures/${stems[k]}.png`;
    const label = (k: number) => `labels/${stems[k]}.png`;
    expect(lines.map((line) => line.split('\t'))).toEqual([
      [image(0), label(0), image(1)],
      [image(1), label(1)],
      [image(2), label(2)],
      [image(3), label(3), image(4)],
      [image(4), label(4)],
    ]);
    expect(names(join(out('one run by a threshold'), 'frames'))).toEqual([]);
  });

  it('name shards that do not fit together', async () => {
    const report = (index: number) => join(out('shards by a threshold'), `pseudo-label-${index}-of-4.json`);
    await expect(mergePseudoLabels([report(0), report(2)])).rejects.toThrow(/all 4 shards, found none of 1\/4, 3\/4/);
    await expect(mergePseudoLabels([report(0), report(0)])).rejects.toThrow(/each shard once, found shard 0\/4 in/);
    const other = join(out('shards by a quantile'), 'pseudo-label-1-of-4.json');
    await expect(mergePseudoLabels([report(0), other])).rejects.toThrow(
      /expected the same threshold as in .* \(0\.6\)/,
    );
    writeFileSync(out('damaged.json'), '{"kind":"pseudo-label","frames":-1}');
    await expect(mergePseudoLabels([out('damaged.json')])).rejects.toThrow(/damaged\.json: expected the JSON of/);
    const stopped = await interruptedAfter(1, 'stopped', { shard: { index: 0, count: 2 } }, pictures);
    expect(stopped.interrupted).toBe(true);
    await expect(mergePseudoLabels([join(out('stopped'), 'pseudo-label-0-of-2.json')])).rejects.toThrow(/interrupted/);
  });

  it('leave out a picture that cannot be read, and catch up on it', async () => {
    const bad = out('bad');
    mkdirSync(bad);
    for (const name of names(pictures)) writeFileSync(join(bad, name), readFileSync(join(pictures, name)));
    writeFileSync(join(bad, `${stems[1]}.png`), 'no picture');
    const options: PseudoLabelOptions = { quantile: 0.35 };
    await expect(pseudoLabel(bad, model, out('stops'), options)).rejects.toThrow(/000002\.png: expected a picture/);
    const going = await pseudoLabel(bad, model, out('goes'), { ...options, keepGoing: true });
    expect(going).toMatchObject({ complete: false, decided: true, frames: 4, failed: [{ stem: stems[1] }] });
    writeFileSync(join(bad, `${stems[1]}.png`), readFileSync(join(pictures, `${stems[1]}.png`)));
    const caughtUp = await pseudoLabel(bad, model, out('goes'), { ...options, keepGoing: true, resume: true });
    expect(caughtUp).toMatchObject({ complete: true, frames: 5, run: { resumed: 4 } });
    const whole = JSON.parse(readFileSync(join(out('one run by a quantile'), 'pseudo-label.json'), 'utf8'));
    expect(caughtUp.counts).toEqual(whole.counts);
  });

  it.each([
    ['a threshold in per cent', { threshold: 90 }, /threshold from 0 to 1 \(a probability\), found 90/],
    ['a threshold that is no number', { threshold: Number.NaN }, /threshold from 0 to 1/],
    ['a quantile of nothing', { quantile: 0 }, /quantile above 0 and up to 1/],
    ['both rules', { threshold: 0.9, quantile: 0.5 }, /expected a threshold or a quantile, found both/],
  ])('refuse %s', async (_, options, message) => {
    await expect(pseudoLabel(pictures, model, out('unused'), options)).rejects.toThrow(message);
    expect(existsSync(out('unused'))).toBe(false);
  });

  it('refuse a network of other classes, and a name that no list can hold', async () => {
    const other = await loadModel(network, { threads: 1, classes: presetClasses('camvid') });
    await expect(pseudoLabel(pictures, other, out('unused'))).rejects.toThrow(
      /the 11 classes of "camvid", found one of 4/,
    );
    mkdirSync(out('tabs'));
    await writePicture(join(out('tabs'), 'a\tb.png'), randomPixels(8, 8));
    await expect(pseudoLabel(out('tabs'), model, out('unused'))).rejects.toThrow(/a path that a list file can hold/);
    expect(existsSync(out('unused'))).toBe(false);
  });
});
