// The consensus loss against its formula written out, with gradients by differences (SPEC section 9).
import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { consensusLoss } from '#src/losses/consensus.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';

const [classes, height, width] = [3, 4, 5];
const pixels = height * width;
const classWeights = [0.5, 2, 7];
const factors = [3, 0.25, 1.5];
const names = ['a', 'b'];
const logits = names.map((name) => symmetricByName(`logits ${name}`, [1, classes, height, width], 2));
const targets = names.map((name) => labelsByName(`targets ${name}`, [1, height, width, classes], 256));
const pixelWeights = names.map((name) => labelsByName(`weights ${name}`, [1, height, width], 129));

interface Case {
  readonly weighted: boolean;
  readonly raised: boolean;
}

/** Σ w·ce / Σ w over both frames. */
function formula(scores: readonly Float64Array[], { weighted, raised }: Case): number {
  let [sum, weights] = [0, 0];
  for (const [frame, values] of scores.entries()) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      const given = Array.from({ length: classes }, (_, c) => values[c * pixels + pixel]);
      const logSum = Math.log(given.reduce((total, value) => total + Math.exp(value), 0));
      const bytes = Array.from(
        targets[frame].data.subarray(pixel * classes, (pixel + 1) * classes),
        (byte, c) => byte * (raised ? factors[c] : 1),
      );
      const total = Math.max(
        1,
        bytes.reduce((a, b) => a + b, 0),
      );
      const own = weighted ? pixelWeights[frame].data[pixel] / 16 : 1;
      const weight = own * bytes.reduce((a, byte, c) => a + (byte / total) * classWeights[c], 0);
      weights += weight;
      sum += weight * bytes.reduce((a, byte, c) => a - (byte / total) * (given[c] - logSum), 0);
    }
  }
  return sum / weights;
}

it.each([
  ['', { weighted: false, raised: false }],
  [', pixels weighted', { weighted: true, raised: false }],
  [', classes raised', { weighted: true, raised: true }],
])('is the weighted mean of cross entropies over both frames%s, and so are its gradients', async (_, given) => {
  const { weighted, raised } = given;
  const graph = createGraph('consensus');
  const pairs = names.map((name) => ({
    logits: input(graph, `logits ${name}`, 'float32', [1, classes, height, width]),
    targets: input(graph, `targets ${name}`, 'uint8', [1, height, width, classes]),
    pixelWeights: weighted ? input(graph, `weights ${name}`, 'uint8', [1, height, width]) : undefined,
  }));
  const loss = consensusLoss(pairs, { weights: classWeights, factors: raised ? factors : undefined });
  const [first, second] = gradients(graph, loss, [pairs[0].logits, pairs[1].logits]);
  const session = await createSession(writeModel(exportModel(graph, { loss, first, second })), {
    optimization: 'disabled',
  });
  const feeds = names.flatMap(
    (name, k) =>
      [
        [`logits ${name}`, logits[k]],
        [`targets ${name}`, targets[k]],
        ...(weighted ? ([[`weights ${name}`, pixelWeights[k]]] as const) : []),
      ] as const,
  );
  const found = await session.run(Object.fromEntries(feeds));
  await session.release();
  const scores = logits.map(({ data }) => Float64Array.from(data));
  expect(Number(found.loss.data[0])).toBeCloseTo(formula(scores, given), 5);
  for (const [frame, gradient] of [found.first, found.second].entries()) {
    for (let i = 0; i < classes * pixels; i += 7) {
      const moved = (by: number) =>
        formula(
          scores.map((values, k) => (k === frame ? values.with(i, values[i] + by) : values)),
          given,
        );
      expect(Number(gradient.data[i])).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 6);
    }
  }
});

it('refuses targets of other classes', () => {
  const graph = createGraph('consensus');
  const pair = {
    logits: input(graph, 'logits', 'float32', [1, classes, height, width]),
    targets: input(graph, 'targets', 'uint8', [1, height, width, classes + 1]),
  };
  const ofThree = { weights: classWeights };
  expect(() => consensusLoss([pair], ofThree)).toThrow('expected 4 classes as the targets have, found 3 scores');
  const targetsOfThree = { ...pair, targets: input(graph, 'of three', 'uint8', [1, height, width, classes]) };
  expect(() => consensusLoss([targetsOfThree], { ...ofThree, factors: [1] })).toThrow('3 weights and 1 factors');
});
