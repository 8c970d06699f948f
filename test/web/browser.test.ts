// The browser entry in Chromium, without a window: the labels are those of Node. Skipped where there is no Chromium.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadModel } from '#src/segment/loadModel.js';
import { startServer } from '../../scripts/staticServer.js';
import { randomPixels } from '../segment/pixels.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';

const root = resolve(import.meta.dirname, '..', '..');
const [height, width] = [48, 64];

function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
  const candidates = [process.env.CHROMIUM ?? '', ...names.flatMap((name) => folders.map((at) => join(at, name)))];
  return candidates.find((path) => path !== '' && existsSync(path));
}

const chromium = findChromium();
if (!chromium) console.log('no Chromium on this machine (PATH, $CHROMIUM): the browser test is skipped');

const page = `<!doctype html><script type="importmap">${JSON.stringify({
  imports: {
    'onnxruntime-web': '/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs',
    valibot: '/node_modules/valibot/dist/index.mjs',
    '@bufbuild/protobuf/wire': '/node_modules/@bufbuild/protobuf/dist/esm/wire/index.js',
  },
})}</script><script type="module">
const send = (result) => fetch('/result', { method: 'POST', body: JSON.stringify(result) });
try {
  const { canvasOfImage, imageOfCanvas, loadModel, overlay } = await import('/dist/web.js');
  const picture = await (await fetch('/files/picture.json')).json();
  const context = new OffscreenCanvas(${width}, ${height}).getContext('2d');
  const put = canvasOfImage({ width: ${width}, height: ${height}, data: Uint8Array.from(picture) });
  context.putImageData(new ImageData(put.data, put.width, put.height), 0, 0);
  const image = imageOfCanvas(context.getImageData(0, 0, ${width}, ${height}));
  const results = {};
  for (const name of ['fixed', 'free']) {
    const model = await loadModel(new URL('/files/' + name + '.onnx', location.href));
    const plain = await model.segment(image);
    const fine = await model.segment(image, { flip: true, confidence: true });
    results[name] = { labels: [...plain.labels.data], flipped: [...fine.labels.data], sure: fine.confidence[5] };
    results.overlay = overlay(image, plain.labels, model.classes).data.length;
    await model.release();
  }
  const broken = await loadModel(new Uint8Array([1, 2, 3])).then(() => 'loaded', (thrown) => thrown.message);
  await send({ results, broken });
} catch (thrown) {
  await send({ failed: String(thrown?.stack ?? thrown) });
}
</script>`;

describe.skipIf(!chromium)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-web-'));
  let browser: ChildProcess | undefined;
  let close: (() => void) | undefined;
  afterAll(async () => {
    close?.();
    if (browser && browser.exitCode === null) {
      const ended = new Promise((done) => browser?.once('exit', done));
      browser.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('segments canvas pixels as Node does', async () => {
    const networks = { fixed: tinyNetwork({ height: 24, width: 32 }), free: tinyNetwork({ free: true, stride: 2 }) };
    for (const [name, bytes] of Object.entries(networks)) writeFileSync(join(folder, `${name}.onnx`), bytes);
    const image = randomPixels(height, width, 3);
    writeFileSync(join(folder, 'picture.json'), JSON.stringify([...image.data]));
    writeFileSync(join(folder, 'index.html'), page);
    const answer = new Promise<string>((done) => {
      void startServer({
        routes: {
          '/': join(folder, 'index.html'),
          '/files/': folder,
          '/dist/': join(root, 'dist'),
          '/node_modules/': join(root, 'node_modules'),
        },
        onRequest(request, response) {
          const parts: Buffer[] = [];
          request.on('data', (part: Buffer) => parts.push(part));
          request.on('end', () => {
            response.end();
            done(Buffer.concat(parts).toString('utf8'));
          });
        },
      }).then((server) => {
        close = server.close;
        const profile = `--user-data-dir=${join(folder, 'profile')}`;
        const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', profile];
        browser = spawn(chromium ?? '', [...args, server.address], { stdio: 'ignore' });
      });
    });
    const { results, broken, failed } = JSON.parse(await answer);
    expect(failed).toBeUndefined();
    expect(broken).toMatch(/the model: expected an ONNX model/);
    expect(results.overlay).toBe(3 * height * width);
    for (const [name, bytes] of Object.entries(networks)) {
      const model = await loadModel(bytes, { threads: 1 });
      const plain = await model.segment(image);
      const fine = await model.segment(image, { flip: true, confidence: true });
      // Sums are in another order there: scores that are all but equal may fall to the other class.
      expect(agreement(results[name].labels, plain.labels.data)).toBeGreaterThan(0.999);
      expect(agreement(results[name].flipped, fine.labels.data)).toBeGreaterThan(0.999);
      expect(results[name].sure).toBeCloseTo(fine.confidence?.[5] ?? Number.NaN, 4);
      await model.release();
    }
  }, 120_000);
});

/** Share of equal entries. */
function agreement(a: readonly number[], b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.filter((id, at) => id === b[at]).length / b.length;
}
