// Speed of the toy city's renderer (one thread) and of the loader (CPU time a sample), and how long training waits for data.
// Usage: npm run bench -- out/bench/data.js [--size 256x512] [--frames 60] [--samples 200] [--steps 20]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { publishedAugmentation } from '#src/data/augmentation.js';
import { openDataset } from '#src/data/datasets.js';
import { createLoader } from '#src/data/loader.js';
import { createClipRenderer } from '#src/toycity/render.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { train } from '#src/train/trainer.js';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '256x512' },
    frames: { type: 'string', default: '60' },
    samples: { type: 'string', default: '200' },
    steps: { type: 'string', default: '20' },
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

async function loading(root: string, flow: boolean, cacheBytes: number) {
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
  let [cpu, steps] = [process.cpuUsage(), 0];
  for await (const batch of loader.batches()) {
    if (steps === warm) cpu = process.cpuUsage();
    batch.release();
    if (++steps === count) break;
  }
  const spent = since(cpu, 0);
  await loader.close();
  return { cpuMillisecondsPerSample: spent.cpu / ((count - warm) * batchSize) };
}

/** Left out of the waiting: the loader starts with the run, and its cache and the engine's memory fill. */
const warmSteps = 5;

/** Real steps of `train`: two frames, motion loss along the given flow, published augmentation. */
async function training(root: string) {
  const config = parseConfig(
    {
      network: { architecture: 'pspnet18' },
      data: { layout: 'toycity', root },
      crop: [height, width],
      batch: 2,
      steps: warmSteps + Number(values.steps),
      losses: { motion: 0.1 },
    },
    'the benchmark',
  );
  let [milliseconds, waited] = [0, 0];
  await train({
    config,
    out: join(root, 'run'),
    onStep(record) {
      if (record.step <= warmSteps) return;
      milliseconds += record.milliseconds;
      waited += record.waited;
    },
  });
  return { millisecondsPerStep: milliseconds / Number(values.steps), waitingShare: waited / milliseconds };
}

const root = await mkdtemp(join(tmpdir(), 'steadyseg-bench-'));
try {
  const written = await writeToyCity({ out: root, clips: 4, valClips: 0, frames: 20, height, width, seed: 1 });
  const result = {
    size: values.size,
    render: rendering({}),
    renderWithBothFlows: rendering({ toNext: true, toPrevious: true }),
    writeMillisecondsPerFrame: written.writeMilliseconds,
    load: await loading(root, false, 512 * 2 ** 20),
    loadWithFlow: await loading(root, true, 512 * 2 ** 20),
    loadWithFlowUncached: await loading(root, true, 0),
    training: await training(root),
  };
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await rm(root, { recursive: true, force: true });
}
