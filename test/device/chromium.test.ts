// WebGPU in Chromium, on its software driver, gives what the CPU gives in three training steps. Skipped where there is no Chromium.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
const entry = `export { threeSteps } from './scripts/device/steps.ts';`;
const script = `(async () => {
  const { threeSteps } = await import('/files/steps.js');
  return threeSteps({ device: 'webgpu' });
})()`;

describe.skipIf(!hasChromium)('WebGPU in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-webgpu-'));
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    writeFileSync(join(folder, 'index.html'), html);
    await build({
      stdin: { contents: entry, resolveDir: root },
      ...{ bundle: true, format: 'esm', platform: 'browser', conditions: ['browser'], logLevel: 'error' },
      ...{ external: ['onnxruntime-web/*'], outfile: join(folder, 'steps.js') },
    });
    server = await startServer({
      routes: {
        '/': join(folder, 'index.html'),
        '/files/': folder,
        '/node_modules/': join(root, 'node_modules'),
      },
    });
  });
  afterAll(() => {
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('trains as the CPU does, for three steps', async () => {
    const browser = await launchChromium(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);
    try {
      const page = await browser.newPage();
      await page.goto(server.address);
      const found = (await page.evaluate(script)) as StepsResult;
      const expected = await threeSteps();
      const difference = differenceOf(found, expected);
      expect(difference.losses).toBeLessThan(1e-5);
      expect(difference.weights).toBeLessThan(1e-4);
    } finally {
      await browser.close();
    }
  });
});
