// Video in and out: colours, sizes, counts, containers, and files that are not whole.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_PIX_FMT_RGB8,
  AV_PIX_FMT_YUV422P10LE,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_TRC_SMPTE2084,
} from 'node-av/constants';
import { afterAll, describe, expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import type { RgbImage } from '#src/media/image.js';
import { encodePicture } from '#src/media/pictures.js';
import { openVideo, type Video } from '#src/media/video.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { createRandom } from '#src/tensor/random.js';
import { describeWithShared, sharedPath } from '../shared.js';
import {
  colorBars,
  type ForeignOptions,
  firstStoredFrame,
  foreignVideo,
  meanAbsoluteDifference,
  numbered,
  picture,
} from './made.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg video ü '));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

async function writeVideo(path: string, images: readonly RgbImage[]): Promise<void> {
  const { width, height } = images[0];
  const writer = await createVideoWriter(path, { width, height, frameRate: { numerator: 30000, denominator: 1001 } });
  for (const image of images) await writer.write(image);
  await writer.close();
}

async function framesOf(video: Video, options?: Parameters<Video['frames']>[0]): Promise<RgbImage[]> {
  const images: RgbImage[] = [];
  for await (const { image } of video.frames(options)) images.push(image);
  return images;
}

const moving = (count: number) => Array.from({ length: count }, (_, index) => numbered(96, 64, index));
/** Which of `numbered` a frame is. */
const numberOf = ({ data }: RgbImage) => Math.max(0, Math.round((data[data.length >> 1] - 40) / 10));

describe('writing and reading back', () => {
  it.each([
    [960, 540],
    [1280, 720],
    [481, 361],
    [480, 361],
    [481, 360],
  ])('keeps the colours and the size %d×%d', async (width, height) => {
    const chart = colorBars(width, height);
    const path = at(`chart ${width}x${height}.mp4`);
    await writeVideo(path, [chart, chart, chart]);
    const video = await openVideo(path);
    expect([video.width, video.height, video.frameCount]).toEqual([width, height, 3]);
    expect(video.frameRate).toEqual({ numerator: 30000, denominator: 1001 });
    const images = await framesOf(video);
    expect(images.length).toBe(3);
    for (const image of images) {
      expect([image.width, image.height, image.data.length]).toEqual([width, height, width * height * 3]);
      // The borders of the bars lose colour resolution in 4:2:0; within a bar colours are exact to a few levels.
      expect(meanAbsoluteDifference(image, chart)).toBeLessThan(3.5);
      for (let bar = 0; bar < 8; bar++) {
        const pixel = (Math.floor(height / 2) * width + Math.floor(((bar + 0.5) * width) / 8)) * 3;
        for (let channel = 0; channel < 3; channel++) {
          expect(Math.abs(image.data[pixel + channel] - chart.data[pixel + channel])).toBeLessThanOrEqual(4);
        }
      }
    }
  });

  it("gives every column, at widths that are no multiple of a processor's words, too", async () => {
    for (let width = 34; width <= 64; width += 2) {
      await writeVideo(at('width.mp4'), Array(2).fill(picture(width, 32, () => [200, 100, 50])));
      for (const { data } of await framesOf(await openVideo(at('width.mp4')))) {
        const off = [...data].map((value, index) => Math.abs(value - [200, 100, 50][index % 3]));
        expect(Math.max(...off), `${width} pixels wide`).toBeLessThanOrEqual(4);
      }
    }
  });

  it('keeps the order and number of frames, one frame included', async () => {
    await writeVideo(at('twenty.mp4'), moving(20));
    expect((await framesOf(await openVideo(at('twenty.mp4')))).map(numberOf)).toEqual([...Array(20).keys()]);
    await writeVideo(at('one.mp4'), moving(1));
    expect((await framesOf(await openVideo(at('one.mp4')))).length).toBe(1);
  });

  it('states the matrix it used, and has its index in front', async () => {
    // Pure red in BT.709 and BT.601 (ITU-R BT.709-6, BT.601-7), limited range.
    for (const [width, height, matrix, luma, chromaBlue, chromaRed] of [
      [1280, 720, 1, 63, 102, 240],
      [640, 480, 6, 81, 90, 240],
    ]) {
      const path = at(`red ${height}.mp4`);
      await writeVideo(path, [picture(width, height, () => [255, 0, 0])]);
      const bytes = readFileSync(path);
      expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
      const stored = await firstStoredFrame(path);
      expect([stored.matrix, stored.range, stored.primaries]).toEqual([matrix, 1, 1]);
      for (const [plane, value] of [luma, chromaBlue, chromaRed].entries()) {
        expect(Math.abs(stored.firstOfPlanes[plane] - value)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('gives out only the wanted frames, with their numbers', async () => {
    await writeVideo(at('wanted.mp4'), moving(12));
    const video = await openVideo(at('wanted.mp4'));
    const found: number[] = [];
    for await (const { index, image } of video.frames({ from: 3, wanted: (index) => index % 2 === 1 })) {
      expect(numberOf(image)).toBe(index);
      found.push(index);
      if (index === 9) break;
    }
    expect(found).toEqual([3, 5, 7, 9]);
  });

  it('leaves nothing behind when it is aborted, empty or given another size', async () => {
    const before = readdirSync(folder);
    const options = { width: 64, height: 64, frameRate: { numerator: 25, denominator: 1 } };
    const aborted = await createVideoWriter(at('aborted.mp4'), options);
    await aborted.write(colorBars(64, 64));
    await aborted.abort();
    await aborted.abort();
    await expect(aborted.write(colorBars(64, 64))).rejects.toThrow('it is closed');
    const empty = await createVideoWriter(at('empty.mp4'), options);
    await expect(empty.close()).rejects.toThrow('expected at least one frame, found none');
    const other = await createVideoWriter(at('other.mp4'), options);
    await expect(other.write(colorBars(32, 64))).rejects.toThrow('expected frames of 64×64 as before, found 32×64');
    await other.abort();
    await expect(createVideoWriter(at('huge.mp4'), { ...options, width: 100_000 })).rejects.toThrow('2..16384');
    expect(readdirSync(folder)).toEqual(before);
  });

  it('names a folder that cannot be made', async () => {
    writeFileSync(at('a file'), '');
    const options = { width: 64, height: 64, frameRate: { numerator: 25, denominator: 1 } };
    await expect(createVideoWriter(at('a file/out.mp4'), options)).rejects.toThrow('cannot create the folder');
  });
});

describe('videos of other programs', () => {
  const square = { rate: 25 };
  const formats: [container: string, codec: string, extension: string, options: ForeignOptions][] = [
    ['webm', 'libvpx', 'webm', {}],
    ['webm', 'libvpx-vp9', 'webm', {}],
    ['mov', 'mpeg4', 'mov', {}],
    ['mov', 'prores_ks', 'mov', { pixelFormat: AV_PIX_FMT_YUV422P10LE }],
    ['matroska', 'libx264', 'mkv', {}],
    ['matroska', 'ffv1', 'mkv', {}],
    ['mp4', 'libx265', 'mp4', { encoderOptions: { 'x265-params': 'log-level=none' } }],
    ['mp4', 'libsvtav1', 'mp4', { encoderOptions: { preset: '12' } }],
    ['avi', 'mpeg4', 'avi', square],
    ['avi', 'libx264', 'avi', square],
    ['mpegts', 'libx264', 'ts', square],
    ['mpegts', 'mpeg2video', 'm2ts', square],
    ['mpeg', 'mpeg2video', 'mpg', square],
    ['3gp', 'mpeg4', '3gp', square],
    ['flv', 'flv', 'flv', square],
    ['flv', 'libx264', 'flv', square],
    ['asf', 'wmv2', 'wmv', square],
    ['ogg', 'libtheora', 'ogv', square],
    ['mxf', 'mpeg2video', 'mxf', square],
    ['gif', 'gif', 'gif', { pixelFormat: AV_PIX_FMT_RGB8 }],
    ['webp', 'libwebp_anim', 'webp', {}],
    ['yuv4mpegpipe', 'wrapped_avframe', 'y4m', square],
    ['mjpeg', 'mjpeg', 'mjpeg', { pixelFormat: AV_PIX_FMT_YUVJ420P, ...square }],
    ['h264', 'libx264', 'h264', square],
  ];
  /** By how many steps of ten a grey may be off: GIF has few. */
  const greyTolerance: Readonly<Record<string, number>> = { gif: 3 };
  it.each(formats)('reads %s (%s)', async (container, codec, extension, options) => {
    const path = at(`foreign ${container} ${codec}.${extension}`);
    const images = Array.from({ length: 12 }, (_, index) => numbered(160, 120, index));
    await foreignVideo(path, container, codec, [...images.slice(0, 11), colorBars(160, 120)], options);
    const video = await openVideo(path);
    expect([video.width, video.height]).toEqual([160, 120]);
    const found = await framesOf(video);
    expect(found.length).toBe(12);
    // RGB in 8 bits has four levels of blue.
    const coarse = codec === 'gif' ? 40 : 12;
    for (const [index, image] of found.entries()) {
      if (index < 11) expect(Math.abs(numberOf(image) - index)).toBeLessThanOrEqual(greyTolerance[codec] ?? 0);
    }
    expect(meanAbsoluteDifference(found[11], colorBars(160, 120))).toBeLessThan(coarse);
  });

  it('reads Theora the same each time', async () => {
    const path = at('again.ogv');
    const images = Array.from({ length: 12 }, (_, index) => numbered(160, 120, index));
    await foreignVideo(path, 'ogg', 'libtheora', images, square);
    for (let time = 0; time < 10; time++) {
      const videos = await Promise.all(Array.from({ length: 16 }, () => openVideo(path)));
      const read = await Promise.all(videos.map((video) => framesOf(video)));
      for (const found of read) expect(found.map(numberOf)).toEqual(images.map((_, index) => index));
    }
  });

  it.each([
    ['mp4', 'libx264', {}],
    ['mpeg', 'mpeg2video', {}],
    ['mov', 'prores_ks', { pixelFormat: AV_PIX_FMT_YUV422P10LE }],
  ])('weaves the fields of interlaced frames (%s, %s), and says so', async (container, codec, options) => {
    const path = at(`interlaced ${codec}.${container}`);
    // The fields show different things: every other line.
    const combed = picture(160, 128, (_, y) => (y % 2 === 0 ? [200, 200, 200] : [60, 60, 60]));
    await foreignVideo(path, container, codec, Array(8).fill(combed), { rate: 25, interlaced: true, ...options });
    const notes: string[] = [];
    const images = await framesOf(await openVideo(path, { onNote: (note) => notes.push(note) }));
    expect(images.length).toBe(8);
    expect(meanAbsoluteDifference(images[5], combed)).toBeLessThan(4);
    expect(notes.filter((note) => note.includes('interlaced')).length).toBe(1);
  });

  it('says what of a video a network does not expect', async () => {
    const path = at('unusual.mp4');
    await foreignVideo(path, 'mp4', 'libx264', moving(20), {
      transfer: AVCOL_TRC_SMPTE2084,
      pixelAspect: [16, 11],
      presentationTimes: Array.from({ length: 20 }, (_, index) => index + (index > 9 ? 2 : 0)),
    });
    const notes: string[] = [];
    const video = await openVideo(path, { onNote: (note) => notes.push(note) });
    expect((await framesOf(video)).length).toBe(20);
    expect(notes.length).toBe(3);
    expect(notes[0]).toContain('unusual.mp4: high dynamic range (PQ)');
    expect(notes[1]).toContain('its pixels are not square (16:11)');
    expect(notes[2]).toContain('2 frames were dropped when it was recorded, the first after 0.90 s');
  });

  it('takes one of several tracks, and says which', async () => {
    const path = at('tracks.mkv');
    await foreignVideo(path, 'matroska', 'libx264', moving(3), { tracks: 2 });
    const notes: string[] = [];
    expect(await framesOf(await openVideo(path, { onNote: (note) => notes.push(note) }))).toHaveLength(3);
    expect(notes).toEqual([expect.stringMatching(/it has 2 video tracks: number 1 \(\d+×\d+\) is taken/)]);
  });

  it('takes no cover for a video', async () => {
    const path = at('cover.mp4');
    const options = { pixelFormat: AV_PIX_FMT_YUVJ420P, disposition: AV_DISPOSITION_ATTACHED_PIC };
    await foreignVideo(path, 'mp4', 'mjpeg', moving(1), options);
    await expect(openVideo(path)).rejects.toThrow(
      'cover.mp4: expected a video stream, found only the picture of a cover',
    );
  });

  it('takes an even rate for even where times of some frames are not told', async () => {
    const path = at('reordered.avi');
    await foreignVideo(path, 'avi', 'mpeg4', moving(12), { encoderOptions: { bf: '2' } });
    const notes: string[] = [];
    expect(await framesOf(await openVideo(path, { onNote: (note) => notes.push(note) }))).toHaveLength(12);
    expect(notes).toEqual([]);
  });

  it('takes frames that say "as before" for dropped ones', async () => {
    const path = at('repeated.ogv');
    await foreignVideo(
      path,
      'ogg',
      'libtheora',
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13].map((k) => numbered(64, 64, k)),
    );
    const notes: string[] = [];
    const images = await framesOf(await openVideo(path, { onNote: (note) => notes.push(note) }));
    expect(images.length).toBe(14);
    expect(notes.join()).toContain('1 frame was dropped when it was recorded, the first after 1.00 s');
  });

  it('names frames that change their size, and goes on without them when told to', async () => {
    const path = at('sizes.mjpeg');
    const jpegs = [32, 32, 48, 32].map((side) => encodePicture(numbered(side, side, 5), 'jpeg'));
    writeFileSync(path, Buffer.concat(await Promise.all(jpegs)));
    const video = await openVideo(path);
    await expect(framesOf(video)).rejects.toThrow('frame 000002: expected 32×32 as before, found 48×48');
    const bad: string[] = [];
    const onBad = (stem: string) => {
      bad.push(stem);
      return 'skip' as const;
    };
    expect([(await framesOf(video, { onBad })).length, bad]).toEqual([3, ['000002']]);
  });

  it('starts where a video that was cut can be decoded, and says so', async () => {
    const path = at('cut.mkv');
    const open = {
      encoderOptions: { 'x264-params': 'open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=3:b-adapt=0' },
    };
    // In the order of decoding: the packets of the first group are cut off.
    await foreignVideo(path, 'matroska', 'libx264', moving(20), { ...open, keepPacket: (index) => index >= 8 });
    const notes: string[] = [];
    const video = await openVideo(path, { onNote: (note) => notes.push(note) });
    const found: [number, number][] = [];
    for await (const { index, image } of video.frames()) found.push([index, numberOf(image)]);
    const [[, start]] = found;
    expect(start).toBeGreaterThan(0);
    expect(found).toEqual(Array.from({ length: 20 - start }, (_, k) => [k, k + start]));
    expect(notes.join()).toMatch(/it starts at the first frame that can be decoded, without \d+ frames? that/);
  });

  const turns: [string, number[], (x: number, y: number) => [number, number]][] = [
    // The matrix, and where the pixel shown at (x, y) is stored, of 64×32 pixels.
    ['a quarter turn clockwise', [0, 1, 0, -1, 0, 0, 0, 0, 0], (x, y) => [y, 31 - x]],
    ['a quarter turn anticlockwise', [0, -1, 0, 1, 0, 0, 0, 0, 0], (x, y) => [63 - y, x]],
    ['a half turn', [-1, 0, 0, 0, -1, 0, 0, 0, 0], (x, y) => [63 - x, 31 - y]],
    ['a mirror', [-1, 0, 0, 0, 1, 0, 0, 0, 0], (x, y) => [63 - x, y]],
  ];
  it.each(turns)('applies %s', async (title, matrix, source) => {
    // Left half dark, right half light, with a light block at the upper left.
    const stored = picture(64, 32, (x, y) => (x >= 32 || (x < 16 && y < 16) ? [220, 220, 220] : [30, 30, 30]));
    const path = at(`${title}.mov`);
    const displayMatrix = [...matrix.map((value) => value * 65536)];
    displayMatrix[8] = 1 << 30;
    await foreignVideo(path, 'mov', 'libx264', [stored, stored], { displayMatrix });
    const video = await openVideo(path);
    const sideways = matrix[0] === 0;
    expect([video.width, video.height]).toEqual(sideways ? [32, 64] : [64, 32]);
    const [image] = await framesOf(video);
    const expected = picture(video.width, video.height, (x, y) => {
      const [sourceX, sourceY] = source(x, y);
      const value = stored.data[(sourceY * 64 + sourceX) * 3];
      return [value, value, value];
    });
    expect(meanAbsoluteDifference(image, expected)).toBeLessThan(5);
  });

  it('gives all frames of a video of variable rate, at the average rate', async () => {
    const path = at('variable.mkv');
    await foreignVideo(path, 'matroska', 'libx264', moving(4), { presentationTimes: [0, 1, 5, 20] });
    expect((await framesOf(await openVideo(path))).map(numberOf)).toEqual([0, 1, 2, 3]);
  });
});

describe('a damaged index', () => {
  const flips: [what: string, box: string, offset: number, bit: number, message: RegExp][] = [
    ['the time scale', 'mdhd', 16, 0, /expected 40 frames, found \d+/],
    ['the start of the edit', 'elst', 18, 5, /edit list would leave out \d+ of 40 frames/],
    ['the length of the edit', 'elst', 14, 3, /the duration of its track is not that of its edits/],
    ['a number of frames', 'stsz', 15, 3, /its tables list different numbers of frames/],
    ['the name of a table', 'stsz', 0, 1, /its index is damaged: expected a box "stsz", found none/],
  ];
  it.each(flips)('is told by what contradicts it: %s', async (what, box, offset, bit, message) => {
    const whole = at('index.mp4');
    await foreignVideo(
      whole,
      'mp4',
      'libx264',
      Array.from({ length: 40 }, (_, k) => numbered(64, 48, k % 20)),
    );
    const bytes = readFileSync(whole);
    const place = bytes.lastIndexOf(box) + offset;
    if (what === 'the time scale') bytes.fill(0, place, place + 4);
    else bytes[place] ^= 1 << bit;
    const path = at('index damaged.mp4');
    writeFileSync(path, bytes);
    const read = async () => framesOf(await openVideo(path));
    await expect(read()).rejects.toThrow(message);
  });

  it('loses no frame without a word, whatever bit of it is turned', async () => {
    const whole = at('index.mp4');
    await foreignVideo(
      whole,
      'mp4',
      'libx264',
      Array.from({ length: 40 }, (_, k) => numbered(64, 48, k % 20)),
    );
    const bytes = readFileSync(whole);
    const start = bytes.lastIndexOf('moov') + 4;
    const length = bytes.readUInt32BE(start - 8) - 8;
    const random = createRandom(5);
    const path = at('index turned.mp4');
    let refused = 0;
    for (let round = 0; round < 120; round++) {
      const turned = Buffer.from(bytes);
      const place = start + random.integer(length);
      turned[place] ^= 1 << random.integer(8);
      writeFileSync(path, turned);
      const notes: string[] = [];
      try {
        const found = await framesOf(await openVideo(path, { onNote: (note) => notes.push(note) }));
        if (notes.length === 0) expect([place - start, found.length]).toEqual([place - start, 40]);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SteadysegError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(20);
  });
});

describeWithShared('videos that people bring', ['cases/open_gop_cut/cutnoel264.mp4'], () => {
  const frames = async (path: string) => (await framesOf(await openVideo(sharedPath(path)))).length;
  it('are read as players do, or refused', async () => {
    expect(await frames('cases/interlaced/h264_interlaced.mp4')).toBe(10);
    expect(await frames('cases/open_gop_cut/cutnoel264.mp4')).toBe(26);
    await expect(frames('cases/hostile/silent-1-1.mp4')).rejects.toThrow('expected 100 frames, found 99');
    await expect(frames('cases/hostile/timescale0.mp4')).rejects.toThrow('expected 100 frames, found 1');
  });
});

describe('files that are not whole', () => {
  it('refuses what is no video', async () => {
    writeFileSync(at('zero.mp4'), '');
    writeFileSync(at('text.mp4'), 'this is no video, it is a text that is longer than a header');
    await expect(openVideo(at('none.mp4'))).rejects.toThrow('none.mp4: no such file or directory');
    await expect(openVideo(at('zero.mp4'))).rejects.toThrow('zero.mp4: expected a video, found an empty file');
    await expect(openVideo(at('text.mp4'))).rejects.toThrow(
      'text.mp4: expected a video of a known format (MP4, MOV, Matroska, WebM, AVI, MPEG-TS, …), found: Invalid data',
    );
  });

  it('opens no other file through a playlist', async () => {
    writeFileSync(
      at('list.mp4'),
      `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${at('twenty.mp4')}\n#EXT-X-ENDLIST\n`,
    );
    await expect(openVideo(at('list.mp4'))).rejects.toThrow('expected a video of a known format');
  });

  it.each(['mp4', 'mkv'])('refuses a %s file that was cut off, or reads what is there', async (extension) => {
    const noise = Array.from({ length: 12 }, (_, index) => {
      let state = index + 1;
      return picture(96, 64, () => {
        state = (state * 1103515245 + 12345) & 0x7fffffff;
        return [state & 255, (state >> 8) & 255, (state >> 16) & 255];
      });
    });
    const whole = at(`whole.${extension}`);
    if (extension === 'mp4') await writeVideo(whole, noise);
    else await foreignVideo(whole, 'matroska', 'ffv1', noise);
    const bytes = readFileSync(whole);
    const cut = at(`cut.${extension}`);
    writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    await expect(openVideo(cut)).rejects.toThrow(`expected ${bytes.length} bytes, found`);
    const video = await openVideo(cut, { acceptTruncated: true });
    const problems: string[] = [];
    const images = await framesOf(video, {
      onBad: (_, error) => {
        problems.push(error.message);
        return 'skip';
      },
    });
    expect(images.length).toBeGreaterThan(2);
    expect(images.length).toBeLessThan(12);
    if (extension === 'mp4') expect(problems.length).toBeGreaterThan(0);
  });

  it('says that an MP4 has no index', async () => {
    await writeVideo(at('indexed.mp4'), moving(3));
    const bytes = readFileSync(at('indexed.mp4'));
    bytes.write('free', bytes.indexOf('moov'), 'latin1');
    writeFileSync(at('no index.mp4'), bytes);
    await expect(openVideo(at('no index.mp4'))).rejects.toThrow('expected an index (a "moov" box), found none');
  });

  it('names a damaged frame in the middle, and goes on when told to', async () => {
    const path = at('damaged.mov');
    await foreignVideo(path, 'mov', 'mpeg4', moving(20));
    const bytes = readFileSync(path);
    const data = bytes.indexOf('mdat') + 4;
    const end = bytes.indexOf('moov') - 4;
    const middle = data + Math.floor((end - data) / 2);
    bytes.fill(0xff, middle, middle + 300);
    writeFileSync(path, bytes);
    const video = await openVideo(path);
    await expect(framesOf(video)).rejects.toThrow(/damaged\.mov: frame 0000\d\d: its data is damaged/);
    const bad: string[] = [];
    const images = await framesOf(video, {
      onBad: (stem) => {
        bad.push(stem);
        return 'skip';
      },
    });
    expect(bad.length).toBeGreaterThan(0);
    expect(images.length + bad.length).toBe(20);
  });
});

describeWithShared('a camera video', ['data/driving/solidWhiteRight.mp4'], () => {
  it('has 221 frames of 960×540 at 25 a second', async () => {
    const video = await openVideo(sharedPath('data/driving/solidWhiteRight.mp4'));
    expect([video.width, video.height, video.frameCount]).toEqual([960, 540, 221]);
    let count = 0;
    for await (const { index, image } of video.frames()) {
      expect(index).toBe(count++);
      if (index === 100) expect(image.data.length).toBe(960 * 540 * 3);
    }
    expect(count).toBe(221);
  });
});
