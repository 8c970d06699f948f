// The page of `npm run web`, used as a visitor does: a picture, a video, a network of one's own, a broken one.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { overlay } from '#src/media/color.js';
import { writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { loadModel } from '#src/segment/loadModel.js';
import { createClipRenderer } from '#src/toycity/render.js';
import { pageRoutes, startServer } from '../../scripts/staticServer.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';
import { hasChromium, launchChromium } from './chromium.js';

const root = resolve(import.meta.dirname, '..', '..');
const [height, width] = [128, 256];

/** Counts the addresses of files and the decoded pictures that the page has not let go. */
const countKept = `
  window.addresses = new Set();
  window.pictures = new Set();
  window.seen = { addresses: false, pictures: false };
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (content) => {
    const address = createObjectURL.call(URL, content);
    if (content instanceof File) {
      window.addresses.add(address);
      window.seen.addresses = true;
    }
    return address;
  };
  URL.revokeObjectURL = (address) => {
    window.addresses.delete(address);
    revokeObjectURL.call(URL, address);
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

describe.skipIf(!hasChromium)('the page in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-page-'));
  const file = (name: string) => join(folder, name);
  const { image } = createClipRenderer({ seed: 5, frames: 1, height, width }).frame(0);
  const problems: string[] = [];
  let server: Awaited<ReturnType<typeof startServer>>;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const compiler = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.web.json'], { cwd: root });
    await writePicture(file('street.png'), image);
    const renderer = createClipRenderer({ seed: 6, frames: 10, height, width });
    const writer = await createVideoWriter(file('street.mp4'), {
      width,
      height,
      frameRate: { numerator: 10, denominator: 1 },
    });
    for (let t = 0; t < 10; t++) await writer.write(renderer.frame(t).image);
    await writer.close();
    writeFileSync(file('own.onnx'), tinyNetwork({ free: true, stride: 2 }));
    writeFileSync(file('broken.onnx'), 'no network');
    server = await startServer({ routes: pageRoutes(root) });
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
    page.on('pageerror', (error) => problems.push(error.message));
    await page.addInitScript(countKept);
    page.setDefaultTimeout(120_000);
    await page.goto(server.address);
    // A busy machine takes its time to start a browser.
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    expect(problems).toEqual([]);
  });

  /** Waits until the status line reads like this. */
  const status = async (pattern: RegExp) => {
    const line = page.locator('#status');
    await expect.poll(() => line.textContent(), { timeout: 120_000 }).toMatch(pattern);
  };
  /** RGB of what the canvas shows. */
  const drawn = async () => {
    const rgba: number[] = await page.evaluate(`(() => {
      const canvas = document.getElementById('canvas');
      return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
    })()`);
    return rgba.filter((_, at) => at % 4 !== 3);
  };
  /** Keeps a picture of the page where `STEADYSEG_SCREENSHOTS` names a folder, to look at. */
  const look = async (name: string) => {
    const into = process.env.STEADYSEG_SCREENSHOTS;
    if (!into) return;
    mkdirSync(into, { recursive: true });
    await page.screenshot({ path: join(into, `${name}.png`) });
  };

  it('draws the classes of a shipped network over a picture, and names them', async () => {
    await page.selectOption('#shipped', 'toycity-steady');
    await status(/Choose a picture/);
    await page.setInputFiles('#media', file('street.png'));
    await status(/256×128, \d+ ms a frame/);
    await look('picture');
    const model = await loadModel(join(root, 'models', 'toycity-steady.onnx'), { threads: 1 });
    const { labels } = await model.segment(image);
    const expected = overlay(image, labels, model.classes, { opacity: 0.5 }).data;
    const shown = await drawn();
    expect(shown.length).toBe(expected.length);
    // Sums are in another order there: a few pixels may be of another class.
    expect(shown.filter((value, at) => Math.abs(value - expected[at]) <= 1).length / shown.length).toBeGreaterThan(
      0.999,
    );
    expect(await page.locator('#legend li').allTextContents()).toEqual(model.classes.classes);
    await model.release();
  });

  it('runs along a video', async () => {
    const before = await drawn();
    await page.setInputFiles('#media', file('street.mp4'));
    // The page's policy lets nobody evaluate text again and again in it, as waiting for a function does.
    const time = () => page.evaluate(`document.getElementById('video').currentTime`);
    await expect.poll(time, { timeout: 120_000 }).toBeGreaterThan(0.3);
    await status(/256×128, \d+ ms a frame/);
    await look('video');
    expect(await drawn()).not.toEqual(before);
  });

  it("takes a network of one's own, and says why it cannot read one", async () => {
    await page.setInputFiles('#media', file('street.png'));
    await page.setInputFiles('#model', file('broken.onnx'));
    await status(/expected an ONNX model/);
    expect(await page.inputValue('#shipped')).toBe('');
    await page.setInputFiles('#model', file('own.onnx'));
    await status(/256×128, \d+ ms a frame/);
    await page.fill('#side', '128');
    await page.locator('#side').blur();
    await status(/128×64, \d+ ms a frame/);
    await page.selectOption('#shipped', 'toycity-plain');
    await page.setInputFiles('#model', file('own.onnx'));
    const classes = () => page.locator('#legend li').count();
    await expect.poll(classes, { timeout: 120_000 }).toBe(4);
    await page.selectOption('#shipped', 'toycity-plain');
    await expect.poll(classes, { timeout: 120_000 }).toBe(19);
    await page.selectOption('#shipped', '');
    await expect.poll(classes, { timeout: 120_000 }).toBe(4);
  });

  it('keeps no picture or video that it no longer shows', async () => {
    const kept = () => page.evaluate('[window.addresses.size, window.pictures.size]');
    await expect.poll(kept, { timeout: 120_000 }).toEqual([0, 0]);
    expect(await page.evaluate('window.seen')).toEqual({ addresses: true, pictures: true });
  });
});
