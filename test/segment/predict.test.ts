import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockFolder } from '#src/base/lock.js';
import { classFolders } from '#src/media/classFiles.js';
import { openFrames } from '#src/media/frames.js';
import { readLabelMap } from '#src/media/labels.js';
import { readPicture, writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { loadModel } from '#src/segment/loadModel.js';
import type { SegmentationModel } from '#src/segment/model.js';
import { type PredictOptions, predict } from '#src/segment/predict.js';
import { segmentVideo } from '#src/segment/video.js';
import { mountSmallDisk, unmountDisk } from '../smallDisk.js';
import { randomPixels } from './pixels.js';
import { tinyNetwork } from './tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-predict-'));
const video = join(folder, 'drive.mp4');
const pictures = join(folder, 'pictures');
const network = join(folder, 'network.onnx');
const frameCount = 12;
let model: SegmentationModel;
let onTwoThreads: SegmentationModel;

beforeAll(async () => {
  writeFileSync(network, tinyNetwork({ classes: 4, free: true }));
  model = await loadModel(network, { threads: 1 });
  onTwoThreads = await loadModel(network, { threads: 2 });
  const writer = await createVideoWriter(video, {
    width: 44,
    height: 30,
    frameRate: { numerator: 10, denominator: 1 },
  });
  mkdirSync(pictures);
  for (let i = 0; i < frameCount; i++) {
    const image = randomPixels(30, 44, i + 1);
    await writer.write(image);
    if (i < 5) await writePicture(join(pictures, `p${i}.png`), image);
  }
  await writer.close();
});
afterAll(async () => {
  await model.release();
  rmSync(folder, { recursive: true });
});

const out = (name: string) => join(folder, name);
const names = (path: string) => (existsSync(path) ? readdirSync(path).sort() : []);
const contentsOf = (path: string) => names(path).map((name) => [name, readFileSync(join(path, name), 'base64')]);
/** The label maps and colours of a result, without its record. */
const copyLabels = async (from: string, to: string) => {
  for (const kind of ['labels', 'color']) cpSync(join(from, kind), join(to, kind), { recursive: true });
};
const framesIn = async (path: string) => {
  const images = [];
  for await (const { image } of (await openFrames(path)).frames()) images.push(image);
  return images;
};

describe('predicting a video', () => {
  it('writes label maps, colour maps, an overlay of the same length and size, and a record', async () => {
    const progress: (number | undefined)[][] = [];
    const summary = await predict(video, onTwoThreads, out('all'), {
      save: ['labels', 'color', 'overlay', 'confidence'],
      onProgress: ({ done, total }) => progress.push([done, total]),
    });
    const files = Array.from({ length: frameCount }, (_, i) => `${String(i).padStart(6, '0')}.png`);
    for (const kind of ['labels', 'color', 'confidence']) expect(names(join(out('all'), kind))).toEqual(files);
    expect(names(out('all'))).toEqual(['color', 'confidence', 'labels', 'overlay.mp4', 'predict.json']);
    expect(summary).toMatchObject({
      frames: 12,
      complete: true,
      interrupted: false,
      width: 44,
      height: 30,
      frameRate: 10,
    });
    expect(JSON.parse(readFileSync(join(out('all'), 'predict.json'), 'utf8'))).toEqual(summary);
    expect(progress).toEqual(files.map((_, i) => [i + 1, frameCount]));

    const overlay = await openFrames(join(out('all'), 'overlay.mp4'));
    expect([overlay.width, overlay.height, overlay.frameRate]).toEqual([44, 30, { numerator: 10, denominator: 1 }]);
    expect((await framesIn(join(out('all'), 'overlay.mp4'))).length).toBe(frameCount);
    const [first] = await framesIn(video);
    const { labels } = await model.segment(first);
    expect(await readLabelMap(join(out('all'), 'labels', '000000.png'))).toEqual(labels);
    const color = await readPicture(join(out('all'), 'color', '000000.png'));
    for (const [i, label] of labels.data.entries()) {
      expect([...color.data.slice(3 * i, 3 * i + 3)]).toEqual(model.classes.palette[label]);
    }
  });

  it('gives the same frames as an async iterator, in order', async () => {
    let index = 0;
    for await (const frame of segmentVideo(video, onTwoThreads, { limit: 5 })) {
      expect(frame.index).toBe(index);
      expect(frame.stem).toBe(`00000${index}`);
      expect(frame.labels).toEqual((await model.segment(frame.image)).labels);
      index++;
    }
    expect(index).toBe(5);
  });

  it('resumes: unfinished frames only, and the overlay is still whole', async () => {
    const dir = out('resumed');
    await predict(video, model, dir, { limit: 5 });
    rmSync(join(dir, 'color', '000003.png'));
    const before = readFileSync(join(dir, 'labels', '000002.png'));
    const summary = await predict(video, model, dir, { resume: true });
    expect(summary).toMatchObject({ frames: 12, resumed: 4, complete: true });
    expect(readFileSync(join(dir, 'labels', '000002.png'))).toEqual(before);
    expect(names(join(dir, 'color')).length).toBe(12);
    const resumed = await framesIn(join(dir, 'overlay.mp4'));
    const whole = await framesIn(join(out('all'), 'overlay.mp4'));
    expect(resumed.length).toBe(12);
    for (const [i, image] of whole.entries()) expect(resumed[i]).toEqual(image);
  });

  it('refuses to resume what other settings made', async () => {
    await expect(predict(video, model, out('resumed'), { resume: true, flip: true })).rejects.toThrow(
      /expected the same flip as in the run to resume, false, found true/,
    );
  });

  it('refuses to resume what another network of the same path and size made', async () => {
    const path = out('trained.onnx');
    const write = (note: string) =>
      writeFileSync(path, tinyNetwork({ free: true, metadata: new Map([['note', note]]) }));
    write('first');
    const first = await loadModel(path, { threads: 1 });
    await predict(video, first, out('trained'), { limit: 1 });
    await first.release();
    write('again');
    const again = await loadModel(path, { threads: 1 });
    await expect(predict(video, again, out('trained'), { resume: true })).rejects.toThrow(
      /expected the same modelSha256 as in the run to resume/,
    );
    await again.release();
  });

  it.each([
    ['other settings', async (dir: string) => void (await predict(video, model, dir))],
    ['nobody knows which settings', (dir: string) => copyLabels(out('all'), dir)],
  ])('takes over nothing of %s when it is cut short and resumed', async (what, begin) => {
    const dir = out(`over ${what}`);
    await begin(dir);
    const stop = new AbortController();
    const isOurs = what === 'other settings';
    const options = { flip: true, limit: 8, resume: !isOurs, overwrite: !isOurs };
    const onProgress = ({ done }: { done: number }) => done === 2 && stop.abort();
    const cut = await predict(video, model, dir, { ...options, signal: stop.signal, onProgress });
    expect(cut).toMatchObject({ interrupted: true, resumed: 0 });
    const summary = await predict(video, model, dir, { flip: true, resume: true, overwrite: !isOurs });
    expect(summary).toMatchObject({ frames: 12, resumed: cut.frames, complete: true });
    await predict(video, model, out(`anew ${what}`), { flip: true });
    for (const kind of ['labels', 'color']) {
      expect(contentsOf(join(dir, kind))).toEqual(contentsOf(join(out(`anew ${what}`), kind)));
    }
  });

  it('refuses a folder that another run writes into', async () => {
    const dir = out('twice');
    const path = join(dir, '.predict.lock');
    const lock = await lockFolder(path, 'predicting into this folder');
    await expect(predict(video, model, dir)).rejects.toThrow(
      /\.predict\.lock: process \d+ is predicting into this folder/,
    );
    expect(names(dir)).toEqual(['.predict.lock']);
    await lock.release();
    const locked = new Set<boolean>();
    await predict(video, model, dir, { onProgress: () => locked.add(existsSync(path)) });
    expect([...locked]).toEqual([true]);
    expect(names(dir)).toEqual(['color', 'labels', 'overlay.mp4', 'predict.json']);
  });

  it('keeps what is done when it is interrupted', async () => {
    const interruption = new AbortController();
    const summary = await predict(video, onTwoThreads, out('interrupted'), {
      signal: interruption.signal,
      onProgress: ({ done }) => {
        if (done === 3) interruption.abort();
      },
    });
    expect(summary).toMatchObject({ complete: false, interrupted: true });
    expect(summary.frames).toBeGreaterThanOrEqual(3);
    expect(summary.frames).toBeLessThan(frameCount);
    expect(names(join(out('interrupted'), 'labels')).length).toBe(summary.frames);
    expect((await framesIn(join(out('interrupted'), 'overlay.mp4'))).length).toBe(summary.frames);
  });

  it('is one clip: another shard of it is empty, and valid', async () => {
    const summary = await predict(video, model, out('shard'), { shard: { index: 1, count: 2 } });
    expect(summary).toMatchObject({ frames: 0, complete: true });
    expect(names(out('shard'))).toEqual(['color', 'labels', 'predict-1-of-2.json']);
  });

  it('leaves nothing but whole files when the video is cut off', async () => {
    const cut = join(folder, 'cut.mp4');
    writeFileSync(cut, readFileSync(video).subarray(0, 2000));
    await expect(predict(cut, model, out('cut'))).rejects.toThrow(/cut\.mp4.*expected/);
    expect(existsSync(out('cut'))).toBe(false);
  });
});

describe('predicting pictures', () => {
  it('writes label maps, colour maps and overlays, or what is asked for', async () => {
    const summary = await predict(pictures, model, out('of-pictures'));
    expect(summary).toMatchObject({ frames: 5, width: null, save: ['labels', 'color', 'overlay'] });
    expect(names(out('of-pictures'))).toEqual(['color', 'labels', 'overlay', 'predict.json']);
    expect(names(join(out('of-pictures'), 'overlay'))).toEqual([0, 1, 2, 3, 4].map((i) => `p${i}.jpg`));
    expect(names(join(out('of-pictures'), 'labels'))).toEqual([0, 1, 2, 3, 4].map((i) => `p${i}.png`));
    await predict(join(pictures, 'p3.png'), model, out('of-picture'), { save: ['labels'] });
    expect(names(out('of-picture'))).toEqual(['labels', 'predict.json']);
  });

  it('makes a video of the overlays at a rate, again when it is resumed', async () => {
    const rate = { numerator: 5, denominator: 1 };
    const summary = await predict(pictures, model, out('rated'), { rate });
    expect(summary).toMatchObject({ frames: 5, rate: 5, frameRate: 5 });
    expect(names(out('rated'))).toEqual(['color', 'labels', 'overlay.mp4', 'predict.json']);
    const { frameRate, count } = await openFrames(join(out('rated'), 'overlay.mp4'));
    expect([frameRate, count]).toEqual([rate, 5]);
    const before = readFileSync(join(out('rated'), 'overlay.mp4'));
    expect(await predict(pictures, model, out('rated'), { rate, resume: true })).toMatchObject({ resumed: 5 });
    expect(readFileSync(join(out('rated'), 'overlay.mp4'))).toEqual(before);
    await expect(predict(video, model, out('no'), { rate })).rejects.toThrow('a video, which has its own');
    const shard = { index: 0, count: 2 };
    await expect(predict(pictures, model, out('no'), { rate, shard })).rejects.toThrow('a shard');
    await expect(predict(pictures, model, out('no'), { rate, save: ['labels'] })).rejects.toThrow('overlay among');
    expect(existsSync(out('no'))).toBe(false);
  });

  it('writes a mask and a cut-out for each class, which agree with the labels', async () => {
    const picture = join(pictures, 'p3.png');
    const [first, second] = model.classes.classes;
    const save = ['labels', 'color', 'masks', 'cutout'] as const;
    await predict(picture, model, out('classes'), { save, classesOnly: [second, first] });
    const folders = classFolders(model.classes);
    expect(names(join(out('classes'), 'masks'))).toEqual([folders[0], folders[1]].sort());
    const labels = await readLabelMap(join(out('classes'), 'labels', 'p3.png'));
    const image = await readPicture(picture);
    const color = await readPicture(join(out('classes'), 'color', 'p3.png'));
    for (const id of [0, 1]) {
      const mask = await readLabelMap(join(out('classes'), 'masks', folders[id], 'p3.png'));
      expect([...mask.data]).toEqual([...labels.data].map((label) => (label === id ? 255 : 0)));
      const cutout = sharp(join(out('classes'), 'cutout', folders[id], 'p3.png'));
      const { data, info } = await cutout.raw().toBuffer({ resolveWithObject: true });
      expect([info.channels, info.width, info.height]).toEqual([4, image.width, image.height]);
      for (let pixel = 0; pixel < labels.data.length; pixel++) {
        const rgb = labels.data[pixel] === id ? [...image.data.subarray(3 * pixel, 3 * pixel + 3), 255] : [0, 0, 0, 0];
        expect([...data.subarray(4 * pixel, 4 * pixel + 4)]).toEqual(rgb);
      }
    }
    for (let pixel = 0; pixel < labels.data.length; pixel++) {
      const rgb = labels.data[pixel] < 2 ? model.classes.palette[labels.data[pixel]] : [0, 0, 0];
      expect([...color.data.subarray(3 * pixel, 3 * pixel + 3)]).toEqual([...rgb]);
    }
    const resumed = await predict(picture, model, out('classes'), { save, classesOnly: [second, first], resume: true });
    expect(resumed).toMatchObject({ resumed: 1 });
    await expect(predict(picture, model, out('none'), { classesOnly: ['rode'] })).rejects.toThrow(/found "rode"/);
    expect(existsSync(out('none'))).toBe(false);
  });

  it('names a corrupt picture and stops, or leaves it out and goes on', async () => {
    const bad = join(folder, 'bad');
    mkdirSync(bad);
    for (const name of names(pictures)) writeFileSync(join(bad, name), readFileSync(join(pictures, name)));
    writeFileSync(join(bad, 'p2.png'), readFileSync(join(bad, 'p2.png')).subarray(0, 500));
    await expect(predict(bad, model, out('stopped'))).rejects.toThrow(/p2\.png: expected a picture/);
    const failures: string[] = [];
    const onFailure = ({ stem }: { stem: string }) => failures.push(stem);
    const summary = await predict(bad, model, out('going'), { keepGoing: true, onFailure });
    expect(failures).toEqual(['p2']);
    expect(summary).toMatchObject({ frames: 4, complete: false, failed: [{ stem: 'p2' }] });
    expect(names(join(out('going'), 'labels'))).toEqual(['p0.png', 'p1.png', 'p3.png', 'p4.png']);
  });

  it('resumes without decoding what is done', async () => {
    const summary = await predict(pictures, model, out('of-pictures'), { resume: true });
    expect(summary).toMatchObject({ frames: 5, resumed: 5, complete: true });
    expect(summary.stages.inference).toBe(0);
  });

  it('predicts the clips of a shard, and shards of the same folder add up', async () => {
    const clips = join(folder, 'clips');
    mkdirSync(clips);
    const stems = ['a_000000_000001', 'a_000000_000002', 'a_000000_000009', 'b_000001_000001'];
    for (const stem of stems) await writePicture(join(clips, `${stem}_leftImg8bit.png`), randomPixels(12, 16));
    const one = await predict(clips, model, out('of-clips'), { shard: { index: 0, count: 2 } });
    expect(one.frames).toBe(3);
    const labels = join(out('of-clips'), 'labels');
    expect(names(labels)).toEqual([0, 1, 3].map((i) => `${stems[i]}_leftImg8bit.png`));
    await predict(clips, model, out('of-clips'), { shard: { index: 1, count: 2 } });
    expect(names(labels).length).toBe(4);
    expect(names(out('of-clips')).filter((name) => name.endsWith('.json'))).toEqual([
      'predict-0-of-2.json',
      'predict-1-of-2.json',
    ]);
  });

  it('takes over nothing that a shard of other settings has replaced', async () => {
    await predict(pictures, model, out('replaced'));
    await predict(pictures, model, out('replaced'), { flip: true, shard: { index: 0, count: 2 } });
    expect(await predict(pictures, model, out('replaced'), { resume: true })).toMatchObject({ frames: 5, resumed: 0 });
    expect(names(out('replaced'))).toEqual(['color', 'labels', 'overlay', 'predict.json']);
  });

  it('leaves files of other frames alone', async () => {
    await predict(join(pictures, 'p3.png'), model, out('others'));
    await predict(join(pictures, 'p4.png'), model, out('others'));
    expect(names(join(out('others'), 'labels'))).toEqual(['p3.png', 'p4.png']);
  });

  it('refuses pictures that its results would replace', async () => {
    const color = join(folder, 'depth', 'color');
    mkdirSync(color, { recursive: true });
    await writePicture(join(color, 'a.png'), randomPixels(8, 8));
    await expect(predict(color, model, join(folder, 'depth'))).rejects.toThrow(
      /color\/a\.png: expected an input apart from the results/,
    );
    expect(names(join(folder, 'depth'))).toEqual(['color']);
    // Links to pictures that lie where the results go.
    const linked = join(folder, 'linked');
    mkdirSync(linked);
    symlinkSync(join(color, 'a.png'), join(linked, 'b.png'));
    await expect(predict(linked, model, join(folder, 'depth'))).rejects.toThrow(
      /linked\/b\.png: expected an input apart from the results/,
    );
    const same = join(folder, 'same');
    mkdirSync(same);
    copyFileSync(video, join(same, 'overlay.mp4'));
    await expect(predict(join(same, 'overlay.mp4'), model, same)).rejects.toThrow(
      /expected a video apart from the results, found .*overlay\.mp4/,
    );
    expect(readFileSync(join(same, 'overlay.mp4')).equals(readFileSync(video))).toBe(true);
  });

  it('replaces and removes nothing of the user, unless told to', async () => {
    const dir = out('of others');
    mkdirSync(join(dir, 'labels'), { recursive: true });
    for (const name of ['p3.png', 'p4.png', '000099.png']) writeFileSync(join(dir, 'labels', name), 'mine');
    const options = { save: ['labels'] } satisfies PredictOptions;
    const refused = /labels\/p3\.png: expected no file or one that an earlier run wrote, found another, which would be/;
    await expect(predict(join(pictures, 'p3.png'), model, dir, options)).rejects.toThrow(refused);
    await expect(predict(pictures, model, dir, { ...options, resume: true })).rejects.toThrow(refused);
    expect(names(dir)).toEqual(['labels']);
    await predict(join(pictures, 'p3.png'), model, dir, { ...options, overwrite: true });
    await predict(pictures, model, dir, { ...options, limit: 0 });
    expect(names(join(dir, 'labels'))).toEqual(['000099.png', 'p3.png', 'p4.png']);
    expect(readFileSync(join(dir, 'labels', 'p4.png'), 'utf8')).toBe('mine');
  });

  it('keeps labels that were corrected by hand, and follows no link', async () => {
    const dir = out('corrected');
    const options = { save: ['labels'] } satisfies PredictOptions;
    await predict(pictures, model, dir, options);
    const label = join(dir, 'labels', 'p2.png');
    writeFileSync(label, 'corrected');
    await expect(predict(pictures, model, dir, options)).rejects.toThrow(
      /labels\/p2\.png: expected no file or one that/,
    );
    expect(readFileSync(label, 'utf8')).toBe('corrected');
    rmSync(label);
    symlinkSync(join(pictures, 'p2.png'), label);
    const before = readFileSync(join(pictures, 'p2.png'));
    await expect(predict(pictures, model, dir, options)).rejects.toThrow(
      /labels\/p2\.png: expected no file or one that/,
    );
    expect(readFileSync(join(pictures, 'p2.png')).equals(before)).toBe(true);
    rmSync(label);
    writeFileSync(join(dir, 'predict.json'), '{"mine": true}');
    await expect(predict(pictures, model, dir, options)).rejects.toThrow(/predict\.json: expected no file or one that/);
  });

  it('resumes by content: not by name, size or time', async () => {
    const [dir, input] = [out('by content'), out('by content, pictures')];
    cpSync(pictures, input, { recursive: true });
    const options = { save: ['labels'], resume: true } satisfies PredictOptions;
    await predict(input, model, dir, options);
    // A picture is replaced by one of the same size and time, and all results are copied, so that they are new.
    const bySize = ['p1.png', 'p2.png'].sort((a, b) => statSync(join(input, b)).size - statSync(join(input, a)).size);
    const [replaced, other] = bySize.map((name) => join(input, name));
    const { size, atime, mtime } = statSync(replaced);
    const content = readFileSync(other);
    writeFileSync(replaced, Buffer.concat([content, Buffer.alloc(size - content.length)]));
    utimesSync(replaced, atime, mtime);
    const copy = out('by content, copied');
    cpSync(dir, copy, { recursive: true });
    expect(await predict(input, model, copy, options)).toMatchObject({ frames: 5, resumed: 4, complete: true });
    expect(readFileSync(join(copy, 'labels', bySize[0]))).toEqual(readFileSync(join(dir, 'labels', bySize[1])));
    // Other colours are another run, whatever the labels are.
    const green = {
      ...model,
      classes: { ...model.classes, palette: model.classes.palette.map(() => [0, 99, 0] as const) },
    };
    await expect(predict(input, green, copy, options)).rejects.toThrow(
      /expected the same palette as in the run to resume/,
    );
  });
});

describe('where nothing can be written', () => {
  it('says so and leaves nothing: a file in the way', async () => {
    writeFileSync(out('file'), '');
    await expect(predict(pictures, model, join(out('file'), 'sub'))).rejects.toThrow(/cannot create the folder .*file/);
  });

  const disk = join(folder, 'disk');
  const mounted = mountSmallDisk(disk, 256 * 1024);
  afterAll(() => {
    if (mounted) unmountDisk(disk);
  });
  it.skipIf(!mounted)('says so and keeps only whole files: a full disk', async () => {
    const large = join(folder, 'large');
    mkdirSync(large);
    for (let i = 0; i < 12; i++) await writePicture(join(large, `${i}.png`), randomPixels(300, 400, i + 1));
    const dir = join(disk, 'out');
    await expect(predict(large, model, dir)).rejects.toThrow(/cannot write .*no space left on the device/);
    const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('g'));
    expect(files.filter((name) => name.includes('.tmp'))).toEqual([]);
    for (const name of files) await readPicture(join(dir, name));
  });
});
