// The browser entry in Chromium, without a window: the labels are those of Node. Skipped where there is no Chromium.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RgbImage } from '#src/media/image.js';
import { writePicture } from '#src/media/pictures.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { quantize } from '#src/quantize/quantize.js';
import { loadModel } from '#src/segment/loadModel.js';
import { startServer } from '../../scripts/staticServer.js';
import { randomPixels } from '../segment/pixels.js';
import { adaptableModel, normalised, tinyNetwork } from '../segment/tinyNetwork.js';
import { hasChromium, launchChromium } from './chromium.js';

const root = resolve(import.meta.dirname, '..', '..');
const [height, width] = [48, 64];

/** What stands for another file in browsers. */
const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  imports: Record<string, string | { browser: string }>;
};
const ownImports = Object.entries(imports).flatMap(([name, to]) =>
  typeof to === 'string' ? [] : [[name, to.browser.replace(/^\./, '')]],
);

const html = `<!doctype html><script type="importmap">${JSON.stringify({
  imports: {
    ...Object.fromEntries(ownImports),
    'onnxruntime-web/wasm': '/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs',
    valibot: '/node_modules/valibot/dist/index.mjs',
    '@bufbuild/protobuf/wire': '/node_modules/@bufbuild/protobuf/dist/esm/wire/index.js',
  },
})}</script>`;

/** Runs in the page. */
const script = `(async () => {
  const { canvasOfImage, imageOfCanvas, loadModel, overlay } = await import('/dist/web.js');
  const picture = await (await fetch('/files/picture.json')).json();
  const context = new OffscreenCanvas(${width}, ${height}).getContext('2d');
  const put = canvasOfImage({ width: ${width}, height: ${height}, data: Uint8Array.from(picture) });
  context.putImageData(new ImageData(put.data, put.width, put.height), 0, 0);
  const image = imageOfCanvas(context.getImageData(0, 0, ${width}, ${height}));
  const results = {};
  for (const name of ['fixed', 'free', 'integers']) {
    const model = await loadModel(new URL('/files/' + name + '.onnx', location.href));
    const plain = await model.segment(image);
    const fine = await model.segment(image, { flip: true, confidence: true });
    results[name] = { labels: [...plain.labels.data], flipped: [...fine.labels.data], sure: fine.confidence[5] };
    results.overlay = overlay(image, plain.labels, model.classes).data.length;
    await model.release();
  }
  const broken = await loadModel(new Uint8Array([1, 2, 3])).then(() => 'loaded', (thrown) => thrown.message);
  return { results, broken };
})()`;

interface Answer {
  readonly results: Record<'fixed' | 'free' | 'integers', { labels: number[]; flipped: number[]; sure: number }> & {
    overlay: number;
  };
  readonly broken: string;
}

describe.skipIf(!hasChromium)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-web-'));
  let server: Awaited<ReturnType<typeof startServer>>;
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(join(folder, 'index.html'), html);
    server = await startServer({
      routes: {
        '/': join(folder, 'index.html'),
        '/files/': folder,
        '/dist/': join(root, 'dist'),
        '/node_modules/': join(root, 'node_modules'),
      },
    });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** The network as `quantize` makes it, by one picture. */
  async function inIntegers(network: Uint8Array, image: RgbImage): Promise<Uint8Array> {
    const [model, out, picture] = [join(folder, 'float.onnx'), join(folder, 'out.onnx'), join(folder, 'picture.png')];
    writeFileSync(model, network);
    await writePicture(picture, image);
    await quantize({ model, calibrate: picture, out, threads: 1, anySpeed: true, budget: 0.9 });
    const bytes = readFileSync(out);
    expect(readModel(bytes).graph.nodes.map(({ op }) => op)).toContain('QuantizeLinear');
    return bytes;
  }

  it('segments canvas pixels as Node does', async () => {
    const image = randomPixels(height, width, 3);
    const networks = {
      fixed: tinyNetwork({ height: 24, width: 32 }),
      free: tinyNetwork({ free: true, stride: 2 }),
      integers: await inIntegers(writeModel(adaptableModel({ height: 24, width: 32, metadata: normalised })), image),
    };
    for (const [name, bytes] of Object.entries(networks)) writeFileSync(join(folder, `${name}.onnx`), bytes);
    writeFileSync(join(folder, 'picture.json'), JSON.stringify([...image.data]));
    const page = await browser.newPage();
    await page.goto(server.address);
    const { results, broken }: Answer = await page.evaluate(script);
    expect(broken).toMatch(/the model: expected an ONNX model/);
    expect(results.overlay).toBe(3 * height * width);
    for (const name of ['fixed', 'free', 'integers'] as const) {
      const model = await loadModel(networks[name], { threads: 1 });
      const plain = await model.segment(image);
      const fine = await model.segment(image, { flip: true, confidence: true });
      // Sums are in another order there: scores that are all but equal may fall to the other class.
      expect(agreement(results[name].labels, plain.labels.data)).toBeGreaterThan(0.999);
      expect(agreement(results[name].flipped, fine.labels.data)).toBeGreaterThan(0.999);
      expect(results[name].sure).toBeCloseTo(fine.confidence?.[5] ?? Number.NaN, 4);
      await model.release();
    }
  });
});

/** Share of equal entries. */
function agreement(a: readonly number[], b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.filter((id, at) => id === b[at]).length / b.length;
}
