// Speed of the measures: on label maps in memory, in worker threads, and end to end with PNG and .flo files.
// Usage: npm run bench -- out/bench/metrics.js [--width 2048] [--height 1024] [--seconds 3] [--workers 2] [--frames 24]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { evaluateMeanIoU } from '#src/data/evaluation/meanIoU.js';
import { evaluateTemporalConsistency } from '#src/data/evaluation/temporal.js';
import { evaluateVideoConsistency } from '#src/data/evaluation/video.js';
import { folderFlow } from '#src/flow/folder.js';
import { presetClasses } from '#src/media/classes.js';
import { writeFlo } from '#src/media/flo.js';
import { writeLabelMap } from '#src/media/labels.js';
import { meanIoUCounts } from '#src/metrics/meanIoU.js';
import { temporalConsistencyCounts } from '#src/metrics/temporalConsistency.js';
import { createWindowCounter } from '#src/metrics/videoConsistency.js';
import { temporalModes, warpLabels } from '#src/metrics/warp.js';
import { createRandom } from '#src/tensor/random.js';

interface Settings {
  readonly width: number;
  readonly height: number;
  readonly seconds: number;
}

const CLASSES = 19;

/** Labels of blobs with ragged edges, and smooth flow of some pixels with noise, whose two directions agree nearly everywhere. */
function makeScene({ width, height }: Settings) {
  const random = createRandom(1);
  const labels = (shift: number) => {
    const data = new Uint8Array(width * height);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const ragged = random.uniform() < 0.02 ? 1 : 0;
        const blob = Math.sin((x + shift) / 61) + Math.cos(y / 47) + Math.sin((x + shift + 2 * y) / 103);
        data[i] = Math.min(CLASSES - 1, Math.floor((blob + 3) * 3.2) + ragged);
      }
    }
    return { width, height, data };
  };
  const flow = (sign: number) => {
    const data = new Float32Array(width * height * 2);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        data[2 * i] = sign * (3 + 5 * Math.sin(x / 301)) + 0.2 * random.normal();
        data[2 * i + 1] = sign * 2 * Math.cos(y / 211) + 0.2 * random.normal();
      }
    }
    return { width, height, data };
  };
  return { first: labels(0), next: labels(6), label: labels(3), forward: flow(1), backward: flow(-1) };
}

/** Runs `once` for some seconds after warming up; runs a second. */
function rate(seconds: number, once: () => void): number {
  for (let warm = 0; warm < 5; warm++) once();
  const start = performance.now();
  let runs = 0;
  while (performance.now() - start < seconds * 1000) {
    once();
    runs++;
  }
  return (runs * 1000) / (performance.now() - start);
}

function work(settings: Settings): Record<string, number> {
  const { first, next, label, forward, backward } = makeScene(settings);
  const scratch = new Uint8Array(next.data.length);
  const rates: Record<string, number> = {};
  for (const mode of temporalModes) {
    rates[`TC ${mode}, pairs/s`] = rate(settings.seconds, () => {
      temporalConsistencyCounts(first, warpLabels(next, forward, backward, mode, scratch), CLASSES, mode);
    });
  }
  rates['mIoU, frames/s'] = rate(settings.seconds, () => {
    meanIoUCounts(first, label, CLASSES);
  });
  const counter = createWindowCounter({ window: 8, convention: 'vspw', classes: CLASSES });
  let frame = 0;
  rates['VC-8, frames/s'] = rate(settings.seconds, () => {
    counter.add(frame++ % 2 === 0 ? first : next, label);
  });
  return rates;
}

function print(name: string, rate: number): void {
  process.stdout.write(`${name.padEnd(26)} ${rate.toFixed(1)}\n`);
}

/** Writes frames, predictions, labels and flow, and evaluates them as the commands do. */
async function endToEnd(settings: Settings, frames: number, threads: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-bench-'));
  const path = (...parts: string[]) => join(folder, ...parts);
  try {
    const { first, next, label, forward, backward } = makeScene(settings);
    for (let t = 0; t < frames; t++) {
      const stem = `frame_${String(t).padStart(6, '0')}`;
      // Frames are named but never decoded: the flow lies in files.
      await writeLabelMap(path('frames', `${stem}.png`), first);
      await writeLabelMap(path('pred', `${stem}.png`), t % 2 === 0 ? first : next);
      await writeLabelMap(path('gt', `${stem}.png`), label);
      if (t === frames - 1) continue;
      await writeFlo(path('flow', `${stem}.flo`), forward);
      await writeFlo(path('flow', 'backward', `${stem}.flo`), backward);
    }
    const options = { pred: path('pred'), classSet: presetClasses('cityscapes'), threads };
    const flow = await folderFlow(path('flow'));
    process.stdout.write(`end to end, ${frames} frames from files (PNG, .flo), ${threads} threads\n`);
    const timed = async (name: string, units: number, run: () => Promise<unknown>) => {
      await run();
      const start = performance.now();
      await run();
      print(name, (units * 1000) / (performance.now() - start));
    };
    for (const mode of temporalModes) {
      const all = { ...options, frames: path('frames'), flow, mode };
      await timed(`TC ${mode}, pairs/s`, frames - 1, () => evaluateTemporalConsistency(all));
    }
    await timed('mIoU, frames/s', frames, () => evaluateMeanIoU({ ...options, gt: path('gt') }));
    await timed('VC-8, frames/s', frames, () => evaluateVideoConsistency({ ...options, gt: path('gt') }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      width: { type: 'string', default: '2048' },
      height: { type: 'string', default: '1024' },
      seconds: { type: 'string', default: '3' },
      workers: { type: 'string', default: '2' },
      frames: { type: 'string', default: '24' },
    },
  });
  const settings: Settings = {
    width: Number(values.width),
    height: Number(values.height),
    seconds: Number(values.seconds),
  };
  const workers = Number(values.workers);
  const all = await Promise.all(
    Array.from({ length: workers }, async () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: settings });
      return await new Promise<Record<string, number>>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  process.stdout.write(`${settings.width}×${settings.height}, ${workers} workers, inputs in memory\n`);
  for (const name of Object.keys(all[0])) {
    print(
      name,
      all.reduce((sum, rates) => sum + rates[name], 0),
    );
  }
  const frames = Number(values.frames);
  if (frames > 1) await endToEnd(settings, frames, workers);
} else {
  parentPort?.postMessage(work(workerData as Settings));
}
