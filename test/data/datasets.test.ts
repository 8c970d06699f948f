import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FlowReference, FrameReference } from '#src/data/dataset.js';
import { extractVideo, openDataset, picturesDataset } from '#src/data/datasets.js';
import { drawNeighbour, drawNeighbours } from '#src/data/neighbour.js';
import { rangeOf, withoutLabels } from '#src/data/selection.js';
import { presetClasses } from '#src/media/classes.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { createRandom } from '#src/tensor/random.js';
import { writeToyCity } from '#src/toycity/write.js';
import { numbered } from '../media/made.js';
import { describeWithShared, sharedPath } from '../shared.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'steadyseg-datasets-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Files that only their names matter of. */
async function touch(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), 'x');
  }
}

const nameOf = (reference: FrameReference | undefined) =>
  reference?.kind === 'file' ? basename(reference.path) : undefined;
const pathsOf = (reference: FlowReference | undefined) =>
  reference?.kind === 'files' ? reference.paths.map((path) => path.slice(root.length + 1)) : undefined;

describe('neighbours', () => {
  it('are ±1..gap, all alike, within a clip', () => {
    const random = createRandom(1);
    const counts = new Map<number, number>();
    for (let i = 0; i < 6000; i++) {
      const offset = drawNeighbour(random, 3, () => true) ?? 0;
      counts.set(offset, (counts.get(offset) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 1, 2, 3]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it('on both sides are equally far, 1..gap, the one before first', () => {
    const random = createRandom(3);
    const counts = new Map<number, number>();
    for (let i = 0; i < 3000; i++) {
      const [before, after] = drawNeighbours(random, 3, () => true) ?? [0, 0];
      expect(before).toBe(-after);
      counts.set(after, (counts.get(after) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it('are mirrored at the ends of a clip, else nearer, else none', () => {
    const random = createRandom(2);
    for (let i = 0; i < 200; i++) {
      expect(drawNeighbour(random, 3, (offset) => offset > 0)).toBeGreaterThan(0);
      expect(drawNeighbour(random, 3, (offset) => offset === -1)).toBe(-1);
      expect(drawNeighbour(random, 3, () => false)).toBeUndefined();
      const [before, after] = drawNeighbours(random, 3, () => true) ?? [0, 0];
      expect(before).toBe(-after);
      const [first, second] = drawNeighbours(random, 3, (offset) => offset > 0) ?? [0, 0];
      expect(first).toBe(second);
      expect(drawNeighbours(random, 3, () => false)).toBeUndefined();
    }
  });
});

describe('layouts', () => {
  it('Cityscapes: labels with the frames around them, and frames without a sequence alone', async () => {
    await touch(
      ...[17, 18, 19, 20, 22].map((n) => `cs/leftImg8bit_sequence/train/ulm/ulm_000003_0000${n}_leftImg8bit.png`),
      'cs/leftImg8bit/train/ulm/ulm_000003_000019_leftImg8bit.png',
      'cs/leftImg8bit/train/bonn/bonn_000001_000019_leftImg8bit.png',
      'cs/gtFine/train/ulm/ulm_000003_000019_gtFine_labelIds.png',
      'cs/gtFine/train/ulm/ulm_000003_000019_gtFine_color.png',
      'cs/gtFine/train/bonn/bonn_000001_000019_gtFine_labelIds.png',
    );
    const flow = join(root, 'cs-flow');
    const dataset = await openDataset('cityscapes', { root: join(root, 'cs'), flow });
    expect(dataset.count).toBe(2);
    expect(dataset.classes.classes).toHaveLength(19);
    const [bonn, ulm] = [dataset.sample(0), dataset.sample(1)];
    expect(nameOf(bonn.frame)).toBe('bonn_000001_000019_leftImg8bit.png');
    expect(bonn.neighbour(1)).toBeUndefined();
    expect(ulm.frame).toMatchObject({ path: expect.stringContaining('leftImg8bit_sequence') });
    expect(ulm.label).toMatchObject({
      kind: 'file',
      ids: 'auto',
      path: expect.stringMatching(/_gtFine_labelIds.png$/),
    });
    expect([-3, -2, -1, 1, 2, 3].map((k) => nameOf(ulm.neighbour(k))?.slice(11, 17))).toEqual([
      undefined,
      '000017',
      '000018',
      '000020',
      undefined,
      undefined,
    ]);
    expect(pathsOf(ulm.flow(1))).toEqual(['cs-flow/ulm/ulm_000003_000019_leftImg8bit.flo']);
    expect(pathsOf(ulm.flow(-2))).toEqual([
      'cs-flow/ulm/backward/ulm_000003_000018_leftImg8bit.flo',
      'cs-flow/ulm/backward/ulm_000003_000017_leftImg8bit.flo',
    ]);
    expect(ulm.flow(2)).toBeUndefined();
  });

  it('VSPW: the listed videos, each file with those beside it', async () => {
    const files = ['a', 'b'].flatMap((video) =>
      ['00000001', '00000007'].flatMap((n) => [
        `vspw/data/${video}/origin/${n}.jpg`,
        `vspw/data/${video}/mask/${n}.png`,
      ]),
    );
    await touch(...files);
    await writeFile(join(root, 'vspw/train.txt'), 'b\na\n');
    const classes = presetClasses('camvid');
    const dataset = await openDataset('vspw', { root: join(root, 'vspw'), classes });
    expect(dataset.count).toBe(4);
    const first = dataset.sample(0);
    expect(first.frame).toMatchObject({ path: expect.stringContaining('data/b/origin/00000001.jpg') });
    expect(first.label).toMatchObject({ ids: 'vspw', path: expect.stringContaining('data/b/mask/00000001.png') });
    expect(first.neighbour(1)).toMatchObject({ path: expect.stringContaining('data/b/origin/00000007.jpg') });
    expect(dataset.sample(1).neighbour(1)).toBeUndefined();
    await expect(openDataset('vspw', { root: join(root, 'vspw') })).rejects.toThrow(/expected the classes of VSPW/);
  });

  it('lists: image, label and the next frame', async () => {
    await touch('list/a.png', 'list/a_label.png', 'list/b c.png');
    await writeFile(join(root, 'list/all.txt'), 'a.png\ta_label.png\tb c.png\n\na.png -\n');
    const classes = presetClasses('camvid');
    const dataset = await openDataset('list', { root: join(root, 'list/all.txt'), classes });
    expect(dataset.count).toBe(2);
    expect(nameOf(dataset.sample(0).neighbour(1))).toBe('b c.png');
    expect(dataset.sample(0).neighbour(-1)).toBeUndefined();
    expect(dataset.sample(1).label).toBeUndefined();
    await writeFile(join(root, 'list/linked.txt'), 'a.png\t-\tb c.png\nb c.png\t-\ta.png\n');
    const linked = await openDataset('list', { root: join(root, 'list/linked.txt'), classes });
    expect([-1, 1, 2].map((offset) => nameOf(linked.sample(1).neighbour(offset)))).toEqual([
      'a.png',
      'a.png',
      undefined,
    ]);
    await writeFile(join(root, 'list/bad.txt'), 'a.png a_label.png\na.png nowhere.png\n');
    await expect(openDataset('list', { root: join(root, 'list/bad.txt'), classes })).rejects.toThrow(
      /bad.txt, line 2: expected a file, found "nowhere.png"/,
    );
  });

  it('lists of pictures alone: lines are neighbours while the numbers of their names go on', async () => {
    const files = ['v_001.png', 'v_003.png', 'v_005.png', 'v_034.png', 'w_035.png', 'w 036.png'];
    await touch(...files.map((name) => `alone/${name}`), 'alone/label.png');
    const lines = [files[0], `${files[1]} label.png`, `${files[2]} -`, ...files.slice(3)];
    await writeFile(join(root, 'alone/all.txt'), lines.join('\n'));
    const dataset = await openDataset('list', { root: join(root, 'alone/all.txt'), classes: presetClasses('camvid') });
    expect(dataset.count).toBe(6);
    const around = (index: number) => [-1, 1].map((offset) => nameOf(dataset.sample(index).neighbour(offset)));
    expect(around(0)).toEqual([undefined, 'v_003.png']);
    expect(around(1)).toEqual(['v_001.png', 'v_005.png']);
    expect(around(2)).toEqual(['v_003.png', undefined]);
    expect(nameOf(dataset.sample(0).neighbour(2))).toBe('v_005.png');
    expect([3, 4, 5].flatMap(around)).toEqual(Array(6).fill(undefined));
    expect(nameOf(dataset.sample(5).frame)).toBe('w 036.png');
    expect([0, 1, 2].map((index) => dataset.sample(index).label !== undefined)).toEqual([false, true, false]);
  });

  it('CamVid: frames two numbers apart follow one another, others do not', async () => {
    const frames = ['07959', '07961', '07963', '07966'].map((n) => `film/val/0016E5_${n}.png`);
    const apart = ['00390', '00393', '00396'].map((n) => `film/val/0006R0_f${n}.png`);
    await touch(...[...frames, ...apart].flatMap((path) => [path, path.replace('val', 'valannot')]));
    const film = await openDataset('camvid', { root: join(root, 'film'), split: 'val' });
    const next = Array.from({ length: film.count }, (_, k) => nameOf(film.sample(k).neighbour(1))?.slice(-9));
    expect(next).toEqual([...Array(3).fill(undefined), '07961.png', '07963.png', undefined, undefined]);
  });

  it('a range of samples, to which the others are no neighbours', async () => {
    const frames = ['v_1', 'v_2', 'v_3', 'v_4', 'v_5'].map((stem) => `range/val/${stem}.png`);
    await touch(...frames, ...frames.map((path) => path.replace('val', 'valannot')));
    const whole = await openDataset('camvid', { root: join(root, 'range'), split: 'val' });
    const part = withoutLabels(rangeOf(whole, 1, 4));
    expect(part.count).toBe(3);
    expect(nameOf(part.sample(0).frame)).toBe('v_2.png');
    expect(part.sample(0).label).toBeUndefined();
    expect(part.sample(0).neighbour(-1)).toBeUndefined();
    expect(nameOf(part.sample(0).neighbour(2))).toBe('v_4.png');
    expect(part.sample(2).neighbour(1)).toBeUndefined();
    expect(() => rangeOf(whole, 3, 6)).toThrow('expected a range of samples within 0 to 5, found 3 to 6');
  });

  it('pictures without labels, with neighbours within their clip', async () => {
    await touch('pictures/f1.png', 'pictures/f2.png', 'pictures/f10.png');
    const dataset = await picturesDataset(join(root, 'pictures'), presetClasses('camvid'), join(root, 'flow'));
    expect([0, 1, 2].map((k) => nameOf(dataset.sample(k).frame))).toEqual(['f1.png', 'f2.png', 'f10.png']);
    expect(nameOf(dataset.sample(1).neighbour(1))).toBe('f10.png');
    expect(dataset.sample(2).neighbour(1)).toBeUndefined();
    expect(pathsOf(dataset.sample(2).flow(-1))).toEqual(['flow/backward/f2.flo']);
  });

  it('tells what is missing or misspelt', async () => {
    await expect(openDataset('cityscape', { root })).rejects.toThrow(/did you mean cityscapes/);
    await expect(openDataset('cityscapes', { root: join(root, 'nowhere') })).rejects.toThrow(/found neither/);
    await touch('odd/train/x_1.png', 'odd/trainannot/x_1.png', 'odd/trainannot/x_2.png');
    await expect(openDataset('camvid', { root: join(root, 'odd') })).rejects.toThrow(/frame for every .* x_2|x_2/);
  });

  it('the toy city with its flow and occlusion', async () => {
    const out = join(root, 'toy');
    await writeToyCity({ out, clips: 2, valClips: 1, frames: 3, height: 32, width: 64, seed: 1, threads: 1 });
    const dataset = await openDataset('toycity', { root: out, split: 'val' });
    expect(dataset.count).toBe(3);
    const middle = dataset.sample(1);
    expect(middle.flow(1)).toMatchObject({
      paths: [expect.stringMatching(/flow\/val\/toyville\/toyville_000000_000001_leftImg8bit\.flo$/)],
      hidden: [expect.stringMatching(/occlusion\/val\/toyville\/toyville_000000_000001_leftImg8bit\.png$/)],
    });
    expect(dataset.sample(2).neighbour(1)).toBeUndefined();
  });
});

describeWithShared('CamVid', ['data/camvid'], () => {
  it('has neighbours at 15 Hz and none at 1 Hz', async () => {
    const train = await openDataset('camvid', { root: sharedPath('data/camvid') });
    expect(train.count).toBe(367);
    expect(train.sample(100).neighbour(1)).toBeUndefined();
    const val = await openDataset('camvid', { root: sharedPath('data/camvid'), split: 'val' });
    expect(val.count).toBe(101);
    expect(nameOf(val.sample(0).neighbour(1))).toBe('0016E5_07961.png');
    expect(nameOf(val.sample(50).neighbour(-3))).toBe(nameOf(val.sample(47).frame));
    expect(val.sample(100).neighbour(1)).toBeUndefined();
  });
});

describe('a video', () => {
  it('is extracted once, and then a folder of pictures', async () => {
    const path = join(root, 'film.mp4');
    const writer = await createVideoWriter(path, {
      width: 96,
      height: 64,
      frameRate: { numerator: 25, denominator: 1 },
    });
    for (let index = 0; index < 3; index++) await writer.write(numbered(96, 64, index));
    await writer.close();
    const classes = presetClasses('cityscapes');
    await expect(picturesDataset(path, classes)).rejects.toThrow(/film\.mp4: expected pictures, found a video/);

    const folder = join(root, 'film');
    const done: number[] = [];
    await extractVideo(path, folder, (progress) => done.push(progress.done));
    await extractVideo(path, folder, (progress) => done.push(progress.done));
    expect(done).toEqual([1, 2, 3]);
    const dataset = await picturesDataset(folder, classes);
    expect([0, 1, 2].map((k) => nameOf(dataset.sample(k).frame))).toEqual(['000000.png', '000001.png', '000002.png']);
    expect(nameOf(dataset.sample(0).neighbour(2))).toBe('000002.png');
    await expect(extractVideo(join(root, 'other.mp4'), folder)).rejects.toThrow(/expected the frames of .*other\.mp4/);
  });
});
