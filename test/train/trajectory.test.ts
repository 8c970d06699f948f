// Twelve training steps, by one rank and by two, against the reference trajectory, within the tolerances of SPEC section 4; the update
// as a graph changes the weights as that in numbers does.
import { expect, it } from 'vitest';
import { oneRank } from '#src/collective/collective.js';
import { cityscapesClassWeights } from '#src/losses/crossEntropy.js';
import { imageNetMean, imageNetStd } from '#src/nets/normalization.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { averageOverRanks, checkSameState } from '#src/train/acrossRanks.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { openStep } from '#src/train/openStep.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { learningRate } from '#src/train/schedule.js';
import {
  applyGradients,
  computeGradients,
  createTrainingState,
  type TrainingState,
  trainedWeights,
} from '#src/train/state.js';
import { buildTrainingStep } from '#src/train/step.js';
import { batchName, buildUpdate, slotName, updateScalars } from '#src/train/updateGraph.js';
import { inProcessRanks, partOf } from '../collective/inProcess.js';
import { readGolden, readSharedJson, weightsByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

interface Trajectory {
  readonly shape: number[];
  readonly steps: { loss: number; ce: number; st: number; lr: number }[];
  readonly first_step_grad_norms: Record<string, number>;
  readonly first_step_running_norms: Record<string, number>;
  readonly final_state_norms: Record<string, number>;
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}
const relative = (found: number, expected: number) => Math.abs(found - expected) / Math.abs(expected);
type Gradients = ReadonlyMap<string, Float32Array>;
function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}
/** The largest difference of two. */
function farthest(values: ArrayLike<number>, others: ArrayLike<number> = []): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] - others[i]));
  return most;
}
const isHead = (name: string) => /^(ppm|cls|aux)\./.test(name);
/** The pixels that normalise to these values (SPEC §0). */
const pixelsOf = ({ shape, data }: Tensor<'float32'>) => {
  const plane = shape[2] * shape[3];
  const values = data.map((value, i) => {
    const channel = Math.floor(i / plane) % 3;
    return value * imageNetStd[channel] + imageNetMean[channel];
  });
  return tensor('float32', shape, values);
};
const published = { rate: 0.01, schedule: 'polynomial', power: 0.9, warmup: 0 } as const;

function lossTolerance(step: number): number {
  if (step === 0) return 1e-5;
  return step < 4 ? 1e-4 : 5e-3;
}

describeWithShared('a PSPNet-18 trained with the motion loss', ['goldens/nets/pspnet18_trajectory.json'], () => {
  // One thread each: two ranks of two threads wait for each other on two cores.
  it.each([1, 2])(
    'follows the reference on %d ranks',
    async (ranks) => {
      const trajectory = readSharedJson<Trajectory>('goldens', 'nets', 'pspnet18_trajectory.json');
      const [batch, , height, width] = trajectory.shape;
      const step = buildTrainingStep({
        student: await architectureStudent({ architecture: 'pspnet18', classes: { count: 19 }, seed: 0 }),
        pixels: 'float32',
        batch: batch / ranks,
        ranks,
        height,
        width,
        dropout: false,
        segmentation: { classWeights: cityscapesClassWeights },
        losses: { motion: 0.1 },
      });
      const optimizer = createOptimizer(publishedSgd, trainedWeights(step), { includes: isHead, factor: 10 });
      const weights = weightsByName(step.graph, 'psp18.');
      const collectives = ranks === 1 ? [oneRank] : inProcessRanks(ranks);
      const runs = await Promise.all(
        collectives.map(async (collective) => ({
          collective,
          runner: await openStep(step, collective, { threads: 1 }),
          state: createTrainingState(step, optimizer, 0, weights),
        })),
      );
      const [{ state }] = runs;
      const update = buildUpdate({ ...step, statistics: [] }, optimizer, 1);
      const session = await createSession(writeModel(update.model));
      /** What the graph of the update makes of the weights. */
      const updatedInGraph = async ({ parameters, slots }: TrainingState, gradients: Gradients, rate: number) => {
        const feeds: Record<string, Tensor> = updateScalars(optimizer, state.step, rate);
        for (const [name, gradient] of gradients) {
          const weight = found(parameters, name);
          const { shape } = weight;
          feeds[name] = weight;
          feeds[slotName('velocity', name)] = tensor('float32', shape, found(found(slots, 'velocity'), name));
          feeds[batchName(0, found(step.gradientOutputs, name))] = tensor('float32', shape, gradient);
        }
        const outputs = await session.run(feeds);
        return [...gradients.keys()].map(
          (name) => [name, outputs[found(update.next, name)].data as Float32Array] as const,
        );
      };

      for (const [k, expected] of trajectory.steps.entries()) {
        const named = (what: string) => `traj.${k % 3}.${what}`;
        const feeds: Record<string, Tensor> = {
          image: pixelsOf(symmetricByName(named('image'), trajectory.shape, 2)),
          neighbour: pixelsOf(symmetricByName(named('frame'), trajectory.shape, 2)),
          flow: symmetricByName(named('flow'), [batch, 2, height, width], 4),
          labels: labelsByName(named('target'), [batch, height, width], 19),
        };
        const computed = await Promise.all(
          runs.map(async (run) => {
            const own = await computeGradients(step, run.runner, run.state, [partOf(feeds, run.collective)]);
            return averageOverRanks(own, step, run.state, [], run.collective);
          }),
        );
        const [{ losses, gradients }] = computed;
        expect(relative(losses.loss, expected.loss), `loss of step ${k}`).toBeLessThan(lossTolerance(k));
        if (k === 0) {
          expect(relative(losses.motion * 0.1, expected.st)).toBeLessThan(1e-4);
          // In two ranks' other order of summing, the layer behind two normalised values differs by 3e-4 at once.
          if (ranks === 1) checkFirstStep(trajectory, gradients, state.parameters);
        }
        const rate = learningRate(published, k, trajectory.steps.length);
        expect(relative(rate, expected.lr)).toBeLessThan(1e-9);
        const inGraph = await updatedInGraph(state, gradients, rate);
        runs.forEach((run, rank) => void applyGradients(run.state, computed[rank].gradients, optimizer, rate));
        for (const [name, data] of inGraph)
          expect(farthest(data, state.parameters.get(name)?.data), name).toBeLessThan(1e-6);
      }
      await Promise.all(runs.map((run) => checkSameState(run.state, run.collective)));
      for (const [name, expected] of Object.entries(trajectory.final_state_norms)) {
        const found = state.parameters.get(name);
        if (!found) throw new Error(`${name} is missing`);
        expect(relative(norm(found.data), expected), name).toBeLessThan(
          name.startsWith('ppm.features.0.') ? 1e-1 : 1e-2,
        );
      }
      await session.release();
      for (const { runner } of runs) await runner.release();
    },
    600_000,
  );
});

function checkFirstStep(
  trajectory: Trajectory,
  gradients: ReadonlyMap<string, Float32Array>,
  parameters: ReadonlyMap<string, Tensor>,
) {
  expect([...gradients.keys()].sort()).toEqual(Object.keys(trajectory.first_step_grad_norms).sort());
  for (const [name, expected] of Object.entries(trajectory.first_step_grad_norms)) {
    expect(relative(norm(gradients.get(name) ?? []), expected), `norm of the gradient of ${name}`).toBeLessThan(3e-3);
  }
  const golden = readGolden(sharedPath('goldens', 'nets', 'pspnet18_first_step_grads.safetensors'));
  for (const [key, { data }] of Object.entries(golden.tensors)) {
    const name = key.replace(/^grad\./, '');
    const found = gradients.get(name) ?? new Float32Array(data.length);
    const difference = norm(data.map((x, i) => x - found[i])) / norm(data);
    expect(difference, `gradient of ${name}`).toBeLessThan(isHead(name) ? 1e-4 : 1e-2);
  }
  for (const [name, expected] of Object.entries(trajectory.first_step_running_norms)) {
    expect(relative(norm((parameters.get(name)?.data ?? []) as Float32Array), expected), name).toBeLessThan(1e-5);
  }
}
