// Speed of the flow methods side by side: fields a second of each in turn, and the ratio to Farneback's.
// Usage: npm run bench -- out/bench/flow.js [--first A.png --second B.png] [--rounds 7] [--seconds 2] [--threads 2]
// Without pictures, textures of several sizes that moved by three pixels.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { openFlowSource } from '#src/flow/open.js';
import { type FlowSource, type FramePair, flowFrame } from '#src/flow/source.js';
import type { RgbImage } from '#src/media/image.js';
import { readPicture } from '#src/media/pictures.js';

const methods = ['farneback', 'dis-ultrafast', 'dis-fast', 'dis-medium'];

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

function pairOf(first: RgbImage, second: RgbImage): FramePair {
  return { first: flowFrame('first', async () => first), second: flowFrame('second', async () => second) };
}

/** Fields a second, both directions in turn, with one call more under way than there are threads. */
async function fieldsPerSecond(source: FlowSource, pair: FramePair, seconds: number): Promise<number> {
  const start = performance.now();
  let fields = 0;
  const lane = async () => {
    while (performance.now() - start < seconds * 1000) {
      await source.flow(pair, fields++ % 2 === 0 ? 'forward' : 'backward');
    }
  };
  await Promise.all(Array.from({ length: source.concurrency + 1 }, lane));
  return (fields * 1000) / (performance.now() - start);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

const { values } = parseArgs({
  options: {
    first: { type: 'string' },
    second: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const threads = Number(values.threads);
const pairs =
  values.first && values.second
    ? [pairOf(await readPicture(values.first), await readPicture(values.second))]
    : [
        [480, 360],
        [960, 540],
        [2048, 1024],
      ].map(([width, height]) => pairOf(texture(width, height, 0), texture(width, height, 3)));

const results = [];
for (const pair of pairs) {
  const sources = await Promise.all(methods.map((method) => openFlowSource(method, { threads, cache: false })));
  const speeds: number[][] = methods.map(() => []);
  // The first round starts threads and compiles; it does not count.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [k, source] of sources.entries()) {
      const speed = await fieldsPerSecond(source, pair, Number(values.seconds));
      if (round > 0) speeds[k].push(speed);
    }
  }
  await Promise.all(sources.map((source) => source.close()));
  const { width, height } = await pair.first.image();
  for (const [k, method] of methods.entries()) {
    results.push({
      size: `${width}x${height}`,
      method,
      threads,
      'fields/s': Number(median(speeds[k]).toFixed(1)),
      'to Farneback': Number(median(speeds[k].map((speed, round) => speed / speeds[0][round])).toFixed(2)),
    });
  }
}
console.table(results);
