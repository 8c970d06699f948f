// Mixed precision: a step with float16 activations comes near the one in float32, and its loss scale finds what fits.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { float32 } from '#src/tensor/tensor.js';
import { writeToyCity } from '#src/toycity/write.js';
import { averageOverRanks, shareState } from '#src/train/acrossRanks.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { readCheckpoint, readCheckpointWeights, writeCheckpoint } from '#src/train/checkpoint.js';
import { parseConfig } from '#src/train/config.js';
import { adjustLossScale, initialLossScale, type LossScale } from '#src/train/lossScale.js';
import { createOptimizer, type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import {
  applyGradients,
  computeGradients,
  createTrainingState,
  resultingParameters,
  type TrainingState,
} from '#src/train/state.js';
import { buildTrainingStep, type Precision } from '#src/train/step.js';
import { type TrainOptions, train } from '#src/train/trainer.js';
import { differenceOf, threeSteps } from '../../scripts/device/steps.js';
import { inProcessRanks } from '../collective/inProcess.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg mixed '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a step of mixed precision', () => {
  const [batch, height, width, classes] = [2, 32, 48, 4];
  const feeds = {
    image: labelsByName('image', [batch, 3, height, width], 256),
    neighbour: labelsByName('neighbour', [batch, 3, height, width], 256),
    flow: symmetricByName('flow', [batch, 2, height, width], 4),
    labels: labelsByName('labels', [batch, height, width], classes),
  };
  async function stepped(precision: Precision, factor: number) {
    const student = await architectureStudent({
      ...{ architecture: 'pspnet18', widthMultiplier: 1 / 8, classes: { count: classes }, seed: 5 },
    });
    // Fixed statistics: with those of a random network's batch, any rounding changes the gradients.
    const step = buildTrainingStep({
      ...{ student, batch, height, width, precision, dropout: false, portable: true, statistics: 'fixed' },
      ...{ segmentation: { auxiliaryWeight: 0.4 }, losses: { motion: 0.1 } },
    });
    const session = await createSession(writeModel(step.model), { optimization: 'disabled', threads: 1 });
    const state = createTrainingState(step, createOptimizer(publishedSgd, new Map()), 5);
    if (state.lossScale) state.lossScale.factor = factor;
    const found = await computeGradients(step, session, state, [feeds]);
    await session.release();
    return { ...found, step };
  }
  const difference = (found: ReadonlyMap<string, Float32Array>, expected: ReadonlyMap<string, Float32Array>) => {
    let [squares, all] = [0, 0];
    for (const [name, gradient] of expected) {
      const other = found.get(name) ?? [];
      gradient.forEach((value, i) => {
        squares += (value - other[i]) ** 2;
        all += value ** 2;
      });
    }
    return Math.sqrt(squares / all);
  };

  it('has the losses and gradients of float32, whatever the loss scale that fits', async () => {
    const full = await stepped('float32', 1);
    const [unscaled, small, large, tooLarge] = await Promise.all(
      [-16, 8, 12, 30].map((power) => stepped('mixed', 2 ** power)),
    );
    for (const [name, loss] of Object.entries(full.losses)) expect(small.losses[name] / loss).toBeCloseTo(1, 3);
    expect(small.losses.loss).not.toBe(full.losses.loss);
    for (const { losses } of [unscaled, large, tooLarge]) expect(losses).toEqual(small.losses);

    for (const { gradients } of [small, large]) expect(difference(gradients, full.gradients)).toBeLessThan(2e-2);
    // Without, small gradients are lost.
    expect(difference(unscaled.gradients, full.gradients)).toBeGreaterThan(5e-2);
    expect([...tooLarge.gradients.values()].some((gradient) => !gradient.every(Number.isFinite))).toBe(true);
  });

  it('takes and gives float32, and computes convolutions in float16', async () => {
    const { step } = await stepped('mixed', 1);
    const floats = [...step.model.graph.inputs, ...step.model.graph.outputs].map(({ type }) => type?.dtype);
    expect(new Set(floats)).toEqual(new Set(['uint8', 'float32']));
    const convolutions = step.graph.nodes.filter(({ op }) => op === 'Conv');
    expect(new Set(convolutions.flatMap(({ inputs }) => inputs.map((value) => value?.dtype)))).toEqual(
      new Set(['float16']),
    );
    // Sums over positions, of gradients too.
    const sums = step.graph.nodes.filter(({ op }) => op === 'ReduceSum');
    expect(new Set(sums.map(({ inputs: [value] }) => value?.dtype))).toEqual(new Set(['float32']));
  });

  it('trains as float32 does, for three steps with the statistics of the batch', async () => {
    const steps = (precision: Precision) => threeSteps({ threads: 1, precision });
    const { losses, weights } = differenceOf(await steps('mixed'), await steps('float32'));
    expect(losses).toBeLessThan(1e-3);
    expect(losses).toBeGreaterThan(1e-9);
    expect(weights).toBeLessThan(2e-2);
  });
});

describe('the loss scale', () => {
  const gradients = (value: number) => new Map([['w', Float32Array.of(1, value)]]);
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'is halved where a gradient is %d',
    (value) => {
      const scale: LossScale = { factor: 8, goodSteps: 7, skipped: 2 };
      expect(adjustLossScale(scale, gradients(value))).toBe(false);
      expect(scale).toEqual({ factor: 4, goodSteps: 0, skipped: 3 });
    },
  );

  it('is doubled after 2000 good steps in a row, up to where it helps', () => {
    const scale = { ...initialLossScale };
    const good = (steps: number) => {
      for (let step = 0; step < steps; step++) expect(adjustLossScale(scale, gradients(2))).toBe(true);
    };
    good(1999);
    expect(scale.factor).toBe(65536);
    good(1);
    expect(scale).toEqual({ factor: 131072, goodSteps: 0, skipped: 0 });
    scale.factor = 2 ** 24;
    good(2000);
    expect(scale.factor).toBe(2 ** 24);
  });

  it('is not taken for what breaks gradients that it is not in', () => {
    const scale = { factor: 1, goodSteps: 0, skipped: 0 };
    expect(() => adjustLossScale(scale, gradients(Number.NaN))).toThrow(
      /gradient of w is not finite.*precision: float32/,
    );
  });

  const adam: OptimizerOptions = {
    ...{ ...publishedSgd, method: 'adam', betas: [0.9, 0.99], epsilon: 1e-8, averaging: 0.9 },
  };
  const shapes = new Map([['w', [2]]]);
  const optimizer = createOptimizer(adam, shapes);
  const stateOf = (lossScale?: LossScale): TrainingState => ({
    parameters: new Map([['w', float32([2], [3, 4])]]),
    slots: new Map(['moment1', 'moment2', 'averaged'].map((slot) => [slot, new Map([['w', new Float32Array(2)]])])),
    step: 0,
    lossScale,
  });
  const contents = ({ parameters, slots }: TrainingState) => [
    [...(parameters.get('w')?.data ?? [])],
    ...[...slots.values()].map((slot) => [...(slot.get('w') ?? [])]),
  ];

  it('leaves everything else of a step that does not fit as it was; the next one is then the first', async () => {
    const [state, plain] = [stateOf({ factor: 8, goodSteps: 0, skipped: 0 }), stateOf()];
    applyGradients(state, gradients(Number.NaN), optimizer, 0.01);
    expect(contents(state)).toEqual(contents(stateOf()));
    expect(state.step).toBe(1);
    expect([...(resultingParameters(state).get('w')?.data ?? [])]).toEqual([3, 4]);
    const path = join(folder, 'skipped.safetensors');
    await writeCheckpoint(path, state, undefined);
    expect([...((await readCheckpointWeights(path))?.weights.get('w')?.data ?? [])]).toEqual([3, 4]);
    for (const one of [state, plain]) applyGradients(one, gradients(2), optimizer, 0.01);
    expect(contents(state)).toEqual(contents(plain));
    expect(state.lossScale).toEqual({ factor: 4, goodSteps: 1, skipped: 1 });
  });

  it('is part of a checkpoint', async () => {
    const path = join(folder, 'scale.safetensors');
    const lossScale = { factor: 512, goodSteps: 17, skipped: 3 };
    await writeCheckpoint(path, stateOf(lossScale), undefined);
    const resumed = stateOf({ ...initialLossScale });
    await readCheckpoint(path, resumed);
    expect(resumed.lossScale).toEqual(lossScale);
    await writeCheckpoint(path, stateOf(), undefined);
    await expect(readCheckpoint(path, resumed)).rejects.toThrow('expected the loss scale');
  });

  it('is one of all ranks: they share it, and skip together', async () => {
    const states = [512, 4].map((factor) => stateOf({ factor, goodSteps: factor, skipped: 0 }));
    await Promise.all(
      inProcessRanks(2).map(async (collective, rank) => {
        const state = states[rank];
        await shareState(state, collective);
        const own = { losses: { loss: 1 }, gradients: gradients(rank === 0 ? 2 : Number.POSITIVE_INFINITY) };
        const all = await averageOverRanks(own, { statistics: [] }, state, [], collective);
        applyGradients(state, all.gradients, optimizer, 0.01);
      }),
    );
    for (const state of states) {
      expect(state.lossScale).toEqual({ factor: 256, goodSteps: 0, skipped: 1 });
      expect(contents(state)).toEqual(contents(stateOf()));
    }
  });
});

describe('a run of mixed precision', () => {
  const data = join(folder, 'toy');
  beforeAll(() =>
    writeToyCity({ out: data, clips: 1, valClips: 0, frames: 5, height: 32, width: 48, seed: 3, flow: false }),
  );
  const run = async (name: string, options: Partial<TrainOptions> = {}) => {
    const config = {
      ...{ network: { architecture: 'pspnet18', widthMultiplier: 0.0625 }, data: { layout: 'toycity', root: data } },
      ...{ crop: [32, 48], batch: 2, steps: 3, precision: 'mixed' },
    };
    const out = join(folder, name);
    await train({ config: parseConfig(config, 'mixed.yaml'), ...options, out });
    return { bytes: readFileSync(runFiles(out).last), metrics: await readMetrics(runFiles(out).metrics) };
  };

  it('goes on bit for bit, and logs its loss scale', async () => {
    const whole = await run('whole');
    expect(whole.metrics.map((record) => 'lossScale' in record && record.lossScale)).toEqual(
      expect.arrayContaining([65536]),
    );
    const interruption = new AbortController();
    const stopped = run('stopped', { signal: interruption.signal, onStep: () => interruption.abort() });
    await expect(stopped).rejects.toThrow('ended at step 1 of 3');
    expect((await run('stopped', { resume: true })).bytes.equals(whole.bytes)).toBe(true);
  });
});
