// WebGPU in Chromium, on its software driver, gives what the CPU gives: labels of the networks that ship, and three training steps. Skipped where there is no Chromium.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '#src/segment/loadModel.js';
import { smallLabels } from '../../scripts/device/labels.js';
import { smallNetwork } from '../../scripts/device/smallNetwork.js';
import { differenceOf, type StepsResult, threeSteps } from '../../scripts/device/steps.js';
import { startServer } from '../../scripts/staticServer.js';
import { hasChromium, launchChromium } from '../web/chromium.js';

const root = resolve(import.meta.dirname, '..', '..');
const builds = ['wasm', 'webgpu'].map((name) => [
  `onnxruntime-web/${name}`,
  `/node_modules/onnxruntime-web/dist/ort.${name}.bundle.min.mjs`,
]);
const html = `<!doctype html><script type="importmap">${JSON.stringify({ imports: Object.fromEntries(builds) })}</script>`;

/** What the page runs; the library is bundled for browsers, the engine is not. */
const entry = ['scripts/device/labels', 'scripts/device/steps', 'src/segment/webModel']
  .map((name) => `export * from './${name}.ts';`)
  .join('');
const stepsScript = `(async () => {
  const { threeSteps } = await import('/files/device.js');
  return threeSteps({ device: 'webgpu' });
})()`;
const labelsScript = (name: string) => `(async () => {
  const { loadModel, smallLabels } = await import('/files/device.js');
  const network = new URL('/files/${name}.onnx', location.href);
  return [...(await smallLabels(await loadModel(network, { device: 'webgpu' })))];
})()`;

describe.skipIf(!hasChromium)('WebGPU in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-webgpu-'));
  let server: Awaited<ReturnType<typeof startServer>>;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    writeFileSync(join(folder, 'index.html'), html);
    await build({
      stdin: { contents: entry, resolveDir: root },
      ...{ bundle: true, format: 'esm', platform: 'browser', conditions: ['browser'], logLevel: 'error' },
      ...{ external: ['onnxruntime-web/*'], outfile: join(folder, 'device.js') },
    });
    server = await startServer({
      routes: {
        '/': join(folder, 'index.html'),
        '/files/': folder,
        '/node_modules/': join(root, 'node_modules'),
      },
    });
    browser = await launchChromium(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);
    page = await browser.newPage();
    await page.goto(server.address);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  // One of each pair: node.test.ts has the others.
  it.each(['toycity-steady', 'camvid-steady'] as const)('labels as the CPU does with %s', async (name) => {
    const network = await smallNetwork(name);
    writeFileSync(join(folder, `${name}.onnx`), network);
    const expected = await smallLabels(await loadModel(network));
    expect(new Set(expected).size).toBeGreaterThan(1);
    expect(await page.evaluate(labelsScript(name))).toEqual([...expected]);
  });

  it('trains as the CPU does, for three steps', async () => {
    const found = (await page.evaluate(stepsScript)) as StepsResult;
    const expected = await threeSteps();
    const difference = differenceOf(found, expected);
    expect(difference.losses).toBeLessThan(1e-5);
    expect(difference.weights).toBeLessThan(1e-4);
  });
});
