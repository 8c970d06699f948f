// Speed of the toy city's renderer (one thread), and of the training loader: CPU time a sample, and how long a step waits.
// Usage: npm run bench -- out/bench/data.js [--size 256x512] [--frames 60] [--samples 200] [--step 500]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { publishedAugmentation } from '#src/data/augmentation.js';
import { openDataset } from '#src/data/datasets.js';
import { createLoader } from '#src/data/loader.js';
import { createClipRenderer } from '#src/data/toycity/render.js';
import { writeToyCity } from '#src/data/toycity/write.js';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '256x512' },
    frames: { type: 'string', default: '60' },
    samples: { type: 'string', default: '200' },
    step: { type: 'string', default: '500' },
  },
});
const [height, width] = values.size.split('x').map(Number);
const frames = Number(values.frames);

/** CPU and wall milliseconds since the marks. */
function since(cpu: NodeJS.CpuUsage, wall: number) {
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / 1000, wall: performance.now() - wall };
}

function rendering(wants: { toNext?: boolean; toPrevious?: boolean }) {
  const renderer = createClipRenderer({ seed: 1, frames: frames + 20, height, width });
  for (let t = 0; t < 20; t++) renderer.frame(t, wants);
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  for (let t = 20; t < frames + 20; t++) renderer.frame(t, wants);
  const spent = since(cpu, wall);
  return { cpuMilliseconds: spent.cpu / frames, framesPerSecond: (1000 * frames) / spent.wall };
}

/** The main thread waits `step` milliseconds a batch, as it does while a training step runs. */
async function loading(root: string, flow: boolean, cacheBytes: number, step: number) {
  const dataset = await openDataset('toycity', { root });
  const batchSize = 2;
  const loader = createLoader({
    dataset,
    batchSize,
    crop: { height, width },
    seed: 1,
    augmentation: publishedAugmentation,
    neighbours: 1,
    flow,
    cacheBytes,
  });
  const count = Math.ceil(Number(values.samples) / batchSize);
  const warm = Math.ceil(count / 4);
  let [waited, cpu, wall, steps] = [0, process.cpuUsage(), performance.now(), 0];
  for await (const batch of loader.batches()) {
    if (steps === warm) [waited, cpu, wall] = [0, process.cpuUsage(), performance.now()];
    waited += batch.waitedMilliseconds;
    if (step > 0) await new Promise((resolve) => setTimeout(resolve, step));
    batch.release();
    if (++steps === count) break;
  }
  const spent = since(cpu, wall);
  await loader.close();
  const samples = (count - warm) * batchSize;
  return { cpuMillisecondsPerSample: spent.cpu / samples, waitingShare: waited / spent.wall };
}

const root = await mkdtemp(join(tmpdir(), 'steadyseg-bench-'));
try {
  const written = await writeToyCity({ out: root, clips: 4, valClips: 0, frames: 20, height, width, seed: 1 });
  const step = Number(values.step);
  const result = {
    size: values.size,
    render: rendering({}),
    renderWithBothFlows: rendering({ toNext: true, toPrevious: true }),
    writeMillisecondsPerFrame: written.writeMilliseconds,
    load: await loading(root, false, 512 * 2 ** 20, step),
    loadWithFlow: await loading(root, true, 512 * 2 ** 20, step),
    loadWithFlowUncached: await loading(root, true, 0, step),
  };
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await rm(root, { recursive: true, force: true });
}
