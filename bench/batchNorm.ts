// Batch normalisation in training, forward and back: the fused operator against plain ones, in turns.
// Usage: npm run bench -- out/bench/batchNorm.js [--threads 2] [--rounds 40]
import { parseArgs } from 'node:util';
import { gradients } from '#src/autodiff/gradients.js';
import { channelSums, normalizeBySums } from '#src/onnx/batchStatistics.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { batchNormalizationTraining, mul, reduceSum, relu } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Shape } from '#src/tensor/tensor.js';
import { median } from './peer.js';

const epsilon = 1e-5;
/** Of PSPNet-18's layers, for crops of 256×512. */
const shapes: readonly Shape[] = [
  [2, 64, 64, 128],
  [2, 256, 32, 64],
  [2, 512, 32, 64],
];

type Form = (x: Value, scale: Value, bias: Value) => Value;
const fused: Form = (x, scale, bias) => batchNormalizationTraining(x, scale, bias, epsilon).output;
const plain: Form = (x, scale, bias) => normalizeBySums(channelSums(x), scale, bias, epsilon).output;

async function prepare(shape: Shape, form: Form, threads: number): Promise<() => Promise<number>> {
  const graph = createGraph('batch norm');
  const sizes: Readonly<Record<string, Shape>> = { x: shape, weights: shape, scale: [shape[1]], bias: [shape[1]] };
  const { x, weights, scale, bias } = Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, input(graph, name, 'float32', size)]),
  );
  const loss = reduceSum(mul(relu(form(x, scale, bias)), weights), undefined, false);
  const [dx, dscale, dbias] = gradients(graph, loss, [x, scale, bias]);
  const model = writeModel(exportModel(graph, { loss, dx, dscale, dbias }));
  const session = await createSession(model, { optimization: 'disabled', memoryPattern: false, threads });
  const feeds = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, symmetricByName(name, size, 2)]));
  return async () => {
    const started = performance.now();
    await session.run(feeds);
    return performance.now() - started;
  };
}

const { values } = parseArgs({
  options: { threads: { type: 'string', default: '2' }, rounds: { type: 'string', default: '40' } },
});
console.log(`${values.threads} threads; medians of ${values.rounds} rounds\n`);
console.log('| shape | fused ms | plain ms | ratio |\n| --- | ---: | ---: | ---: |');
for (const shape of shapes) {
  const runs = await Promise.all([fused, plain].map((form) => prepare(shape, form, Number(values.threads))));
  const times: number[][] = [[], []];
  for (let round = -2; round < Number(values.rounds); round++) {
    for (const [side, run] of runs.entries()) {
      const time = await run();
      if (round >= 0) times[side].push(time);
    }
  }
  const ratio = median(times[1].map((time, round) => time / times[0][round]));
  const [own, other] = times.map(median);
  console.log(`| ${shape.join('×')} | ${own.toFixed(1)} | ${other.toFixed(1)} | ${ratio.toFixed(2)} |`);
}
