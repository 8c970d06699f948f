// Whether sending gradients while a step is computed pays: a step in a worker thread and a message between ranks, one after the other and at once.
// Usage: mpirun -n 2 --bind-to none node out/bench/overlap.js [--width 0.25] [--size 96x128] [--rounds 5]; scripts/twoHosts.sh as bench/ranks.ts.
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { launchedRank } from '#src/base/launcher.js';
import { joinLaunch } from '#src/collective/join.js';
import { loadMpi } from '#src/collective/library.js';
import { median } from '#src/quantize/trial.js';
import { prepareStep } from './trainingStep.js';

interface StepSize {
  readonly size: readonly number[];
  readonly widthMultiplier: number;
}

/** Tells how many weights the network has, then takes a step whenever it is told to, and says so. */
async function serveSteps({ size, widthMultiplier }: StepSize): Promise<void> {
  const step = await prepareStep('pspnet18', size, { threads: 1, widthMultiplier });
  parentPort?.on('message', async () => {
    await step.run();
    parentPort?.postMessage('done');
  });
  parentPort?.postMessage(step.weights);
}

/** A sum over ranks that goes on while other things are done, as far as it is asked for: each adds up one part, and sends it to the others. */
function bindSum(size: number): (values: Float32Array, rest: () => Promise<unknown>) => Promise<void> {
  const launched = launchedRank();
  if (!launched) throw new Error('expected mpirun');
  const { library, handle, world, float, ignoredStatus } = loadMpi(launched);
  const parameters = `void *, int, ${handle}, void *, int, ${handle}, ${handle}, _Out_ ${handle} *`;
  const [exchange, collect] = ['Ialltoall', 'Iallgather'].map((name) => library.func(`int MPI_${name}(${parameters})`));
  const test = library.func(`int MPI_Test(_Inout_ ${handle} *, _Out_ int *, intptr_t)`);
  return async (values, rest) => {
    const part = values.length / size;
    /** @param begin the request of what is to be done. */
    const move = async (begin: typeof exchange, from: Float32Array, to: Float32Array) => {
      const request = [0];
      begin(from, part, float, to, part, float, world, request);
      for (const done = [0]; done[0] === 0; ) {
        await rest();
        test(request, done, ignoredStatus);
      }
    };
    const given = new Float32Array(values.length);
    await move(exchange, values, given);
    const sum = given.slice(0, part);
    for (let at = part; at < given.length; at++) sum[at % part] += given[at];
    await move(collect, sum, values);
  };
}

async function compare(): Promise<void> {
  const { values: given } = parseArgs({
    options: {
      width: { type: 'string', default: '0.25' },
      size: { type: 'string', default: '96x128' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const { collective } = await joinLaunch();
  const sum = bindSum(collective.size);
  const workerData: StepSize = {
    size: [2, ...given.size.split('x').map(Number)],
    widthMultiplier: Number(given.width),
  };
  const worker = new Worker(new URL(import.meta.url), { workerData });
  const told = () => new Promise<unknown>((resolve) => worker.once('message', resolve));
  // Equally many for each rank.
  const gradients = new Float32Array(collective.size * Math.ceil(Number(await told()) / collective.size));
  const step = () => {
    const done = told();
    worker.postMessage('step');
    return done;
  };
  const ways: Record<string, () => Promise<unknown>> = {
    'step alone': step,
    'message alone, as in a run': () => collective.sum(gradients),
    'one after the other': () => step().then(() => collective.sum(gradients)),
    'message begun before the step, asked for after it': () => {
      const taken = step();
      return sum(gradients, () => taken.then(() => turn()));
    },
    'at once, asked for every millisecond': () => Promise.all([step(), sum(gradients, () => pause(1))]),
  };
  const seconds = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  // The first round does not count.
  for (let round = -1; round < Number(given.rounds); round++) {
    for (const [name, run] of Object.entries(ways)) {
      await collective.gather('');
      const started = performance.now();
      await run();
      const taken = await collective.gather(String((performance.now() - started) / 1000));
      if (round >= 0) seconds.get(name)?.push(Math.max(...taken.map(Number)));
    }
  }
  if (collective.rank === 0) {
    process.stdout.write(`${((4 * gradients.length) / 1e6).toFixed(1)} MB\n`);
    for (const [name, all] of seconds) {
      process.stdout.write(
        `${name}: median ${median(all).toFixed(3)} s of ${all.map((one) => one.toFixed(3)).join(', ')}\n`,
      );
    }
  }
  await worker.terminate();
  await collective.close();
}

await (isMainThread ? compare() : serveSteps(workerData as StepSize));
