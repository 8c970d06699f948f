// The time that is left of an adaptation, as the page says it.
import { expect, it } from 'vitest';
import type { AdaptEstimate } from '#src/adapt/estimate.js';
import { createRemaining, durationWords } from '../../web/remaining.js';

const estimate: AdaptEstimate = {
  costs: { frame: 1, consensus: 0.5, renewal: 0.7, step: 2, unsettledStep: 2, judgement: 0.25 },
  ...{ frames: 20, steps: 50, disk: 0, seconds: 159 },
  stages: { frames: 20, consensus: 10, steps: 60, renewal: 14, refinement: 40, choice: 5, judgement: 10 },
};

it('is what the stage under way takes at its own pace, and later ones as estimated', () => {
  const remaining = createRemaining(estimate, 1000);
  // Five frames in ten seconds: 15 take 30.
  expect(remaining.follow({ stage: 'frames', done: 5, total: 20 }, 11_000)).toBe(30 + 10 + 60 + 14 + 40 + 5 + 10);
  remaining.follow({ stage: 'frames', done: 20, total: 20 }, 41_000);
  // A stage begins where the last one was last heard of.
  expect(remaining.follow({ stage: 'steps', done: 10, total: 30 }, 51_000)).toBe(20 + 14 + 40 + 5 + 10);
  expect(remaining.follow({ stage: 'refinement', done: 10, total: 20 }, 61_000)).toBe(10 + 5 + 10);
  expect(remaining.follow({ stage: 'judgement', done: 40, total: 40 }, 90_000)).toBe(0);
});

it('is said in words', () => {
  expect([0.2, 89, 90, 360, 5399, 9000].map(durationWords)).toEqual([
    '1 s',
    '89 s',
    '2 min',
    '6 min',
    '90 min',
    '2.5 h',
  ]);
});
