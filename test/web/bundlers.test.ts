// The browser entry in applications: examples/vite, built by Vite, webpack and esbuild, and used in Chromium.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { overlay } from '#src/media/color.js';
import { writePicture } from '#src/media/pictures.js';
import { loadModel } from '#src/segment/loadModel.js';
import { startServer } from '../../scripts/staticServer.js';
import { randomPixels } from '../segment/pixels.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';
import { hasChromium, launchChromium } from './chromium.js';

const root = resolve(import.meta.dirname, '..', '..');
const engine = join(root, 'node_modules', 'onnxruntime-web', 'dist');
const [height, width] = [48, 64];

/** What each bundler makes of the application in a folder, into `site`. */
const bundlers: Readonly<Record<string, (folder: string, site: string) => Promise<void>>> = {
  async vite(folder, site) {
    const { build } = await import('vite');
    await build({ root: folder, logLevel: 'warn', build: { outDir: site, emptyOutDir: false } });
  },
  async webpack(folder, site) {
    const { default: webpack } = await import('webpack');
    const compiler = webpack({
      mode: 'production',
      context: folder,
      entry: './main.js',
      output: { path: site },
      // Minimising takes most of the time, and changes nothing here.
      optimization: { minimize: false },
      performance: false,
    });
    const stats = await new Promise<import('webpack').Stats | undefined>((done, fail) =>
      compiler.run((error, found) => (error ? fail(error) : done(found))),
    );
    expect(stats?.compilation.errors).toEqual([]);
    plainPage(folder, site);
  },
  async esbuild(folder, site) {
    const { build } = await import('esbuild');
    await build({
      absWorkingDir: folder,
      // The worker is an entry of its own, and the engine's WebAssembly is copied: esbuild does neither by itself.
      entryPoints: ['main.js', 'node_modules/steadyseg/dist/runtime/webWorker.js'],
      entryNames: '[name]',
      ...{ bundle: true, splitting: true, format: 'esm', outdir: site, logLevel: 'warning' },
    });
    for (const name of readdirSync(engine).filter((one) => one.endsWith('.wasm'))) {
      symlinkSync(join(engine, name), join(site, name));
    }
    plainPage(folder, site);
  },
};

/** The page as it is, for bundlers that bundle scripts alone. */
function plainPage(folder: string, site: string): void {
  cpSync(join(folder, 'index.html'), join(site, 'index.html'));
}

describe.skipIf(!hasChromium)('an application in Chromium', () => {
  const top = mkdtempSync(join(tmpdir(), 'steadyseg-bundlers-'));
  const files = { network: join(top, 'tiny.onnx'), picture: join(top, 'picture.png') };
  const image = randomPixels(height, width, 3);
  const network = tinyNetwork({ height: 24, width: 32 });
  let browser: Browser;
  let expected: Uint8Array;
  beforeAll(async () => {
    writeFileSync(files.network, network);
    await writePicture(files.picture, image);
    const model = await loadModel(network, { threads: 1 });
    expected = overlay(image, (await model.segment(image)).labels, model.classes).data;
    await model.release();
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(top, { recursive: true, force: true, maxRetries: 5 });
  });

  /** A copy of the example that finds the library as an installed one. */
  function copyExample(name: string, worker: boolean): string {
    const folder = join(top, name);
    cpSync(join(root, 'examples', 'vite'), folder, { recursive: true });
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules', 'steadyseg'), 'dir');
    const script = readFileSync(join(folder, 'main.js'), 'utf8');
    expect(script).toContain('worker: true');
    writeFileSync(join(folder, 'main.js'), script.replace('worker: true', `worker: ${worker}, threads: 2`));
    return folder;
  }

  /** Uses the built application as a visitor does; gives the colours it drew. */
  async function use(site: string, isolated: boolean): Promise<{ status: string; drawn: number[] }> {
    const server = await startServer({ routes: { '/': site }, isolated });
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    try {
      await page.goto(server.address);
      expect(await page.evaluate('crossOriginIsolated')).toBe(isolated);
      await page.setInputFiles('#network', files.network);
      await page.setInputFiles('#picture', files.picture);
      const line = page.locator('#status');
      await expect.poll(() => line.textContent(), { timeout: 120_000 }).not.toMatch(/Choose|Segmenting/);
      const rgba: number[] = await page.evaluate(`(() => {
        const canvas = document.getElementById('canvas');
        return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
      })()`);
      expect(problems).toEqual([]);
      return { status: (await line.textContent()) ?? '', drawn: rgba.filter((_, at) => at % 4 !== 3) };
    } finally {
      await page.close();
      server.close();
    }
  }

  describe.each(Object.keys(bundlers))('%s', (name) => {
    it.each([
      { worker: true, isolated: true },
      { worker: true, isolated: false },
      // Of the ways that the engine lies in the application's own scripts, one a kind of bundler is enough.
      ...(name === 'webpack' ? [] : [{ worker: false, isolated: true }]),
    ])('runs with worker: $worker, cross-origin isolated: $isolated', async ({ worker, isolated }) => {
      const site = join(top, `${name}-${worker}-site`);
      if (!readdirSync(top).includes(`${name}-${worker}-site`)) {
        mkdirSync(site);
        await bundlers[name](copyExample(`${name}-${worker}`, worker), site);
      }
      const { status, drawn } = await use(site, isolated);
      expect(status).toMatch(/^64×48: \d+ ms/);
      expect(drawn.length).toBe(expected.length);
      expect(drawn.filter((value, at) => Math.abs(value - expected[at]) <= 1).length).toBeGreaterThan(
        0.99 * drawn.length,
      );
    });
  });
});
