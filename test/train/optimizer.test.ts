// Update rules against PyTorch, groups, clipping, schedules, and the mean of weights.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '#src/base/errors.js';
import { fitsPattern } from '#src/base/namePattern.js';
import { float32 } from '#src/tensor/tensor.js';
import { clipGradients } from '#src/train/gradientClipping.js';
import { createOptimizer, type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { learningRate, type ScheduleOptions } from '#src/train/schedule.js';
import { applyGradients, resultingParameters, type TrainingState } from '#src/train/state.js';
import { keptShare, updateAverage } from '#src/train/weightAverage.js';
import { readGolden } from '../goldens.js';

const heads = { includes: (name: string) => /^(ppm|cls|aux)\./.test(name), factor: 10 };

const { tensors } = readGolden(join(import.meta.dirname, '..', 'fixtures', 'train', 'optimizers.safetensors'));
const shapes = new Map([
  ['layer1.weight', [3, 4, 2, 1]],
  ['layer1.bias', [3]],
  ['cls.weight', [2, 5, 1, 1]],
]);

/** The state as `createTrainingState` makes it, with the reference's first weights. */
function stateFor(slots: readonly string[]): TrainingState {
  const names = [...shapes.keys()];
  const parameters = new Map(
    names.map((name) => [name, float32([...tensors[`start.${name}`].shape], [...tensors[`start.${name}`].data])]),
  );
  const empty = () => new Map(names.map((name) => [name, new Float32Array(tensors[`start.${name}`].data.length)]));
  return { parameters, slots: new Map(slots.map((slot) => [slot, empty()])), step: 0 };
}

const gradientsOf = (step: number) =>
  new Map([...shapes.keys()].map((name) => [name, Float32Array.from(tensors[`gradient.${step}.${name}`].data)]));

const common = { weightDecay: 0.05, decayNormsAndBiases: false, groups: {} };
const adamOptions = { betas: [0.8, 0.95], epsilon: 1e-3 } as const;
const polynomial: ScheduleOptions = { rate: 0.01, schedule: 'polynomial', power: 0.9, warmup: 0 };

describe('six updates equal those of PyTorch', () => {
  it.each<[string, OptimizerOptions]>([
    ['sgd', { method: 'sgd', momentum: 0.9, ...common }],
    ['adam', { method: 'adam', ...adamOptions, ...common }],
    ['adamw', { method: 'adamw', ...adamOptions, ...common }],
    ['clipped', { method: 'sgd', momentum: 0.9, clipNorm: 2, ...common }],
  ])('with %s', (golden, options) => {
    const optimizer = createOptimizer(options, shapes, heads);
    const state = stateFor(optimizer.rule.slots);
    for (let step = 0; step < 6; step++) {
      applyGradients(state, gradientsOf(step), optimizer, learningRate(polynomial, step, 6));
    }
    expect(state.step).toBe(6);
    for (const [name, { data }] of state.parameters) {
      const expected = tensors[`${golden}.${name}`].data;
      const far = Math.max(
        ...data.map((value, i) => Math.abs(value - expected[i]) / Math.max(0.1, Math.abs(expected[i]))),
      );
      expect(far, name).toBeLessThan(2e-6);
    }
  });
});

describe('parameter groups', () => {
  const groups = { 'cls.*': { rate: 0.5, weightDecay: 2 }, '*.weight': { rate: 3, weightDecay: 1 } };

  it('give a weight the first pattern it fits, on top of the head factor', () => {
    const options = { ...publishedSgd, weightDecay: 0.1, decayNormsAndBiases: false, groups };
    const found = createOptimizer(options, shapes, heads).groups;
    expect([...found]).toEqual([
      ['layer1.weight', { rateFactor: 3, weightDecay: 0.1 }],
      ['layer1.bias', { rateFactor: 1, weightDecay: 0 }],
      ['cls.weight', { rateFactor: 5, weightDecay: 0.2 }],
    ]);
  });

  it('decay everything alike by default, as published', () => {
    const decays = [...createOptimizer(publishedSgd, shapes).groups.values()].map(({ weightDecay }) => weightDecay);
    expect(decays).toEqual([1e-4, 1e-4, 1e-4]);
  });

  it('refuse a pattern that no weight fits', () => {
    const options = { ...publishedSgd, groups: { 'layer1.weigth': { rate: 1, weightDecay: 0 } } };
    expect(() => createOptimizer(options, shapes)).toThrow(UsageError);
    expect(() => createOptimizer(options, shapes)).toThrow('"layer1.weigth"; did you mean layer1.weight?');
  });

  it.each([
    ['layer1.bias', 'layer1.bias', true],
    ['layer1.bias', 'layer1', false],
    ['layer1.bias', '*', true],
    ['layer1.bias', 'layer*', true],
    ['layer1.bias', 'ayer*', false],
    ['layer1.bias', '*.bias', true],
    ['layer1.bias', '*.bia', false],
    ['layer1.0.bias', 'layer*.*bias', true],
    ['a.b', 'a.b*b', false],
    ['abab', 'a*b*b', true],
    ['aXb', 'a.b', false],
  ])('%s and %s', (name, pattern, fits) => {
    expect(fitsPattern(name, pattern)).toBe(fits);
  });
});

it('clips gradients to a norm, and leaves smaller ones as they are', () => {
  const gradients = new Map([
    ['a', Float32Array.of(3, 0)],
    ['b', Float32Array.of(-4)],
  ]);
  clipGradients(gradients, 5.1);
  expect([...gradients.values()].map((one) => [...one])).toEqual([[3, 0], [-4]]);
  clipGradients(gradients, 1);
  expect(gradients.get('a')?.[0]).toBeCloseTo(0.6, 6);
  expect(gradients.get('b')?.[0]).toBeCloseTo(-0.8, 6);
});

describe('the learning rate', () => {
  const rates = (options: ScheduleOptions) => [0, 1, 2, 3].map((step) => learningRate(options, step, 4));

  it('falls as a power, a cosine, or not', () => {
    expect(rates({ rate: 2, schedule: 'constant', warmup: 0 })).toEqual([2, 2, 2, 2]);
    expect(rates({ rate: 2, schedule: 'polynomial', power: 2, warmup: 0 })).toEqual([2, 2 * 0.75 ** 2, 0.5, 0.125]);
    const half = Math.SQRT1_2;
    const cosine = rates({ rate: 2, schedule: 'cosine', warmup: 0 });
    for (const [step, rate] of [2, 1 + half, 1, 1 - half].entries()) expect(cosine[step]).toBeCloseTo(rate, 12);
  });

  it('rises over the first steps', () => {
    expect(rates({ rate: 2, schedule: 'constant', warmup: 4 })).toEqual([0.5, 1, 1.5, 2]);
    expect(rates({ rate: 2, schedule: 'polynomial', power: 1, warmup: 2 })).toEqual([1, 1.5, 1, 0.5]);
    expect(rates({ rate: 2, schedule: 'constant', warmup: 1 })).toEqual([2, 2, 2, 2]);
    expect(rates({ rate: 2, schedule: 'constant', warmup: 2, warmupFrom: 0.5 })).toEqual([1, 1.5, 2, 2]);
  });
});

describe('the mean of weights', () => {
  it('takes the first weights, follows fast at first, and slowly later', () => {
    const mean = Float32Array.of(7);
    updateAverage(mean, Float32Array.of(1), keptShare(0.98, 0));
    expect(mean[0]).toBe(1);
    updateAverage(mean, Float32Array.of(12), keptShare(0.98, 1));
    expect(mean[0]).toBeCloseTo((1 + 10 * 12) / 11, 5);
    updateAverage(mean, Float32Array.of(0), keptShare(0.98, 490));
    updateAverage(mean, Float32Array.of(0), keptShare(0.98, 100_000));
    expect(mean[0]).toBeCloseTo(((1 + 120) / 11) * 0.98 ** 2, 5);
    updateAverage(mean, Float32Array.of(3), keptShare(0, 100));
    expect(mean[0]).toBe(3);
  });

  it('is what a run results in, running statistics included', () => {
    const optimizer = createOptimizer({ ...publishedSgd, averaging: 0.5 }, shapes);
    const state = stateFor([...optimizer.rule.slots, 'averaged']);
    const parameters = new Map([...state.parameters, ['norm.running_mean', float32([1], [1])]]);
    const averaged = new Map([...(state.slots.get('averaged') ?? []), ['norm.running_mean', Float32Array.of(0)]]);
    const whole = { ...state, parameters, slots: new Map([...state.slots, ['averaged', averaged]]) };
    expect(resultingParameters(whole).get('norm.running_mean')?.data[0]).toBe(1);
    const bias = () => [...(whole.parameters.get('layer1.bias')?.data ?? [])];
    applyGradients(whole, gradientsOf(0), optimizer, 0.01);
    const first = bias();
    parameters.get('norm.running_mean')?.data.set([12]);
    applyGradients(whole, gradientsOf(1), optimizer, 0.01);
    const result = resultingParameters(whole);
    const mean = result.get('layer1.bias')?.data;
    for (const [i, value] of bias().entries()) expect(mean?.[i]).toBeCloseTo((first[i] + 10 * value) / 11, 6);
    expect(result.get('norm.running_mean')?.data[0]).toBeCloseTo(11, 5);
    expect(result.get('layer1.bias')?.data).not.toEqual(whole.parameters.get('layer1.bias')?.data);
  });
});
