// The page of `npm run web`, used as a visitor does: the sample, pictures, videos, networks of one's own, broken files, downloads.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { AV_PIX_FMT_YUVJ420P } from 'node-av/constants';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapt } from '#src/adapt/adapt.js';
import { openFlowSource } from '#src/flow/open.js';
import { overlay } from '#src/media/color.js';
import { openFrames } from '#src/media/frames.js';
import { readLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { evaluateSteadiness } from '#src/segment/evaluateSteadiness.js';
import { loadModel } from '#src/segment/loadModel.js';
import { numbersOf, type Tensor } from '#src/tensor/tensor.js';
import { createClipRenderer } from '#src/toycity/render.js';
import { startServer } from '../../scripts/staticServer.js';
import { buildPage } from '../../scripts/webBuild.js';
import { writeTexturedClip } from '../adapt/texturedClip.js';
import { colorBars, foreignVideo } from '../media/made.js';
import { adaptableModel, tinyNetwork } from '../segment/tinyNetwork.js';
import { hasChromium, launchChromium } from './chromium.js';

const root = resolve(import.meta.dirname, '..', '..');
const [height, width, frames] = [64, 128, 6];
const patience = { timeout: 120_000 };

/** Counts the decoders and the decoded pictures that the page has not let go. */
const countKept = `
  window.decoders = new Set();
  window.pictures = new Set();
  window.seen = { decoders: false, pictures: false };
  window.VideoDecoder = class extends VideoDecoder {
    constructor(init) {
      super(init);
      window.decoders.add(this);
      window.seen.decoders = true;
    }
    close() {
      window.decoders.delete(this);
      super.close();
    }
  };
  const { createImageBitmap } = window;
  window.createImageBitmap = async (...args) => {
    const picture = await createImageBitmap.apply(window, args);
    const close = picture.close;
    picture.close = () => {
      window.pictures.delete(picture);
      close.call(picture);
    };
    window.pictures.add(picture);
    window.seen.pictures = true;
    return picture;
  };
`;

/** An MP4 whose edit list leaves out so many frames more, of ten a second, as copies of a part of a video have it. */
function withoutBeginning(mp4: Buffer, count: number): Buffer {
  const edited = Buffer.from(mp4);
  const ticks = edited.readUInt32BE(edited.indexOf('mdhd') + 16);
  const entry = edited.indexOf('elst') + 12;
  // The edit's duration, and the track's.
  for (const at of [entry, edited.indexOf('tkhd') + 24])
    edited.writeUInt32BE(edited.readUInt32BE(at) - 100 * count, at);
  edited.writeUInt32BE(edited.readUInt32BE(entry + 4) + (ticks / 10) * count, entry + 4);
  return edited;
}

/** Display matrices (16.16 fixed point, the last column 2.30) of quarter turns. */
const quarterTurns = {
  90: [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30],
  180: [-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30],
  270: [0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30],
};

/** A PNG that says its gamma (in 100000ths), as FFmpeg's do. */
function withGamma(png: Buffer, gamma: number): Buffer {
  const chunk = Buffer.alloc(16);
  chunk.writeUInt32BE(4);
  chunk.write('gAMA', 4);
  chunk.writeUInt32BE(Math.round(gamma), 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 12)), 12);
  // Behind the header.
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

describe.skipIf(!hasChromium)('the page in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-page-'));
  const file = (name: string) => join(folder, name);
  const renderer = createClipRenderer({ seed: 5, frames, height, width });
  const { image } = renderer.frame(0);
  const stills = Array.from({ length: frames }, (_, t) => file(`still${t}.png`));
  const problems: string[] = [];
  let server: Awaited<ReturnType<typeof startServer>>;
  let browser: Browser;
  let page: Page;
  let textured: string[];

  beforeAll(async () => {
    await buildPage(root, file('site'));
    const size = { width, height };
    const writer = await createVideoWriter(file('street.mp4'), {
      ...size,
      frameRate: { numerator: 10, denominator: 1 },
    });
    for (let t = 0; t < frames; t++) {
      const { image: still } = renderer.frame(t);
      await writer.write(still);
      await writePicture(stills[t], still);
    }
    await writer.close();
    writeFileSync(file('own.onnx'), tinyNetwork({ free: true, stride: 2 }));
    writeFileSync(file('one.onnx'), tinyNetwork({ free: true, classes: 1 }));
    writeFileSync(file('adaptable.onnx'), writeModel(adaptableModel({ free: true })));
    writeFileSync(file('fixed.onnx'), writeModel(adaptableModel({ height: 48, width: 64 })));
    textured = await writeTexturedClip(folder, { height: 48, width: 64, noise: 90 });
    writeFileSync(file('broken.onnx'), 'no network');
    writeFileSync(file('words.txt'), 'no picture');
    writeFileSync(file('broken.mp4'), readFileSync(file('street.mp4')).subarray(0, 600));
    const street = readFileSync(file('street.mp4'));
    writeFileSync(file('cut.mp4'), street.subarray(0, 0.9 * street.length));
    writeFileSync(file('part.mp4'), withoutBeginning(street, 2));
    writeFileSync(file('broken.png'), 'no picture');
    // Of a site that no header isolates, as most file hosts are.
    server = await startServer({ routes: { '/': file('site') }, isolated: false });
    browser = await launchChromium();
    page = await open();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    expect(problems).toEqual([]);
  });

  async function open(address = server.address): Promise<Page> {
    const opened = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
    opened.on('pageerror', (error) => problems.push(error.message));
    opened.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) problems.push(message.text());
    });
    await opened.addInitScript(countKept);
    opened.setDefaultTimeout(patience.timeout);
    await opened.goto(address);
    return opened;
  }

  /** Waits until an element reads like this. */
  const reads = (id: string, pattern: RegExp) =>
    expect.poll(() => page.locator(`#${id}`).textContent(), patience).toMatch(pattern);
  const status = (pattern: RegExp) => reads('status', pattern);
  const measured = () => status(new RegExp(`all ${frames} frames measured`));
  const figure = async (id: string) => Number.parseFloat((await page.locator(`#${id}`).textContent()) ?? '');
  /** RGB of what the canvas shows. */
  const drawn = async () => {
    const rgba: number[] = await page.evaluate(`(() => {
      const canvas = document.getElementById('canvas');
      return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
    })()`);
    return rgba.filter((_, at) => at % 4 !== 3);
  };
  const moveSplit = (share: number) =>
    page.evaluate(`(() => {
      const split = document.getElementById('split');
      split.value = '${share}';
      split.dispatchEvent(new Event('input'));
    })()`);
  /** Keeps a picture of the page where `STEADYSEG_SCREENSHOTS` names a folder, to look at. */
  const look = async (name: string) => {
    const into = process.env.STEADYSEG_SCREENSHOTS;
    if (!into) return;
    mkdirSync(into, { recursive: true });
    for (const [scheme, wide] of [
      ['light', 1440],
      ['dark', 1440],
      ['light', 390],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width: wide, height: 900 });
      await page.screenshot({ path: join(into, `${name}-${wide}-${scheme}.png`), fullPage: true });
    }
    await page.setViewportSize({ width: 1440, height: 1000 });
  };
  /** Axe, a checker of accessibility, finds nothing serious. */
  const servesEverybody = async (state: string, one = page) => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const colorScheme of ['light', 'dark'] as const) {
      await one.emulateMedia({ colorScheme });
      const found: string[] = await one.evaluate(`(async () => {
        ${axe}
        const { violations } = await axe.run();
        return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' '));
      })()`);
      expect(found, `${state}, ${colorScheme}`).toEqual([]);
    }
  };
  /** What is saved after a click. */
  const saved = async (id: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id}`)]);
    const path = file(download.suggestedFilename());
    await download.saveAs(path);
    return path;
  };

  /** Compares both sides with `evaluateSteadiness`, percentages to so many digits: a few pixels may be of another class. */
  async function figuresEqual(clip: string, digits: number): Promise<void> {
    const flow = await openFlowSource('dis', { threads: 1, cache: false });
    for (const [side, name] of [
      ['left', 'plain'],
      ['right', 'steady'],
    ]) {
      const pred = await loadModel(join(root, 'models', `toycity-${name}.onnx`), { threads: 1 });
      const { result } = await evaluateSteadiness({ frames: clip, pred, flow });
      const [steady, kappa] = [result.steady ?? Number.NaN, result.kappa ?? Number.NaN];
      expect(await figure(`${side}-steady`)).toBeCloseTo(100 * steady, digits);
      expect(await figure(`${side}-flicker`)).toBeCloseTo(100 * (1 - steady), digits);
      expect(await figure(`${side}-kappa`)).toBeCloseTo(kappa, digits + 1);
      await pred.release();
    }
    await flow.close();
  }

  it('measures a clip as the command line does, and shows it again and again', async () => {
    await page.setInputFiles('#media', stills);
    await measured();
    await look('clip');
    await figuresEqual(join(folder, 'still*.png'), 1);
    expect(await page.locator('#by-class tr').count()).toBeGreaterThan(3);
    const seen = new Set<string>();
    await expect.poll(async () => seen.add((await drawn()).join()).size, patience).toBeGreaterThan(2);
  });

  it('does so on a video, of which it takes every frame', async () => {
    await page.setInputFiles('#media', file('street.mp4'));
    await status(/street.mp4: all 6 frames measured/);
    await figuresEqual(file('street.mp4'), 1);
    await page.setInputFiles('#media', file('part.mp4'));
    await status(/part.mp4: all 4 frames measured/);
    await figuresEqual(file('part.mp4'), 1);
  });

  it('shows the colours that the command line reads, of videos and of pictures that say how they were taken', async () => {
    await page.selectOption('#right', '');
    await moveSplit(0);
    const narrow = colorBars(106, 62);
    const codec = ['mp4', 'libx264'] as const;
    await foreignVideo(file('untagged.mp4'), ...codec, [narrow]);
    await foreignVideo(file('full.mp4'), ...codec, [image], { pixelFormat: AV_PIX_FMT_YUVJ420P });
    for (const [degrees, matrix] of Object.entries(quarterTurns)) {
      await foreignVideo(file(`turned${degrees}.mp4`), ...codec, [image], { displayMatrix: matrix });
    }
    writeFileSync(file('gamma.png'), withGamma(readFileSync(stills[0]), 100_000 / 1.8));
    const turned = Object.keys(quarterTurns).map((degrees) => `turned${degrees}.mp4`);
    for (const name of ['street.mp4', 'untagged.mp4', 'full.mp4', ...turned, 'still0.png', 'gamma.png']) {
      await page.setInputFiles('#media', file(name));
      await status(/measured|a frame/);
      const read: string[] = [];
      for await (const { image } of (await openFrames(file(name))).frames()) read.push(image.data.join());
      await expect.poll(async () => read.includes((await drawn()).join()), { ...patience, message: name }).toBe(true);
    }
    await page.selectOption('#right', 'toycity-steady');
    await moveSplit(50);
  });

  it('draws the map of flicker on request', async () => {
    const classes = await drawn();
    await page.check('input[value="flicker"]');
    await expect.poll(async () => (await drawn()).join() !== classes.join(), patience).toBe(true);
    const colours = new Set((await drawn()).map((value) => value));
    expect(colours.size).toBeGreaterThan(3);
    await look('flicker');
    await page.check('input[value="classes"]');
  });

  it('draws the classes of both sides over a picture, and gives them as files', async () => {
    await page.setInputFiles('#media', stills[0]);
    await status(/^128×64, \d+ ms a frame/);
    await moveSplit(0);
    const model = await loadModel(join(root, 'models', 'toycity-steady.onnx'), { threads: 1 });
    const { labels } = await model.segment(image);
    const expected = overlay(image, labels, model.classes, { opacity: 0.5 }).data;
    const alike = (shown: readonly number[]) =>
      shown.filter((value, at) => Math.abs(value - expected[at]) <= 1).length / expected.length;
    // Sums are in another order there: a few pixels may be of another class.
    expect(alike(await drawn())).toBeGreaterThan(0.999);
    await moveSplit(100);
    expect(alike(await drawn())).toBeLessThan(0.99);
    await moveSplit(50);
    expect(await page.locator('#legend li').allTextContents()).toEqual(model.classes.classes);
    const { data, ...size } = await readLabelMap(await saved('download-labels'));
    expect(size).toEqual({ width, height });
    expect(data.filter((id, at) => id === labels.data[at]).length).toBeGreaterThan(0.999 * data.length);
    expect(await saved('download-overlay')).toMatch(/still0-right-overlay\.png$/);
    await model.release();
  });

  it("takes networks of one's own, picked again too, and says why it cannot read one", async () => {
    await page.setInputFiles('#own', file('broken.onnx'));
    await reads('error', /broken.onnx: expected an ONNX model/);
    await page.setInputFiles('#own', file('own.onnx'));
    await status(/128×64, \d+ ms a frame/);
    expect(await page.locator('#legend li').count()).toBe(4);
    await page.selectOption('#left', 'toycity-plain');
    // While that loads, something else is chosen.
    await page.setInputFiles('#own', file('own.onnx'));
    await expect.poll(() => page.locator('#legend li').count(), patience).toBe(4);
    await page.selectOption('#preset', 'cityscapes');
    await expect.poll(() => page.locator('#legend li').first().textContent(), patience).toBe('road');
    await page.selectOption('#preset', '');
    await page.setInputFiles('#own', file('one.onnx'));
    await expect
      .poll(() => page.locator('#legend li').allTextContents(), patience)
      .toEqual(['background', 'foreground']);
    await reads('notes', /normalisation is said nowhere: .*“Its pixels”/);
    await page.selectOption('#pixels', 'shares');
    await expect.poll(() => page.locator('#notes').textContent(), patience).not.toContain('normalisation');
    await page.selectOption('#pixels', '');
    await reads('notes', /normalisation is said nowhere/);
    await page.fill('#side', '64');
    await page.locator('#side').blur();
    await status(/64×32, \d+ ms a frame/);
    await page.fill('#side', '640');
    await page.locator('#side').blur();
  });

  it('says in words what it cannot decode', async () => {
    await page.setInputFiles('#media', file('broken.mp4'));
    await reads('error', /broken.mp4: this browser cannot decode its pictures .*ffmpeg/);
    await page.setInputFiles('#media', file('cut.mp4'));
    await reads('error', /cut.mp4: this browser can decode [1-5] of its 6 frames: the file is damaged, or cut off/);
    await page.setInputFiles('#media', file('words.txt'));
    await reads('error', /words.txt: expected a picture, a video or a network \(.onnx\), found text\/plain/);
    await page.setInputFiles('#media', file('broken.png'));
    await reads('error', /broken.png: this browser cannot decode it as a picture/);
    await page.setInputFiles('#media', [file('broken.mp4'), stills[0]]);
    await reads('error', /expected one video, or pictures/);
    await look('error');
    await page.click('#camera');
    await reads('error', /There is no camera/);
  });

  it('adapts a network to the clip as the command line does, shows it on the right, and gives it as a file', async () => {
    await page.setInputFiles('#own', file('adaptable.onnx'));
    await page.setInputFiles('#media', textured);
    await status(/all 8 frames measured/);
    await page.fill('#adapt-frames', '8');
    await page.fill('#adapt-side', '64');
    await page.fill('#adapt-steps', '30');
    await page.click('#adapt');
    await reads('adapt-words', /^About \d+ s: 8 frames, 30 updates/);
    await reads('adapt-words', /^Steadier: on these 8 frames \d+ % less flicker/);
    const cells = await page.locator('#adapt-figures td').allTextContents();
    const [flicker, kappa, agreement] = [0, 2, 4].map((at) => cells.slice(at, at + 2).map(Number.parseFloat));
    const there = await adapt({
      ...{ inputs: [join(folder, '00?.png')], model: file('adaptable.onnx'), out: file('there.onnx') },
      ...{ steps: 30, threads: 1 },
    });
    for (const [k, { steady, kappa: expected, agreement: kept }] of [there.before, there.after].entries()) {
      // Sums are in another order there: a few pixels may be of another class.
      expect(flicker[k]).toBeCloseTo(100 * (1 - steady), 0);
      expect(kappa[k]).toBeCloseTo(expected, 1);
      expect(agreement[k]).toBeCloseTo(100 * kept, 0);
    }
    await status(/all 8 frames measured/);
    expect(await page.locator('#right-name').textContent()).toBe('adapted: adaptable.onnx');
    expect(await figure('right-flicker')).toBeCloseTo(flicker[1], 0);
    expect(await figure('left-flicker')).toBeCloseTo(flicker[0], 0);
    await servesEverybody('adapted');
    await look('adapted');
    const path = await saved('download-network');
    expect(path).toMatch(/adaptable-steady\.onnx$/);
    const weights = (name: string) => readModel(readFileSync(name)).graph.initializers;
    const [here, original] = [weights(path), weights(file('adaptable.onnx'))];
    /** Of all values, the farthest apart. */
    const apart = (a: Tensor | undefined, b: Tensor) => {
      expect(a?.shape).toEqual(b.shape);
      const others = numbersOf(b);
      return Math.max(...numbersOf(a ?? b).map((value, i) => Math.abs(value - others[i])));
    };
    for (const [name, expected] of weights(file('there.onnx'))) {
      expect(apart(here.get(name), expected), name).toBeLessThan(0.01 * apart(original.get(name), expected));
    }
    const flow = await openFlowSource('dis', { threads: 1, cache: false });
    const pred = await loadModel(path, { threads: 1 });
    const { result } = await evaluateSteadiness({ frames: join(folder, '00?.png'), pred, flow });
    await pred.release();
    await flow.close();
    expect(await figure('right-steady')).toBeCloseTo(100 * (result.steady ?? Number.NaN), 0);
  });

  it('stops adapting on request with what was learnt, or without; the page answers meanwhile', async () => {
    await page.fill('#adapt-steps', '100000');
    await page.click('#adapt');
    await reads('adapt-words', /^About [\d.]+ (min|h): .* Learning/);
    await reads('adapt-left', /\d+ of 60000, [\d.]+ (min|h) left/);
    expect(await page.evaluate('document.activeElement.id')).toBe('adapt-cancel');
    await moveSplit(30);
    await servesEverybody('adapting');
    await look('adapting');
    await page.click('#adapt-finish');
    await reads('adapt-words', /^(Steadier|Not adapted): on these 8 frames/);
    await page.click('#adapt');
    await page.click('#adapt-cancel');
    await reads('adapt-words', /^Cancelled: nothing was changed/);
    expect(await page.evaluate('document.activeElement.id')).toBe('adapt');
  });

  it('says plainly where a network cannot be adapted, or nothing makes it steadier', async () => {
    await page.setInputFiles('#own', file('fixed.onnx'));
    await reads('adapt-of', /“fixed.onnx”, the left side, which takes frames of 64×48 only/);
    expect(await page.isDisabled('#adapt-side')).toBe(true);
    await page.setInputFiles('#media', [textured[0], textured[0]]);
    await status(/all 2 frames measured/);
    await page.fill('#adapt-steps', '2');
    await page.click('#adapt');
    await reads('adapt-words', /^Not adapted: on these 2 frames nothing safe made “fixed.onnx” steadier/);
    expect(await page.isVisible('#download-network')).toBe(false);
    await reads('adapt-notes', /1 pair is too few to hold some back/);
    await page.setInputFiles('#own', file('own.onnx'));
    await status(/all 2 frames measured/);
    await page.click('#adapt');
    await reads('adapt-error', /^own.onnx.*: expected float weights to adapt, found none/);
    await page.setInputFiles('#media', stills[0]);
    await page.click('#adapt');
    await reads('adapt-error', /^Choose a clip first/);
    await servesEverybody('not adapted');
    await look('not-adapted');
  });

  it('keeps no picture or video that it no longer shows', async () => {
    await page.setInputFiles('#media', stills[0]);
    await status(/128×64, \d+ ms a frame/);
    const kept = () => page.evaluate('[window.decoders.size, window.pictures.size]');
    await expect.poll(kept, patience).toEqual([0, 0]);
    expect(await page.evaluate('window.seen')).toEqual({ decoders: true, pictures: true });
  });

  it('can be used by everybody: axe finds nothing serious, empty and at work, and the keyboard moves the line', async () => {
    const fresh = await open();
    await servesEverybody('empty', fresh);
    await fresh.close();
    await servesEverybody('at work');
    const place = await page.inputValue('#split');
    await page.focus('#split');
    await page.keyboard.press('ArrowRight');
    expect(Number(await page.inputValue('#split'))).toBeGreaterThan(Number(place));
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('plays the sample that ships, on threads where the server isolates the page', async () => {
    const isolated = await startServer({ routes: { '/': file('site') } });
    const other = await open(isolated.address);
    expect(await other.locator('#isolation').textContent()).toMatch(/several/);
    await other.click('#sample');
    await expect.poll(() => other.locator('#status').textContent(), patience).toMatch(/Frame 2 of 40, 512×256/);
    await other.close();
    isolated.close();
  });
});
