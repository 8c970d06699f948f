// One training step, against the same step in PyTorch (bench/peer/training_step.py): both run in turns, one process each.
// Two frames through the student, cross entropy, auxiliary head (where there is one) and motion loss at full resolution, given flow, update.
// Usage: npm run bench -- out/bench/training.js [--networks pspnet18,pidnet-s,…] [--threads 2] [--rounds 5]
//        [--sizes 2x128x256,2x256x512] [--python /usr/bin/python3]
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inTurns, serve, start } from './peer.js';
import { prepareStep } from './trainingStep.js';

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
  if (values.serve) {
    return serve(async (line) => {
      const [architecture, ...size] = line.split(' ');
      return (await prepareStep(architecture, size.map(Number), { threads: Number(values.threads) })).run;
    });
  }
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
