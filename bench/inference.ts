// Segmentation of one frame, against the same networks in PyTorch (bench/peer/inference.py): both run in turns, one process each.
// Usage: npm run bench -- out/bench/inference.js [--threads 2] [--rounds 7] [--sizes 256x512,512x1024,1024x2048]
//        [--networks pspnet18,pidnet-s,…] [--winograd] [--integers FRAMES] [--python /usr/bin/python3 | --no-peer]
// With --integers each network runs in 8-bit integers, too, calibrated on some of FRAMES.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildModel } from '#src/nets/model.js';
import { writeModel } from '#src/onnx/write.js';
import { quantize } from '#src/quantize/quantize.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { median, type Runner, serve, start } from './peer.js';

interface OurOptions {
  readonly threads: number;
  readonly winograd: boolean;
  /** Frames to calibrate by. */
  readonly integers: string | undefined;
}

/** Our side: `network height width [integers]` → one frame. */
async function prepareFrame(line: string, options: OurOptions): Promise<() => Promise<void>> {
  const { threads, winograd, integers } = options;
  const [architecture, ...size] = line.split(' ');
  const [height, width] = size.map(Number);
  const image = symmetricByName('image', [1, 3, height, width], 2);
  let model = writeModel(buildModel({ architecture, classes: 19, height, width, winograd }));
  if (line.endsWith('integers') && integers !== undefined) model = await inIntegers(model, integers, threads);
  const session = await createSession(model, { threads });
  return async () => {
    await session.run({ image });
  };
}

/** First weights: their speed is true, so any agreement will do. */
async function inIntegers(model: Uint8Array, calibrate: string, threads: number): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-bench-integers-'));
  try {
    const [float, out] = [join(folder, 'float.onnx'), join(folder, 'integers.onnx')];
    writeFileSync(float, model);
    await quantize({ model: float, calibrate, out, threads, frames: 6, budget: 1e-6, anySpeed: true });
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One of what runs in turns. */
interface Side {
  readonly runner: Runner;
  readonly request: string;
  readonly times: number[];
}

const sideOf = (runner: Runner, request: string): Side => ({ runner, request, times: [] });

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
      integers: { type: 'string' },
      serve: { type: 'boolean', default: false },
    },
  });
  const threads = Number(values.threads);
  if (values.serve) return serve((line) => prepareFrame(line, { ...values, threads, integers: values.integers }));
  const rounds = Number(values.rounds);
  const peerScript = join(process.cwd(), 'bench', 'peer', 'inference.py');
  const startPeer = () => (values['no-peer'] ? undefined : start(values.python, [peerScript, values.threads]));
  const startOurs = () =>
    start(process.execPath, [
      ...[fileURLToPath(import.meta.url), '--serve', '--threads', values.threads],
      ...(values.winograd ? ['--winograd'] : []),
      ...(values.integers === undefined ? [] : ['--integers', values.integers]),
    ]);
  const header = startPeer();
  console.log(
    `steadyseg: ${threads} threads; ${header ? await header.ask('threads') : 'no peer'}; medians of ${rounds} runs\n`,
  );
  header?.stop();
  const extra = values.integers === undefined ? '' : ' integers ms | ratio |';
  console.log(
    `| network | size | steadyseg ms | PyTorch ms | PyTorch frozen ms | ratio | steadyseg MB | PyTorch MB |${extra}`,
  );
  console.log(`| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |${extra && ' ---: | ---: |'}`);
  for (const network of values.networks.split(',')) {
    for (const size of values.sizes.split(',')) {
      // Fresh processes, so that the peak memory is that of this network and size.
      const line = `${network} ${size.replace('x', ' ')}`;
      const own = sideOf(startOurs(), line);
      const peer = startPeer();
      const peers = peer ? ['eager', 'frozen'].map((kind) => sideOf(peer, `${line} ${kind}`)) : [];
      const integers = values.integers === undefined ? [] : [sideOf(startOurs(), `${line} integers`)];
      const sides = [own, ...peers, ...integers];
      for (let round = -2; round < rounds; round++) {
        for (const { runner, request, times } of sides) {
          const time = Number(await runner.ask(request));
          if (round >= 0) times.push(time);
        }
      }
      const [ownTime, ...peerTimes] = [own, ...peers].map(({ times }) => median(times));
      const memory = async (runner: Runner | undefined) =>
        runner ? Number(await runner.ask('memory')).toFixed(0) : '';
      const against = (time: number) => (peer ? (Math.min(...peerTimes) / time).toFixed(2) : '');
      const text = (time: number | undefined) => time?.toFixed(0) ?? '';
      const cells = [network, size, text(ownTime), text(peerTimes[0]), text(peerTimes[1]), against(ownTime)];
      cells.push(await memory(own.runner), await memory(peer));
      for (const { times } of integers) cells.push(text(median(times)), against(median(times)));
      console.log(`| ${cells.join(' | ')} |`);
      for (const { runner } of sides) runner.stop();
    }
  }
}

await main();
