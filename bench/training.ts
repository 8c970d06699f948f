// One training step, against the same step in PyTorch (bench/peer/training_step.py): both run in turns, one process each.
// Two frames through the student, cross entropy, auxiliary head (where there is one) and motion loss at full resolution, given flow, update.
// Usage: npm run bench -- out/bench/training.js [--networks pspnet18,pidnet-s,…] [--threads 2] [--rounds 5]
//        [--sizes 2x128x256,2x256x512] [--python /usr/bin/python3]
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { applyGradients, computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep } from '#src/train/step.js';
import { inTurns, serve, start } from './peer.js';

/** Our side: `network batch height width` → one step. */
async function prepareStep(line: string, threads: number): Promise<() => Promise<void>> {
  const [architecture, ...size] = line.split(' ');
  const [batch, height, width] = size.map(Number);
  const step = buildTrainingStep({
    batch,
    height,
    width,
    student: await architectureStudent({
      architecture,
      classes: { count: 19 },
      seed: 1,
    }),
    dropout: false,
    segmentation: { classWeights: Array(19).fill(1) },
    losses: { motion: 0.1 },
  });
  const session = await createSession(writeModel(step.model), {
    optimization: 'disabled',
    memoryPattern: false,
    threads,
  });
  const optimizer = createOptimizer(publishedSgd, trainedWeights(step));
  const state = createTrainingState(step, optimizer, 1);
  const feeds = {
    image: labelsByName('image', [batch, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [batch, 3, height, width], 256),
    flow: symmetricByName('flow', [batch, 2, height, width], 4),
    labels: labelsByName('labels', [batch, height, width], 19),
  };
  return async () => {
    const { gradients } = await computeGradients(step, session, state, [feeds]);
    applyGradients(state, gradients, optimizer, 0.01);
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '5' },
      networks: { type: 'string', default: 'pspnet18,deeplabv3plus-mobilenetv2,pidnet-s,ddrnet23-slim,segformer-b0' },
      sizes: { type: 'string', default: '2x128x256,2x256x512' },
      python: { type: 'string', default: '/usr/bin/python3' },
      serve: { type: 'boolean', default: false },
    },
  });
  if (values.serve) return serve((line) => prepareStep(line, Number(values.threads)));
  const script = join(process.cwd(), 'bench', 'peer', 'training_step.py');
  let announced = false;
  const cases = values.networks
    .split(',')
    .flatMap((network) => values.sizes.split(',').map((size) => [network, size] as const));
  for (const [network, size] of cases) {
    const ours = start(process.execPath, [fileURLToPath(import.meta.url), '--serve', '--threads', values.threads]);
    const peer = start(values.python, [script, values.threads]);
    if (!announced) {
      console.log(
        `steadyseg: ${values.threads} threads; ${await peer.ask('threads')}; medians of ${values.rounds} steps\n`,
      );
      console.log('| network | batch × size | steadyseg ms | PyTorch ms | ratio | steadyseg MB | PyTorch MB |');
      console.log('| --- | --- | ---: | ---: | ---: | ---: | ---: |');
      announced = true;
    }
    const line = `${network} ${size.replaceAll('x', ' ')}`;
    const [own, other] = await inTurns([ours, peer], line, Number(values.rounds));
    const [ownMemory, otherMemory] = [Number(await ours.ask('memory')), Number(await peer.ask('memory'))];
    console.log(
      `| ${network} | ${size} | ${own.toFixed(0)} | ${other.toFixed(0)} | ${(other / own).toFixed(2)} | ${ownMemory.toFixed(0)} | ${otherMemory.toFixed(0)} |`,
    );
    ours.stop();
    peer.stop();
  }
}

await main();
