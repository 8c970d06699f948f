// Segmentation of one frame, against the same networks in PyTorch (bench/peer/inference.py): both run in turns, one process each.
// Usage: npm run bench -- out/bench/inference.js [--threads 2] [--rounds 7] [--sizes 256x512,512x1024,1024x2048]
//        [--networks pspnet18,pidnet-s,…] [--winograd] [--python /usr/bin/python3 | --no-peer]
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildModel } from '#src/nets/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { median, type Runner, serve, start } from './peer.js';

/** Our side: `network height width` → one frame. */
async function prepareFrame(line: string, threads: number, winograd: boolean): Promise<() => Promise<void>> {
  const [architecture, ...size] = line.split(' ');
  const [height, width] = size.map(Number);
  const image = symmetricByName('image', [1, 3, height, width], 2);
  const session = await createSession(writeModel(buildModel({ architecture, classes: 19, height, width, winograd })), {
    threads,
  });
  return async () => {
    await session.run({ image });
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '7' },
      sizes: { type: 'string', default: '256x512,512x1024,1024x2048' },
      networks: {
        type: 'string',
        default: 'pspnet18,pspnet-mobilenetv2,deeplabv3plus-mobilenetv2,pidnet-s,ddrnet23-slim,segformer-b0',
      },
      python: { type: 'string', default: '/usr/bin/python3' },
      'no-peer': { type: 'boolean', default: false },
      winograd: { type: 'boolean', default: false },
      serve: { type: 'boolean', default: false },
    },
  });
  const threads = Number(values.threads);
  if (values.serve) return serve((line) => prepareFrame(line, threads, values.winograd));
  const rounds = Number(values.rounds);
  const peerScript = join(process.cwd(), 'bench', 'peer', 'inference.py');
  const startPeer = () => (values['no-peer'] ? undefined : start(values.python, [peerScript, values.threads]));
  const header = startPeer();
  console.log(
    `steadyseg: ${threads} threads; ${header ? await header.ask('threads') : 'no peer'}; medians of ${rounds} runs\n`,
  );
  header?.stop();
  console.log('| network | size | steadyseg ms | PyTorch ms | PyTorch frozen ms | ratio | steadyseg MB | PyTorch MB |');
  console.log('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const network of values.networks.split(',')) {
    for (const size of values.sizes.split(',')) {
      // Fresh processes, so that the peak memory is that of this network and size.
      const ours = start(process.execPath, [
        fileURLToPath(import.meta.url),
        '--serve',
        '--threads',
        values.threads,
        ...(values.winograd ? ['--winograd'] : []),
      ]);
      const peer = startPeer();
      const line = `${network} ${size.replace('x', ' ')}`;
      const sides: [Runner, string, number[]][] = [[ours, line, []]];
      if (peer) sides.push([peer, `${line} eager`, []], [peer, `${line} frozen`, []]);
      for (let round = -2; round < rounds; round++) {
        for (const [runner, request, times] of sides) {
          const time = Number(await runner.ask(request));
          if (round >= 0) times.push(time);
        }
      }
      const [own, eager, frozen] = sides.map(([, , times]) => median(times));
      const memory = async (runner: Runner | undefined) =>
        runner ? Number(await runner.ask('memory')).toFixed(0) : '';
      const [ownMemory, peerMemory] = [await memory(ours), await memory(peer)];
      const text = (time: number | undefined) => time?.toFixed(0) ?? '';
      const ratio = peer ? (Math.min(eager, frozen) / own).toFixed(2) : '';
      const cells = [network, size, text(own), text(eager), text(frozen), ratio, ownMemory, peerMemory];
      console.log(`| ${cells.join(' | ')} |`);
      ours.stop();
      peer?.stop();
    }
  }
}

await main();
