// Throughput of the whole `predict` against that of inference alone on the same frames, CPU seconds a frame, and peak memory for few and many frames.
// Usage: npm run bench -- out/bench/predict.js --input drive.mp4 --model network.onnx --preset cityscapes [--save labels,color,overlay] [--frames 60,221] [--rounds 3]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { presetClasses } from '#src/media/classes.js';
import { openFrames } from '#src/media/frames.js';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import { prepareInput, wholeOf } from '#src/segment/pixels.js';
import { type OutputKind, predict } from '#src/segment/predict.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';

/** What one process measures. */
interface Measurement {
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly cpuMillisecondsPerFrame: number;
  readonly peakMegabytes: number;
}

const { values } = parseArgs({
  options: {
    input: { type: 'string' },
    model: { type: 'string' },
    preset: { type: 'string' },
    save: { type: 'string' },
    frames: { type: 'string', default: '60,221' },
    rounds: { type: 'string', default: '3' },
    child: { type: 'string' },
  },
});
const { input, model: modelPath } = values;
if (!input || !modelPath) throw new Error('give --input and --model');
const classes = values.preset ? presetClasses(values.preset) : undefined;

/** Runs `work` and gives its rate, CPU time and the peak memory of this process. */
async function measured(work: () => Promise<number>): Promise<Measurement> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const frames = await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    frames,
    framesPerSecond: frames / seconds,
    cpuMillisecondsPerFrame: (user + system) / 1000 / frames,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** One session with as many threads as cores and default options, fed with frames prepared before the clock starts. */
async function inferenceAlone(path: string, from: string, limit: number): Promise<Measurement> {
  const { description } = await loadModel(path, { classes });
  const session = await createSession(path, { threads: availableParallelism() });
  // A few frames, used again and again: the network takes as long for each, and memory stays small.
  const inputs: Tensor[] = [];
  for await (const { image } of (await openFrames(from)).frames()) {
    const height = description.height ?? image.height;
    const width = description.width ?? image.width;
    const planes = new Float32Array(3 * height * width);
    prepareInput(image, wholeOf(image), height, width, description.preprocessing, planes);
    inputs.push(float32([1, 3, height, width], planes));
    if (inputs.length === 8) break;
  }
  await session.run({ [description.input.name]: inputs[0] });
  return measured(async () => {
    for (let i = 0; i < limit; i++) await session.run({ [description.input.name]: inputs[i % inputs.length] });
    return limit;
  });
}

/** Everything from the file to the files, sessions' start included. */
async function wholeCommand(path: string, from: string, limit: number): Promise<Measurement> {
  const model = await loadModel(path, { classes });
  const out = mkdtempSync(join(tmpdir(), 'steadyseg-bench-'));
  try {
    const save = values.save?.split(',') as OutputKind[] | undefined;
    return await measured(async () => (await predict(from, model, out, { save, limit })).frames);
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** The same program in a process of its own, so that peak memory and caches are its own. */
function inChild(kind: string, frames: number): Measurement {
  const args = [...process.argv.slice(1), '--child', kind, '--frames', String(frames)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

if (values.child) {
  const measure = values.child === 'inference' ? inferenceAlone : wholeCommand;
  process.stdout.write(JSON.stringify(await measure(modelPath, input, Number(values.frames))));
} else {
  const [few, many = few] = values.frames.split(',').map(Number);
  const alone: Measurement[] = [];
  const whole: Measurement[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    alone.push(inChild('inference', few));
    whole.push(inChild('predict', few));
  }
  const rate = (list: Measurement[]) => median(list.map((one) => one.framesPerSecond));
  const cpu = (list: Measurement[]) => median(list.map((one) => one.cpuMillisecondsPerFrame));
  const long = many === few ? whole[0] : inChild('predict', many);
  console.table([
    { what: 'inference alone', frames: few, 'frames/s': rate(alone).toFixed(3), 'CPU ms/frame': cpu(alone).toFixed(1) },
    { what: 'predict', frames: few, 'frames/s': rate(whole).toFixed(3), 'CPU ms/frame': cpu(whole).toFixed(1) },
    {
      what: 'predict',
      frames: many,
      'frames/s': long.framesPerSecond.toFixed(3),
      'CPU ms/frame': long.cpuMillisecondsPerFrame.toFixed(1),
    },
  ]);
  const peak = median(whole.map((one) => one.peakMegabytes));
  console.log(
    `predict / inference alone: ${(rate(whole) / rate(alone)).toFixed(3)} (${few} frames, medians of ${values.rounds} rounds)`,
  );
  console.log(
    `peak memory: ${peak.toFixed(0)} MB for ${few} frames, ${long.peakMegabytes.toFixed(0)} MB for ${many}: ${(long.peakMegabytes / peak).toFixed(3)}`,
  );
}
