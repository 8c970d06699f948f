// Video in and out: colours, sizes, counts, containers, and files that are not whole.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RgbImage } from '#src/media/image.js';
import { openVideo, type Video } from '#src/media/video.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { describeWithShared, sharedPath } from '../shared.js';
import { colorBars, firstStoredFrame, foreignVideo, meanAbsoluteDifference, numbered, picture } from './made.js';

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
  it.each([
    ['webm', 'libvpx'],
    ['mov', 'mpeg4'],
    ['matroska', 'libx264'],
    ['matroska', 'ffv1'],
  ] as const)('reads %s (%s)', async (container, codec) => {
    const path = at(`foreign ${codec}.${container === 'matroska' ? 'mkv' : container}`);
    await foreignVideo(path, container, codec, Array(6).fill(colorBars(160, 120)));
    const video = await openVideo(path);
    expect([video.width, video.height, video.frameCount]).toEqual([160, 120, 6]);
    expect(video.frameRate).toEqual({ numerator: 10, denominator: 1 });
    const images = await framesOf(video);
    expect(images.length).toBe(6);
    expect(meanAbsoluteDifference(images[3], colorBars(160, 120))).toBeLessThan(12);
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

describe('files that are not whole', () => {
  it('refuses what is no video', async () => {
    writeFileSync(at('zero.mp4'), '');
    writeFileSync(at('text.mp4'), 'this is no video, it is a text that is longer than a header');
    await expect(openVideo(at('none.mp4'))).rejects.toThrow('none.mp4: no such file or directory');
    await expect(openVideo(at('zero.mp4'))).rejects.toThrow('zero.mp4: expected a video, found an empty file');
    await expect(openVideo(at('text.mp4'))).rejects.toThrow(
      'text.mp4: expected an MP4, MOV, Matroska or WebM video, found: Invalid data',
    );
  });

  it('opens no other file through a playlist', async () => {
    writeFileSync(
      at('list.mp4'),
      `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${at('twenty.mp4')}\n#EXT-X-ENDLIST\n`,
    );
    await expect(openVideo(at('list.mp4'))).rejects.toThrow('expected an MP4, MOV, Matroska or WebM video');
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
