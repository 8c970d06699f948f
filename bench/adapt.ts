// One step of an adaptation (SPEC section 9), against the same step in PyTorch (bench/peer/adapt_step.py) on the same network:
// two frames through it, cross entropy to the consensus of both, motion along given flow, Adam. Both run in turns.
// Usage: npm run bench -- out/bench/adapt.js --model espnet.onnx --size 360x480 [--threads 2] [--rounds 5] [--python /usr/bin/python3]
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { method, pairStep } from '#src/adapt/training.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { tensor } from '#src/tensor/tensor.js';
import { onnxStudent } from '#src/train/openStudent.js';
import { createOptimizer } from '#src/train/optimizer.js';
import { applyGradients, computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
import { inTurns, serve, start } from './peer.js';

/** Our side: `height width` → one step. */
async function prepareStep(line: string, path: string, threads: number): Promise<() => Promise<void>> {
  const [height, width] = line.split(' ').map(Number);
  const student = await onnxStudent(path, {});
  const classes = student.classes.count;
  const ones = Array<number>(classes).fill(1);
  const step = pairStep(student, { height, width, targetSums: ones, targetFactors: ones });
  const session = await createSession(writeModel(step.model), {
    optimization: 'disabled',
    memoryPattern: false,
    threads,
  });
  const optimizer = createOptimizer(
    {
      ...{ method: 'adam', betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 },
      ...{ decayNormsAndBiases: true, groups: {}, averaging: method.averaging },
    },
    trainedWeights(step),
  );
  const state = createTrainingState(step, optimizer, 1, student.weights);
  const feeds = {
    image: labelsByName('image', [1, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [1, 3, height, width], 256),
    'targets.frame': labelsByName('targets', [1, height, width, classes], 256),
    'targets.neighbour': labelsByName('next targets', [1, height, width, classes], 256),
    'pixelWeights.frame': labelsByName('pixel weights', [1, height, width], 129),
    'pixelWeights.neighbour': labelsByName('next pixel weights', [1, height, width], 129),
    flow: symmetricByName('flow', [1, 2, height, width], 4),
    flowValid: tensor(
      'float32',
      [1, 1, height, width],
      new Float32Array(height * width).map((_, i) => (i % 10 ? 1 : 0)),
    ),
  };
  return async () => {
    const { gradients } = await computeGradients(step, session, state, [feeds]);
    applyGradients(state, gradients, optimizer, method.rate);
  };
}

/** The largest difference of the peer's scores from the engine's: that both run the same network. */
async function difference(peer: ReturnType<typeof start>, path: string, [height, width]: readonly number[]) {
  const session = await createSession(path);
  const image = tensor(
    'float32',
    [1, 3, height, width],
    Float32Array.from(labelsByName('image', [3, height, width], 256).data),
  );
  const [name] = session.inputs.map((input) => input.name);
  const scores = Object.values(await session.run({ [name]: image }))[0].data;
  await session.release();
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-bench-'));
  try {
    const [wanted, fed] = [join(folder, 'scores'), join(folder, 'image')];
    await writeFile(wanted, new Uint8Array(Float32Array.from(scores as Float32Array).buffer));
    await writeFile(fed, new Uint8Array(image.data.buffer));
    return Number(await peer.ask(`difference ${wanted} ${fed} ${height} ${width}`));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      size: { type: 'string', default: '360x480' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '5' },
      python: { type: 'string', default: '/usr/bin/python3' },
      serve: { type: 'boolean', default: false },
    },
  });
  const { model, threads } = values;
  if (!model) throw new Error('expected --model, a network (.onnx)');
  if (values.serve) return serve((line) => prepareStep(line, model, Number(threads)));
  const script = join(process.cwd(), 'bench', 'peer', 'adapt_step.py');
  const ours = start(process.execPath, [
    fileURLToPath(import.meta.url),
    '--serve',
    '--model',
    model,
    '--threads',
    threads,
  ]);
  const peer = start(values.python, [script, threads, model]);
  const line = values.size.replace('x', ' ');
  console.log(`steadyseg: ${threads} threads; ${await peer.ask('threads')}; medians of ${values.rounds} steps`);
  console.log(
    `largest difference of the two networks' scores: ${await difference(peer, model, line.split(' ').map(Number))}\n`,
  );
  const [own, other] = await inTurns([ours, peer], line, Number(values.rounds));
  const [ownMemory, otherMemory] = [Number(await ours.ask('memory')), Number(await peer.ask('memory'))];
  console.log('| size | steadyseg ms | PyTorch ms | ratio | steadyseg MB | PyTorch MB |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  console.log(
    `| ${values.size} | ${own.toFixed(0)} | ${other.toFixed(0)} | ${(other / own).toFixed(2)} | ${ownMemory.toFixed(0)} | ${otherMemory.toFixed(0)} |`,
  );
  ours.stop();
  peer.stop();
}

await main();
