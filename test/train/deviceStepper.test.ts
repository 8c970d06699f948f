// Steps whose update is a graph come to the weights of those whose update is in numbers: here on the CPU, in test/device on WebGPU.
import { expect, it } from 'vitest';
import { type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { differenceOf, fullOptimizer, threeSteps } from '../../scripts/device/steps.js';

const adam: OptimizerOptions = {
  ...{ ...publishedSgd, method: 'adam', betas: [0.8, 0.95], epsilon: 1e-3, weightDecay: 0.05 },
};

it.each([
  ['momentum', publishedSgd, 1],
  ['Adam', adam, 1],
  ['AdamW, clipping and a mean, on two batches', fullOptimizer, 2],
] as const)('kept weights change as others do with %s', async (_, optimizer, batches) => {
  const [found, expected] = [
    await threeSteps({ optimizer, batches, kept: true }),
    await threeSteps({ optimizer, batches }),
  ];
  expect(Object.keys(found.weights)).toEqual(Object.keys(expected.weights));
  const { losses, weights } = differenceOf(found, expected);
  expect(losses).toBeLessThan(1e-6);
  expect(weights).toBeLessThan(1e-5);
});

it.each([
  [2 ** 20, 2],
  [2 ** 40, 3],
])('kept weights stay as they are where float16 cannot hold gradients scaled by %d', async (lossScale, skipped) => {
  const options = { precision: 'mixed', optimizer: fullOptimizer, lossScale } as const;
  const [found, expected] = [await threeSteps({ ...options, kept: true }), await threeSteps(options)];
  expect([found.skipped, expected.skipped]).toEqual([skipped, skipped]);
  const { losses, weights } = differenceOf(found, expected);
  expect(losses).toBeLessThan(1e-6);
  expect(weights).toBeLessThan(1e-5);
});
