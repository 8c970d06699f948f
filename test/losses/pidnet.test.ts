// PIDNet's losses: against PyTorch where the reference is, and against their formulas written out, with gradients by differences.
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { boundaryLoss, labelsAtBoundaries } from '#src/losses/boundary.js';
import { cityscapesClassWeights } from '#src/losses/crossEntropy.js';
import { type HardExampleMining, headLoss, type SegmentationLossOptions } from '#src/losses/segmentation.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { add, mul } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { readSafetensors } from '#src/weights/safetensors.js';
import { describeWithShared, sharedPath } from '../shared.js';

interface Inputs {
  readonly logits: Value;
  readonly aux: Value;
  readonly boundary: Value;
  readonly target: Value;
  readonly edge: Value;
}

/** The four terms, weighted as published. */
function terms({ logits, aux, boundary, target, edge }: Inputs, options: SegmentationLossOptions): Value[] {
  return [
    mul(headLoss(aux, target, options, false), 0.4),
    headLoss(logits, target, options, true),
    mul(boundaryLoss(boundary, edge), 20),
    headLoss(logits, labelsAtBoundaries(target, boundary), options, true),
  ];
}

const heads = ['logits', 'aux', 'boundary'] as const;

async function run(feeds: Record<keyof Inputs, Tensor>, options: SegmentationLossOptions) {
  const graph = createGraph('pidnet losses');
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape }]) => [name, input(graph, name, dtype, shape)]),
  ) as unknown as Inputs;
  const parts = terms(inputs, options);
  const computed = gradients(
    graph,
    parts.reduce(add),
    heads.map((name) => inputs[name]),
  );
  const outputs = {
    ...Object.fromEntries(parts.map((value, i) => [`out.${i}`, value])),
    ...Object.fromEntries(heads.map((name, i) => [`grad.${name}`, computed[i]])),
  };
  const session = await createSession(writeModel(exportModel(graph, outputs)), {
    optimization: 'disabled',
    threads: 1,
  });
  const found = await session.run({ ...feeds });
  await session.release();
  return found;
}

const relative = (found: number, expected: number) => Math.abs(found - expected) / Math.abs(expected);

describeWithShared('against PyTorch', ['goldens/nets/pidnet_s_loss.safetensors'], () => {
  it.each(['', 'thresh.', 'min_kept.'])('has the same values and gradients: %s', async (variant) => {
    const { tensors, metadata } = await readSafetensors(sharedPath('goldens', 'nets', 'pidnet_s_loss.safetensors'));
    const given = (name: string) => tensors.get(`in.${name}`) as Tensor;
    const target = given('target');
    const ids = tensor('uint8', target.shape, Uint8Array.from(target.data as BigInt64Array, Number));
    const [logits, aux, boundary, edge] = ['logits', 'aux', 'boundary', 'edge'].map(given);
    const mining: HardExampleMining = {
      threshold: Number(metadata.get(`${variant}thresh`)),
      minKept: Number(metadata.get(`${variant}min_kept`)),
      ...{ heads: 'main', divisor: 'pixels' },
    };
    const found = await run(
      { logits, aux, boundary, edge, target: ids },
      { mining, classWeights: cityscapesClassWeights },
    );
    for (let i = 0; i < 4; i++) {
      const expected = Number(tensors.get(`${variant}out.${i}`)?.data[0]);
      expect(relative(Number(found[`out.${i}`].data[0]), expected), `out.${i}`).toBeLessThan(1e-6);
    }
    for (const name of heads) {
      const expected = tensors.get(`${variant}grad.${name}`)?.data as Float32Array | undefined;
      if (!expected) continue;
      const gradient = found[`grad.${name}`].data as Float32Array;
      const difference = Math.hypot(...expected.map((value, i) => value - gradient[i]));
      expect(difference / Math.hypot(...expected), name).toBeLessThan(1e-5);
    }
  });
});

const [batch, classes, height, width] = [2, 3, 4, 5];
const pixels = height * width;
const classWeights = [0.5, 2, 7];
const feeds = {
  logits: symmetricByName('logits', [batch, classes, height, width], 2),
  aux: symmetricByName('aux', [batch, classes, height, width], 2),
  boundary: symmetricByName('boundary', [batch, 1, height, width], 4),
  target: labelsByName('target', [batch, height, width], classes),
  edge: labelsByName('edge', [batch, height, width], 2),
};

type Scores = Readonly<Record<(typeof heads)[number], ArrayLike<number>>>;

/** The four terms in plain numbers; an edge of 255 is not known. */
function formula(scores: Scores, mining: { threshold: number; minKept: number }): number[] {
  const places = Array.from({ length: batch * pixels }, (_, i) => i);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const probability = (values: ArrayLike<number>, i: number) => {
    const own = Array.from(
      { length: classes },
      (_, c) => values[(Math.floor(i / pixels) * classes + c) * pixels + (i % pixels)],
    );
    return Math.exp(own[feeds.target.data[i]]) / own.reduce((sum, value) => sum + Math.exp(value), 0);
  };
  const loss = (values: ArrayLike<number>, i: number) =>
    -Math.log(probability(values, i)) * classWeights[feeds.target.data[i]];
  const sum = (chosen: readonly number[], of: (i: number) => number) => chosen.reduce((total, i) => total + of(i), 0);
  const ohem = (valid: readonly number[]) => {
    const sorted = valid.map((i) => probability(scores.logits, i)).sort((a, b) => a - b);
    const bound = Math.max(mining.threshold, sorted[Math.min(mining.minKept, sorted.length - 1)]);
    const kept = valid.filter((i) => probability(scores.logits, i) < bound);
    return sum(kept, (i) => loss(scores.logits, i)) / kept.length;
  };
  const labelled = places.filter((i) => feeds.target.data[i] < classes);
  const [ones, zeros] = [1, 0].map((value) => places.filter((i) => feeds.edge.data[i] === value));
  const known = ones.length + zeros.length;
  const edges =
    sum(ones, (i) => (-Math.log(sigmoid(scores.boundary[i])) * zeros.length) / known) +
    sum(zeros, (i) => (-Math.log(1 - sigmoid(scores.boundary[i])) * ones.length) / known);
  return [
    (0.4 * sum(labelled, (i) => loss(scores.aux, i))) / places.length,
    ohem(labelled),
    (20 * edges) / known,
    ohem(labelled.filter((i) => sigmoid(scores.boundary[i]) > 0.8)),
  ];
}

describe('against the formulas', () => {
  it.each([
    ['a bound by the threshold', { threshold: 0.6, minKept: 2 }],
    ['a bound by the number', { threshold: 0.01, minKept: 9 }],
    ['fewer pixels than the number, the surest left out', { threshold: 0.01, minKept: 100 }],
  ])('has the same values and gradients: %s', async (_, mining) => {
    const found = await run(feeds, { classWeights, mining: { ...mining, heads: 'main', divisor: 'pixels' } });
    const scores: Scores = {
      logits: Float64Array.from(feeds.logits.data),
      aux: Float64Array.from(feeds.aux.data),
      boundary: Float64Array.from(feeds.boundary.data),
    };
    const expected = formula(scores, mining);
    expected.forEach((value, i) => {
      expect(Number(found[`out.${i}`].data[0]), `out.${i}`).toBeCloseTo(value, 5);
    });
    const step = 1e-5;
    for (const name of heads) {
      const gradient = found[`grad.${name}`].data;
      for (let i = 0; i < gradient.length; i += 7) {
        const moved = (by: number) => {
          const changed = Float64Array.from(scores[name]);
          changed[i] += by;
          return formula({ ...scores, [name]: changed }, mining).reduce((a, b) => a + b);
        };
        expect(Number(gradient[i]), `${name} ${i}`).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 5);
      }
    }
  });

  it('is 0 where no pixel is labelled, or near a boundary', async () => {
    const nowhere = { ...feeds, target: tensor('uint8', feeds.target.shape, new Uint8Array(batch * pixels).fill(255)) };
    const mining = { threshold: 0.6, minKept: 2, heads: 'main', divisor: 'pixels' } as const;
    const found = await run(nowhere, { classWeights, mining });
    expect([0, 1, 3].map((i) => Number(found[`out.${i}`].data[0]))).toEqual([0, 0, 0]);
    const flat = symmetricByName('flat', feeds.boundary.shape, 1);
    expect(Number((await run({ ...feeds, boundary: flat }, { classWeights, mining }))['out.3'].data[0])).toBe(0);
  });
});
