// Frame sources: what counts as input, in which order, under which names, and how faults are told.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AV_PIX_FMT_RGB24 } from 'node-av/constants';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { type FrameSource, openFrames } from '#src/media/frames.js';
import { encodePicture, readPicture, writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { foreignVideo, numbered, picture } from './made.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg frames ü '));
afterAll(() => rmSync(folder, { recursive: true }));
const png = await encodePicture(numbered(4, 2, 3), 'png');

/** Makes files below the test's folder: pictures, or the given text. */
function make(files: Record<string, string | Uint8Array | undefined>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content ?? png);
  }
}

async function stemsOf(source: FrameSource, options?: Parameters<FrameSource['frames']>[0]): Promise<string[]> {
  const stems: string[] = [];
  for await (const { stem, index } of source.frames(options)) {
    expect(source.stems?.[index] ?? stem).toBe(stem);
    stems.push(stem);
  }
  return stems;
}

describe('openFrames', () => {
  it('reads a folder in natural order, pictures only', async () => {
    make({
      'a/frame10.png': undefined,
      'a/frame9.PNG': undefined,
      'a/Frame 1 ü.png': undefined,
      'a/._frame1.png': 'x',
      'a/x.txt': 'x',
    });
    mkdirSync(join(folder, 'a', 'b.png'));
    const source = await openFrames(join(folder, 'a'));
    expect(source.stems).toEqual(['Frame 1 ü', 'frame9', 'frame10']);
    expect([source.kind, source.count]).toEqual(['images', 3]);
    expect(source.clips).toEqual([{ name: join(folder, 'a'), first: 0, count: 3 }]);
    expect(await stemsOf(source)).toEqual(source.stems);
    expect(await stemsOf(source, { from: 1 })).toEqual(['frame9', 'frame10']);
    expect(await stemsOf(source, { wanted: (_, stem) => stem !== 'frame9' })).toEqual(['Frame 1 ü', 'frame10']);
  });

  it('says that a video among pictures is not read, and how one alone is', async () => {
    const place = join(folder, 'both');
    make({ 'both/1.png': undefined, 'both/2.MP4': 'x' });
    const notes: string[] = [];
    const { count } = await openFrames(place, { onNote: (note) => notes.push(note) });
    expect([count, notes]).toEqual([
      1,
      [`${place}: its pictures are read, not the video 2.MP4: videos are inputs of their own`],
    ]);
    rmSync(join(place, '1.png'));
    await expect(openFrames(place)).rejects.toThrow(
      `found 1 other entry; a video is given by itself: "${join(place, '2.MP4')}"`,
    );
  });

  it('reads one picture, a glob and a list file', async () => {
    make({ 'g/x/1.png': undefined, 'g/y/z/2.jpg': undefined, 'g/.hidden/3.png': undefined, 'g/[1].png': undefined });
    expect((await openFrames(join(folder, 'g/[1].png'))).stems).toEqual(['[1]']);
    expect((await openFrames(join(folder, 'g/**/*.png'))).stems).toEqual(['[1]', '1']);
    expect((await openFrames(join(folder, 'g/*/[0-3].png'))).stems).toEqual(['1']);
    expect((await openFrames(join(folder, 'g/{x,y/z}/?.*'))).stems).toEqual(['1', '2']);
    expect((await openFrames(join(folder, 'g/*/z/[!13].jpg'))).stems).toEqual(['2']);
    symlinkSync(join(folder, 'g'), join(folder, 'g', 'x', 'loop'));
    expect((await openFrames(join(folder, 'g/**/*.png'))).stems).toEqual(['[1]', '1']);
    make({ 'g/list.txt': `x/1.png\ty/label.png 3\r\n\r\n${join(folder, 'g/y/z/2.jpg')}\tother.png\n[1].png\n` });
    expect((await openFrames(join(folder, 'g/list.txt'))).stems).toEqual(['1', '2', '[1]']);
  });

  it('names results after the folders in which pictures of one name differ', async () => {
    make({
      'vspw/data/one/origin/0001.png': undefined,
      'vspw/data/one/origin/0002.png': undefined,
      'vspw/data/two/origin/0001.png': undefined,
      'deep/x/0001.png': undefined,
      'deep/x/y/0001.png': undefined,
    });
    const source = await openFrames(join(folder, 'vspw/data/*/origin/*.png'));
    expect(source.stems).toEqual(['one/0001', 'one/0002', 'two/0001']);
    expect(source.clips.map(({ count }) => count)).toEqual([2, 1]);
    expect((await openFrames(join(folder, 'deep/**/*.png'))).stems?.toSorted()).toEqual(['0001', 'y/0001']);
  });

  it('reads a video, with six-digit stems', async () => {
    const path = join(folder, 'v.mp4');
    const writer = await createVideoWriter(path, {
      width: 32,
      height: 32,
      frameRate: { numerator: 25, denominator: 1 },
    });
    for (let index = 0; index < 3; index++) await writer.write(numbered(32, 32, index));
    await writer.close();
    const source = await openFrames(path);
    expect([source.kind, source.count, source.width, source.height]).toEqual(['video', 3, 32, 32]);
    expect(await stemsOf(source)).toEqual(['000000', '000001', '000002']);
    expect(await stemsOf(source, { wanted: (_, stem) => stem === '000001' })).toEqual(['000001']);
  });

  it('splits pictures into clips by folder, and Cityscapes names by snippet', async () => {
    make({
      'c/aachen/aachen_000000_000001_leftImg8bit.png': undefined,
      'c/aachen/aachen_000000_000002_leftImg8bit.png': undefined,
      'c/aachen/aachen_000000_000004_leftImg8bit.png': undefined,
      'c/aachen/aachen_000001_000005_leftImg8bit.png': undefined,
      'c/bern/bern_000000_000005_leftImg8bit.png': undefined,
      'd/one/1.png': undefined,
      'd/one/2.png': undefined,
      'd/two/3.png': undefined,
    });
    const cityscapes = await openFrames(join(folder, 'c/*/*.png'));
    expect(cityscapes.clips.map(({ first, count }) => [first, count])).toEqual([
      [0, 2],
      [2, 1],
      [3, 1],
      [4, 1],
    ]);
    expect((await openFrames(join(folder, 'd/*/*.png'))).clips).toEqual([
      { name: join(folder, 'd/one'), first: 0, count: 2 },
      { name: join(folder, 'd/two'), first: 2, count: 1 },
    ]);
  });

  it('refuses what it cannot use, in one line that names it', async () => {
    make({
      'e/none/readme.md': 'x',
      'f/1.png': undefined,
      'f/1.jpg': undefined,
      'model.onnx': 'x',
      'frames.yuv': 'x',
      'empty.lst': '\n',
    });
    make({ 'bad.txt': 'f/1.png\nf/2.png\n', 'movies/a/1.png': undefined });
    const refusals: [string, string][] = [
      ['nope.mp4', 'nope.mp4: no such file or directory'],
      ['*/[z-a].png', `expected ranges such as [a-z] in a pattern, found "${join(folder, '*/[z-a].png')}"`],
      ['nope/*.png', 'nope/*.png: expected pictures that match, found none'],
      [
        'e/none',
        'none: expected a folder with pictures (.png .jpg .jpeg .webp .tif .tiff .bmp .avif .heic .heif), found 1 other entry',
      ],
      ['movies', 'pictures in its subfolders: "'],
      ['f', `found ${join(folder, 'f/1.jpg')} and ${join(folder, 'f/1.png')}`],
      ['frames.yuv', 'frames.yuv: expected a video (.mp4 .mov .mkv .webm .avi .ts …), a picture'],
      ['model.onnx', 'model.onnx: expected a video (.mp4 .mov .mkv .webm .avi .ts …), a picture'],
      ['empty.lst', 'empty.lst: expected a path on each line, found none'],
      ['bad.txt', 'bad.txt, line 2: expected the path of a picture, found "f/2.png"'],
    ];
    for (const [name, message] of refusals) {
      const failure = await openFrames(join(folder, name)).then(
        () => '',
        (thrown: Error) => thrown.message,
      );
      expect(failure).toContain(message);
      expect(failure).not.toContain('\n');
    }
  });

  it('names a corrupt picture in the middle, and goes on when told to', async () => {
    const noisy = await encodePicture(
      picture(64, 64, (x, y) => [x * 4, y * 4, (x * y) & 255]),
      'png',
    );
    make({
      'h/1.png': undefined,
      'h/2.png': noisy.subarray(0, noisy.length >> 1),
      'h/3.png': '',
      'h/4.png': undefined,
    });
    const source = await openFrames(join(folder, 'h'));
    await expect(stemsOf(source)).rejects.toThrow(/h\/2\.png: expected a picture, found one that cannot be read: /);
    const bad: string[] = [];
    const onBad = (stem: string) => {
      bad.push(stem);
      return 'skip' as const;
    };
    expect(await stemsOf(source, { onBad })).toEqual(['1', '4']);
    expect(bad).toEqual(['2', '3']);
  });
});

describe('readPicture', () => {
  const read = async (name: string, content: Uint8Array) => {
    make({ [name]: content });
    return await readPicture(join(folder, name));
  };
  const raw = (channels: 1 | 2 | 3 | 4, bytes: number[]) =>
    sharp(Uint8Array.from(bytes), { raw: { width: 2, height: 1, channels } });

  it('expands greyscale, drops alpha, scales 16 bits', async () => {
    expect([...(await read('grey.png', await raw(1, [0, 200]).png().toBuffer())).data]).toEqual([
      0, 0, 0, 200, 200, 200,
    ]);
    expect([...(await read('grey-alpha.png', await raw(2, [10, 0, 200, 9]).png().toBuffer())).data]).toEqual([
      10, 10, 10, 200, 200, 200,
    ]);
    const rgba = await raw(4, [10, 20, 30, 0, 40, 50, 60, 128]).png().toBuffer();
    expect([...(await read('alpha.png', rgba)).data]).toEqual([10, 20, 30, 40, 50, 60]);
    const palette = await raw(3, [255, 0, 0, 0, 0, 255]).png({ palette: true }).toBuffer();
    expect([...(await read('palette.png', palette)).data]).toEqual([255, 0, 0, 0, 0, 255]);
    const deep = await sharp(Uint16Array.from([0, 32896, 65535, 257, 514, 25700]), {
      raw: { width: 2, height: 1, channels: 3 },
    })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect([...(await read('deep.png', deep)).data]).toEqual([0, 128, 255, 1, 2, 100]);
    const deepGrey = await sharp(Uint16Array.from([0, 65535]), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect([...(await read('deep-grey.png', deepGrey)).data]).toEqual([0, 0, 0, 255, 255, 255]);
    // Rows of a BMP are stored from the bottom, blue first, filled to four bytes.
    const bmp = Buffer.alloc(54 + 16);
    bmp.write('BM');
    for (const [at, value] of [
      [2, 70],
      [10, 54],
      [14, 40],
      [18, 2],
      [22, 2],
    ])
      bmp.writeUInt32LE(value, at);
    bmp.writeUInt16LE(1, 26);
    bmp.writeUInt16LE(24, 28);
    bmp.set([9, 8, 7, 12, 11, 10], 54);
    bmp.set([3, 2, 1, 6, 5, 4], 62);
    expect([...(await read('a.bmp', bmp)).data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const avif = await sharp(Buffer.alloc(64 * 64 * 3, 120), { raw: { width: 64, height: 64, channels: 3 } })
      .avif({ lossless: true })
      .toBuffer();
    const decoded = await read('a.avif', avif);
    expect([decoded.width, decoded.height, Math.abs(decoded.data[100] - 120) < 3]).toEqual([64, 64, true]);
    const tiff = await raw(3, [1, 2, 3, 4, 5, 6]).tiff({ compression: 'lzw' }).toBuffer();
    expect([...(await read('a.tif', tiff)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('applies the EXIF orientation', async () => {
    const turned = await raw(3, [250, 250, 250, 0, 0, 0]).withMetadata({ orientation: 6 }).png().toBuffer();
    const image = await read('turned.png', turned);
    expect([image.width, image.height]).toEqual([1, 2]);
    expect([...image.data]).toEqual([250, 250, 250, 0, 0, 0]);
  });

  it('refuses a picture that claims to be too large, and one of another kind', async () => {
    const large = Buffer.from(png);
    large.writeUInt32BE(60_000, 16);
    large.writeUInt32BE(60_000, 20);
    await expect(read('large.png', large)).rejects.toThrow(
      'large.png: expected a picture, found one that cannot be read',
    );
    await expect(read('text.png', Buffer.from('hello'))).rejects.toThrow('text.png: expected a picture');
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
    for (const text of [svg, `<?xml version="1.0"?>${svg}`, '%PDF-1.7', '/* XPM */']) {
      await expect(read('vector.png', Buffer.from(text))).rejects.toThrow(
        'vector.png: expected a picture (PNG, JPEG, WebP, TIFF, AVIF, BMP), found another kind of file',
      );
    }
    const heic = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(12)]);
    await expect(read('phone.jpg', heic)).rejects.toThrow('found HEIC: convert it to JPEG or PNG');
  });
});

describe('animations', () => {
  it('are read as videos by themselves, and refused among pictures', async () => {
    const frames = [0, 1, 2].map((index) => numbered(32, 32, index));
    make({ 'moving/1.png': undefined });
    const path = join(folder, 'moving/2.webp');
    await foreignVideo(path, 'webp', 'libwebp_anim', frames);
    const source = await openFrames(path);
    expect([source.kind, await stemsOf(source)]).toEqual(['video', ['000000', '000001', '000002']]);
    await expect(stemsOf(await openFrames(join(folder, 'moving')))).rejects.toThrow(
      '2.webp: expected one picture, found an animation',
    );
    const still = await sharp(frames[0].data, { raw: { width: 32, height: 32, channels: 3 } })
      .webp()
      .toBuffer();
    make({ 'still.webp': still });
    expect((await openFrames(join(folder, 'still.webp'))).kind).toBe('images');
    const animated = join(folder, 'moving.png');
    await foreignVideo(animated, 'apng', 'apng', frames, { pixelFormat: AV_PIX_FMT_RGB24 });
    expect(await stemsOf(await openFrames(animated))).toEqual(['000000', '000001', '000002']);
  });
});

describe('writePicture', () => {
  it('writes PNG exactly and JPEG closely', async () => {
    const image = picture(33, 17, (x, y) => [x * 7, y * 15, 99]);
    await writePicture(join(folder, 'new folder', 'a.png'), image);
    expect(await readPicture(join(folder, 'new folder', 'a.png'))).toEqual(image);
    await writePicture(join(folder, 'a.jpg'), image);
    expect(readFileSync(join(folder, 'a.jpg')).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    await expect(writePicture(join(folder, 'a.bmp'), image)).rejects.toThrow(
      'expected a name ending in .png, .jpg or .jpeg',
    );
  });
});
