// A network with the weights that vanished as they are, and as 0 (src/onnx/vanishing.ts), in turns.
// Usage: npm run bench -- out/bench/vanishing.js [--size 360x480] [--threads 2] [--rounds 20] [--step] network.onnx …
// With --step it is the gradients of an adaptation step on its first output.
import { parseArgs } from 'node:util';
import { settledWeights } from '#src/adapt/settledWeights.js';
import type { Size } from '#src/media/image.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { withoutVanishedWeights } from '#src/onnx/vanishing.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, uniformByName } from '#src/tensor/random.js';
import { onnxStudent } from '#src/train/openStudent.js';
import { openAdaptationStep } from './adaptationStep.js';
import { median } from './peer.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '360x480' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '20' },
    step: { type: 'boolean', default: false },
  },
});
const threads = Number(values.threads);
const free = [1, 3, ...values.size.split('x').map(Number)];
console.log(`${threads} threads; medians of ${values.rounds} rounds\n`);
console.log('| network | size | vanished | as it is ms | as 0 ms | ratio |\n| --- | --- | ---: | ---: | ---: | ---: |');
for (const path of positionals) {
  const model = await readModelFile(path);
  const kept = withoutVanishedWeights(model);
  const [name, shape] = [model.graph.inputs[0].name, model.graph.inputs[0].type?.shape ?? free];
  const size = shape.map((length, axis) => (typeof length === 'number' && length > 0 ? length : free[axis]));
  const image =
    model.graph.inputs[0].type?.dtype === 'uint8'
      ? labelsByName('image', size, 256)
      : uniformByName('image', size, -2, 2);
  const runners = values.step
    ? await openSteps(path, { height: size[2], width: size[3] })
    : await Promise.all(
        [model, kept].map(async (one) => {
          const session = await createSession(writeModel(one), { threads });
          return { run: () => session.run({ [name]: image }), close: () => session.release() };
        }),
      );
  const times: number[][] = [[], []];
  for (let round = -2; round < Number(values.rounds); round++) {
    for (const [side, { run }] of runners.entries()) {
      const started = performance.now();
      await run();
      if (round >= 0) times[side].push(performance.now() - started);
    }
  }
  await Promise.all(runners.map(({ close }) => close()));
  const ratio = median(times[0].map((time, round) => time / times[1][round]));
  const [asIs, cleared] = times.map(median);
  let [vanished, all] = [0, 0];
  for (const [weight, { data }] of model.graph.initializers) {
    const now = kept.graph.initializers.get(weight)?.data ?? data;
    all += data.length;
    data.forEach((value, i) => {
      if (value !== now[i]) vanished++;
    });
  }
  const share = `${((100 * vanished) / all).toFixed(1)} %`;
  console.log(
    `| ${path.replace(/.*\//, '')} | ${size.slice(2).join('x')} | ${share} | ${asIs.toFixed(1)} | ${cleared.toFixed(1)} | ${ratio.toFixed(2)} |`,
  );
}

/** The step with the weights as they are, and as an adaptation has them once they are settled. */
async function openSteps(path: string, size: Size) {
  const { outputs } = (await readModelFile(path)).graph;
  const student = await onnxStudent(path, outputs.length > 1 ? { output: outputs[0].name } : {});
  return Promise.all(
    [student.weights, settledWeights(student, size, student.weights)].map(async (weights) => {
      const { compute, close } = await openAdaptationStep(student, size, threads, weights);
      return { run: compute, close };
    }),
  );
}
