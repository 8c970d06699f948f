// One step of an adaptation (SPEC section 9), against the same step in PyTorch (bench/peer/adapt_step.py) on the same network:
// two frames through it, cross entropy to the consensus of both, motion along given flow, Adam. Both run in turns.
// Usage: npm run bench -- out/bench/adapt.js --model espnet.onnx --size 360x480 [--threads 2] [--rounds 5] [--python /usr/bin/python3] [--settled]
// With --settled, both have weights that vanished as 0, as an adaptation has them after its first steps.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readModelFile, writeModelFile } from '#src/onnx/modelFile.js';
import { withoutVanishedWeights } from '#src/onnx/vanishing.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName } from '#src/tensor/random.js';
import { tensor } from '#src/tensor/tensor.js';
import { onnxStudent } from '#src/train/openStudent.js';
import { openAdaptationStep } from './adaptationStep.js';
import { inTurns, serve, start } from './peer.js';

/** Our side: `height width` → one step. */
async function prepareStep(line: string, path: string, threads: number): Promise<() => Promise<void>> {
  const [height, width] = line.split(' ').map(Number);
  return (await openAdaptationStep(await onnxStudent(path, {}), { height, width }, threads)).step;
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
      settled: { type: 'boolean', default: false },
    },
  });
  const { model, threads } = values;
  if (!model) throw new Error('expected --model, a network (.onnx)');
  if (values.serve) return serve((line) => prepareStep(line, model, Number(threads)));
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-bench-'));
  try {
    const network = join(folder, 'network.onnx');
    const content = await readModelFile(model);
    await writeModelFile(network, values.settled ? withoutVanishedWeights(content) : content);
    await compare(network, threads, values.size, Number(values.rounds), values.python);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function compare(network: string, threads: string, size: string, rounds: number, python: string): Promise<void> {
  const script = join(process.cwd(), 'bench', 'peer', 'adapt_step.py');
  const self = fileURLToPath(import.meta.url);
  const ours = start(process.execPath, [self, '--serve', '--model', network, '--threads', threads]);
  const peer = start(python, [script, threads, network]);
  const line = size.replace('x', ' ');
  console.log(`steadyseg: ${threads} threads; ${await peer.ask('threads')}; medians of ${rounds} steps`);
  const apart = await difference(peer, network, line.split(' ').map(Number));
  console.log(`largest difference of the two networks' scores: ${apart}\n`);
  const [own, other] = await inTurns([ours, peer], line, rounds);
  const [ownMemory, otherMemory] = [Number(await ours.ask('memory')), Number(await peer.ask('memory'))];
  console.log('| size | steadyseg ms | PyTorch ms | ratio | steadyseg MB | PyTorch MB |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  console.log(
    `| ${size} | ${own.toFixed(0)} | ${other.toFixed(0)} | ${(other / own).toFixed(2)} | ${ownMemory.toFixed(0)} | ${otherMemory.toFixed(0)} |`,
  );
  ours.stop();
  peer.stop();
}

await main();
