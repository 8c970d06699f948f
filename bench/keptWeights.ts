// A training step on the CPU whose weights stay in the engine and are updated by a graph, against one whose gradients come back, in turns.
// Usage: npm run bench -- out/bench/keptWeights.js [--network pspnet18] [--size 2x128x256] [--threads 2] [--rounds 9]
import { parseArgs } from 'node:util';
import { median } from '#src/quantize/trial.js';
import { prepareStep } from './trainingStep.js';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'pspnet18' },
    size: { type: 'string', default: '2x128x256' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '9' },
  },
});
const size = values.size.split('x').map(Number);
const threads = Number(values.threads);

console.log(`${values.network}, ${values.size}, ${threads} threads: median of ${values.rounds} steps, and range\n`);
console.log('| optimiser | gradients come back, ms | weights stay, ms |');
console.log('| --- | ---: | ---: |');
for (const method of ['sgd', 'adamw'] as const) {
  const steps = [
    await prepareStep(values.network, size, { threads, method }),
    await prepareStep(values.network, size, { threads, method, kept: true }),
  ];
  const times: number[][] = [[], []];
  for (let round = -2; round < Number(values.rounds); round++) {
    for (const [k, step] of steps.entries()) {
      const started = performance.now();
      await step.run();
      if (round >= 0) times[k].push(performance.now() - started);
    }
  }
  const figures = times.map(
    (own) => `${median(own).toFixed(0)} (${Math.min(...own).toFixed(0)}–${Math.max(...own).toFixed(0)})`,
  );
  console.log(`| ${method} | ${figures.join(' | ')} |`);
  for (const step of steps) await step.release();
}
