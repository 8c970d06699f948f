// Speed of Farneback flow: starting the worker threads, and flow fields a second by frame size and threads.
// Usage: npm run bench -- out/bench/flow.js [--seconds 10] [--threads 2]
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { farnebackFlow } from '#src/flow/farneback.js';
import { type FramePair, flowFrame } from '#src/flow/source.js';
import type { RgbImage } from '#src/media/image.js';

/** A textured picture moved right by `shift` pixels. */
function texture(width: number, height: number, shift: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const x = (pixel % width) - shift;
    const y = Math.floor(pixel / width);
    data[i] = 128 + 60 * Math.sin(x / 5 + Math.sin(y / 9)) + 50 * Math.cos(y / 4 - x / 17 + (i % 3));
  }
  return { width, height, data };
}

async function measure(width: number, height: number, threads: number, seconds: number) {
  const images = [texture(width, height, 0), texture(width, height, 3)];
  const [first, second] = images.map((image, k) => flowFrame(String(k), async () => image));
  const pair: FramePair = { first, second };
  const source = farnebackFlow({ threads });
  const starting = performance.now();
  await Promise.all(Array.from({ length: threads }, () => source.flow(pair, 'forward')));
  const start = performance.now();
  let fields = 0;
  const lane = async () => {
    while (performance.now() - start < seconds * 1000) {
      await source.flow(pair, fields++ % 2 === 0 ? 'forward' : 'backward');
    }
  };
  // One call more than threads, so that no thread waits for the next frames.
  await Promise.all(Array.from({ length: threads + 1 }, lane));
  const fieldsPerSecond = (fields * 1000) / (performance.now() - start);
  await source.close();
  return {
    size: `${width}x${height}`,
    threads,
    'first fields, threads started (ms)': Math.round(start - starting),
    'fields/s': Number(fieldsPerSecond.toFixed(2)),
  };
}

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, threads: { type: 'string' } },
});
const seconds = Number(values.seconds ?? 10);
const most = Number(values.threads ?? availableParallelism());
const results = [];
for (const [width, height] of [
  [480, 360],
  [960, 540],
  [2048, 1024],
]) {
  for (const threads of new Set([1, most])) results.push(await measure(width, height, threads, seconds));
}
console.table(results);
