// Ranks that share a batch compute what one rank computes of all of it (SPEC section 12): losses, gradients, statistics, samples.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Collective, oneRank } from '#src/collective/collective.js';
import { createLoader } from '#src/data/loader.js';
import { boundaryLoss } from '#src/losses/boundary.js';
import { countedOhem } from '#src/losses/ohem.js';
import { sampleWeights } from '#src/losses/sampleWeights.js';
import { batchNorm } from '#src/nets/batchNorm.js';
import { convolution } from '#src/nets/convolution.js';
import type { Graph, Value } from '#src/onnx/graph.js';
import { add, averagePool, relu, slice } from '#src/onnx/ops.js';
import { bilinear } from '#src/onnx/resample.js';
import { isProcessor } from '#src/runtime/openSession.js';
import { defaultPreprocessing } from '#src/segment/preprocessing.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { averageOverRanks, checkSameState, shareState } from '#src/train/acrossRanks.js';
import { feedsOf } from '#src/train/feeds.js';
import { openStep } from '#src/train/openStep.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { computeGradients, createTrainingState, trainedWeights } from '#src/train/state.js';
import { buildTrainingStep, type StepOptions } from '#src/train/step.js';
import type { Student } from '#src/train/student.js';
import { inProcessRanks, partOf } from '../collective/inProcess.js';
import { hasAdapter } from '../device/adapter.js';

const adapter = await hasAdapter();
const [samples, height, width, classes] = [4, 24, 32, 5];
const classWeights = [1, 2, 0.5, 1, 3];

/** Pixels 0..255; each sample brighter than the one before, so that their means lie apart. */
function pixels(name: string): Tensor {
  const { shape, data } = symmetricByName(name, [samples, 3, height, width], 1);
  const plane = data.length / samples;
  return tensor(
    'float32',
    shape,
    (data as Float32Array).map((value, i) => 60 + 40 * Math.floor(i / plane) + 20 * value),
  );
}

const labels = labelsByName('labels', [samples, height, width], classes);
// Unlabelled pixels are unequally many in each sample.
labels.data.forEach((_, i) => {
  if (i % (2 + Math.floor(i / (height * width))) === 0) labels.data[i] = 255;
});
const feeds: Record<string, Tensor> = {
  image: pixels('image'),
  neighbour: pixels('neighbour'),
  flow: symmetricByName('flow', [samples, 2, height, width], 2),
  labels,
};

/** Two normalised layers, one of them of values that are hardly more than the samples: their means lie far apart. */
const student: Student = {
  name: 'normalised',
  classes: { count: classes, names: undefined },
  preprocessing: defaultPreprocessing,
  weights: new Map(),
  build(image, mode) {
    const wide = relu(batchNorm(convolution(image, 'conv1', { channels: 6, kernel: 3, stride: 2 }), 'norm1', mode));
    const pooled = averagePool(wide, { kernel: [height / 2, width / 4], strides: [height / 2, width / 4] });
    const context = batchNorm(convolution(pooled, 'conv2', { channels: 6 }), 'norm2', mode);
    const logits = convolution(add(wide, bilinear(context, height / 2, width / 2)), 'head', {
      channels: classes,
      bias: true,
    });
    return { logits, auxiliaries: [], features: new Map() };
  },
  toModel() {
    throw new Error('it is not written');
  },
};

/** The samples of a rank; how they weigh it knows of its own alone. */
function feedsOfRank(whole: Readonly<Record<string, Tensor>>, collective: Collective): Record<string, Tensor> {
  const own = partOf(whole, collective);
  if (!own.sampleWeights) return own;
  const { shape, data } = own.sampleWeights;
  const weights = sampleWeights(Array.from(data as Float32Array, (weight) => weight > 0));
  return { ...own, sampleWeights: tensor('float32', shape, weights) };
}

async function stepOf(
  ranks: number,
  options: Partial<StepOptions> = {},
  given: Record<string, Tensor> = feeds,
  device = 'cpu',
) {
  const collectives = ranks === 1 ? [oneRank] : inProcessRanks(ranks);
  const done = collectives.map(async (collective) => {
    const step = buildTrainingStep({
      ...{ student, batch: samples / ranks, ranks, height, width, pixels: 'float32', dropout: false },
      segmentation: { classWeights },
      losses: { motion: 0.1 },
      ...options,
    });
    const state = createTrainingState(step, createOptimizer(publishedSgd, trainedWeights(step)), 3, student.weights);
    const begun = new Map([...state.parameters].map(([name, { data }]) => [name, data.slice()]));
    const runner = await openStep(step, collective, { threads: 1, device, fallback: isProcessor(device) });
    const first = await computeGradients(step, runner, state, [feedsOfRank(given, collective)]);
    for (const name of [...state.parameters.keys()].filter((one) => one.includes('running'))) {
      state.parameters.get(name)?.data.set(begun.get(name) ?? []);
    }
    const own = await computeGradients(step, runner, state, [feedsOfRank(given, collective)]);
    // What a step leaves behind changes nothing in the next; but WebGPU does not always add up in the same order.
    if (isProcessor(device)) expect(own).toEqual(first);
    else
      for (const [name, one] of own.gradients) {
        expect(difference(first.gradients.get(name) ?? [], one), name).toBeLessThan(1e-6);
      }
    await runner.release();
    const { losses, gradients } = await averageOverRanks(own, step, state, [], collective);
    await checkSameState(state, collective);
    return { losses, gradients, parameters: state.parameters };
  });
  return (await Promise.all(done))[0];
}

/** ‖a - b‖ / ‖a‖. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [squares, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    squares += (a[i] - b[i]) ** 2;
    size += a[i] ** 2;
  }
  return Math.sqrt(squares / size);
}

interface Tolerances {
  readonly losses: number;
  readonly gradients: number;
}

async function expectEqual(
  options: Partial<StepOptions> = {},
  given = feeds,
  ranks: readonly number[] = [2, 4],
  { losses, gradients }: Tolerances = { losses: 1e-6, gradients: 1e-4 },
  device?: string,
) {
  const whole = await stepOf(1, options, given);
  for (const size of ranks) {
    const shared = await stepOf(size, options, given, device);
    for (const [name, loss] of Object.entries(whole.losses)) {
      expect(Math.abs(shared.losses[name] - loss) / loss, `${name}, ${size} ranks`).toBeLessThan(losses);
    }
    for (const [name, gradient] of whole.gradients) {
      expect(difference(gradient, shared.gradients.get(name) ?? []), `${name}, ${size} ranks`).toBeLessThan(gradients);
    }
    for (const [name, { data }] of whole.parameters) {
      if (!name.includes('running')) continue;
      expect(difference(data, shared.parameters.get(name)?.data ?? []), `${name}, ${size} ranks`).toBeLessThan(losses);
    }
  }
}

describe('a step that ranks share', () => {
  it('has the losses, gradients and running statistics of the whole batch', () => expectEqual(), 120_000);

  it('has them, too, of operators that every device has, and in float16 up to its rounding', async () => {
    await expectEqual({ portable: true }, feeds, [2]);
    await expectEqual({ precision: 'mixed' }, feeds, [2], { losses: 3e-3, gradients: 3e-2 });
  }, 120_000);

  it.skipIf(!adapter)('has them on WebGPU, too, of one rank on the CPU', () => {
    return expectEqual({ portable: true }, feeds, [2], { losses: 1e-5, gradients: 1e-4 }, 'webgpu');
  });

  it('mines hard examples among the pixels of all ranks', () => {
    const mining = { threshold: 0.05, minKept: 700, heads: 'both' as const };
    return expectEqual({ segmentation: { mining } }, feeds, [2]);
  }, 120_000);

  it('weighs samples with neighbours alike, whichever rank they are on', () => {
    const whole = { ...feeds, sampleWeights: tensor('float32', [samples], Float32Array.of(4 / 3, 0, 4 / 3, 4 / 3)) };
    return expectEqual({ sampleWeights: true }, whole, [2, 4]);
  }, 120_000);

  it('counts boundaries and hard examples by the pixels of all ranks', () => {
    const labelsOf = (graph: Graph) => graph.inputs.find(({ name }) => name === 'labels') as Value;
    const first = (logits: Value) => slice(logits, [1], [0], [1]);
    // Class 1 stands for boundaries: they are unequally many on the ranks.
    const ownLosses: StepOptions['ownLosses'] = [
      {
        name: 'boundaries',
        weight: 1,
        build: (site) => boundaryLoss(first(site.logits('frame')), labelsOf(site.logits('frame').graph)),
      },
      {
        name: 'hardest',
        weight: 1,
        build(site) {
          const large = bilinear(site.logits('frame'), height, width);
          return countedOhem(large, labelsOf(large.graph), { threshold: 0.05, minKept: 600 });
        },
      },
    ];
    return expectEqual({ ownLosses }, feeds, [2]);
  }, 120_000);

  it('averages over visible pixels of all ranks', () => {
    return expectEqual({ motion: { mean: 'visible', compare: 'probabilities' } }, feeds, [2]);
  }, 120_000);

  it('weighs the pixels of a consensus alike, whichever rank they are on', () => {
    // Samples of odd ranks are mostly of the class that weighs most.
    const targetClasses = { weights: [1, 4, 0.5, 1, 8] };
    const targets = (frame: string) => {
      const bytes = labelsByName(`targets of ${frame}`, [samples, height, width, classes], 64);
      for (let i = 0; i < bytes.data.length; i++) {
        const sample = Math.floor((i * samples) / bytes.data.length);
        if (i % classes === (sample % 2 === 0 ? 2 : 4)) bytes.data[i] = 190;
      }
      return bytes;
    };
    const whole = { ...feeds, 'targets.frame': targets('frame'), 'targets.neighbour': targets('neighbour') };
    return expectEqual({ losses: { consensus: 1 }, targetClasses }, whole, [2, 4]);
  }, 120_000);

  it.each([
    ['two frames', 2, { pixel: 1, pairFrames: 1, selfSimilarity: 1 }, {}],
    ['three frames', 3, { pixel: 1, multiFrame: 1 }, { multiFrame: 'trained' }],
  ] as const)(
    'compares each sample of %s with its teacher, whichever rank it is on',
    async (_, frames, losses, how) => {
      const names = frames === 2 ? ['neighbour'] : ['before', 'after'];
      const whole = {
        ...feeds,
        ...Object.fromEntries(names.map((name) => [name, pixels(name)])),
        ...Object.fromEntries(
          ['frame', ...names].map((name) => [
            `teacher.${name}.logits`,
            symmetricByName(`teacher of ${name}`, [samples, classes, 8, 10], 3),
          ]),
        ),
        sampleWeights: tensor('float32', [samples], Float32Array.of(4 / 3, 0, 4 / 3, 4 / 3)),
      };
      const shapes = { logits: { channels: classes, height: 8, width: 10 } };
      const options = { losses, frames, distillation: how, teacher: { shapes, on: 'logits' }, sampleWeights: true };
      await expectEqual(options, whole, [2, 4]);
    },
    240_000,
  );

  it('with local statistics, is that of each rank alone, but for the divisors of its losses', async () => {
    const parts = inProcessRanks(2).map((collective) => partOf(feeds, collective));
    const alone = (options: Partial<StepOptions>) =>
      Promise.all(parts.map((part) => stepOf(1, { ...options, batch: samples / 2 }, part)));
    const [segmentation, motion] = [
      await alone({ losses: {} }),
      await alone({ losses: { motion: 0.1 }, segmentation: undefined }),
    ];
    // A pixel weighs as much as any other, whichever rank it is on.
    const weights = parts.map(({ labels: { data } }) =>
      Array.from(data as Uint8Array).reduce((sum, label) => sum + (classWeights[label] ?? 0), 0),
    );
    const shares = weights.map((weight) => weight / (weights[0] + weights[1]));
    expect(Math.abs(shares[0] - 0.5)).toBeGreaterThan(0.02);
    const expectNear = (found: ArrayLike<number> | undefined, of: (rank: number, at: number) => number) => {
      const expected = Array.from(found ?? [], (_, at) => of(0, at) + of(1, at));
      expect(difference(expected, found ?? [])).toBeLessThan(1e-5);
    };

    const shared = await stepOf(2, { statistics: 'local' });
    expect(Object.keys(shared.losses)).toEqual(['loss', 'segmentation', 'motion']);
    expectNear([shared.losses.segmentation], (rank) => shares[rank] * segmentation[rank].losses.segmentation);
    expectNear([shared.losses.motion], (rank) => motion[rank].losses.motion / 2);
    expectNear(
      [shared.losses.loss],
      (rank) => shares[rank] * segmentation[rank].losses.loss + motion[rank].losses.loss / 2,
    );
    for (const [name, gradient] of shared.gradients) {
      const [supervised, steady] = [segmentation, motion].map((of) => of.map((one) => one.gradients.get(name) ?? []));
      expectNear(gradient, (rank, at) => shares[rank] * supervised[rank][at] + steady[rank][at] / 2);
    }
    for (const [name, { data }] of shared.parameters) {
      if (!name.includes('running')) continue;
      expectNear(data, (rank, at) => (motion[rank].parameters.get(name)?.data[at] ?? 0) / 2);
    }
  }, 120_000);

  it('with fixed statistics, is cut at the divisors of its losses alone', async () => {
    const common = { student, batch: 2, ranks: 2, height, width, dropout: false, segmentation: {} };
    expect(buildTrainingStep({ ...common, statistics: 'fixed' }).cut?.stretches.length).toBe(2);
  });
});

describe('the batches of ranks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg ranks '));
  const picture = join(folder, 'picture.png');
  beforeAll(async () => {
    await sharp({ create: { width: 16, height: 16, channels: 3, background: 'teal' } }).toFile(picture);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const dataset = (name: string, count: number) => ({
    name,
    count,
    classes: { classes: ['a'], palette: [[0, 0, 0]], ignoreLabel: 255 } as never,
    sample: (index: number) => ({
      name: `${name} ${index}`,
      frame: { kind: 'file', path: picture } as const,
      neighbour: () => undefined,
      flow: () => undefined,
    }),
  });
  const samplesOf = async (batchSize: number, perBatch: number, rank: number, size: number) => {
    const loader = createLoader({
      dataset: dataset('own', 11),
      extra: { dataset: dataset('extra', 7), perBatch },
      batchSize,
      shard: { index: rank, count: size },
      crop: { height: 8, width: 8 },
      ahead: 1,
      seed: 5,
    });
    const found: (readonly number[])[] = [];
    for await (const batch of loader.batches()) {
      found.push(batch.samples);
      if (found.length === 3) break;
    }
    await loader.close();
    return { found, stepsPerEpoch: loader.stepsPerEpoch };
  };

  it('are samples r, r + R, … of the batches of one', async () => {
    const whole = await samplesOf(6, 2, 0, 1);
    for (const rank of [0, 1]) {
      const { found, stepsPerEpoch } = await samplesOf(3, 1, rank, 2);
      expect(stepsPerEpoch).toBe(whole.stepsPerEpoch);
      expect(found).toEqual(whole.found.map((batch) => batch.filter((_, place) => place % 2 === rank)));
    }
  }, 60_000);

  it('drop the channels that one would drop', async () => {
    const batch = { images: feeds.image, labels: feeds.labels, neighbours: [] } as never;
    const masks = async (count: number, shard?: { index: number; count: number }) => {
      const step = {
        frames: ['frame'],
        teacherInputs: [],
        withNeighbours: 0,
        dropoutMasks: new Map([['mask', { shape: [count, 6, 1, 1], share: 1 }]]),
      };
      const sources = { step: step as never, flow: undefined, teacher: undefined, dropout: { rate: 0.5, seed: 1 } };
      return Array.from((await feedsOf({ ...sources, shard }, batch, 7)).mask.data, Number);
    };
    const whole = await masks(4);
    for (const index of [0, 1]) {
      expect(await masks(2, { index, count: 2 })).toEqual(whole.filter((_, i) => Math.floor(i / 6) % 2 === index));
    }
  });
});

describe('the state of ranks', () => {
  const stateOf = (value: number, step: number) => ({
    parameters: new Map([['weight', tensor('float32', [2], Float32Array.of(value, -0))]]),
    slots: new Map([['velocity', new Map([['weight', Float32Array.of(value, 1)]])]]),
    step,
  });

  it('is that of rank 0, once shared', async () => {
    const states = [stateOf(3, 12), stateOf(5, 0)];
    const ranks = inProcessRanks(2);
    await Promise.all(states.map((state, k) => shareState(state, ranks[k])));
    expect(states[1]).toEqual(states[0]);
    expect(states[0].step).toBe(12);
    await Promise.all(states.map((state, k) => checkSameState(state, ranks[k])));
  });

  it('is refused where ranks differ in a bit', async () => {
    const ranks = inProcessRanks(3);
    const states = [stateOf(3, 4), stateOf(3, 4), stateOf(3 + 2 ** -22, 4)];
    for (const result of await Promise.allSettled(states.map((state, k) => checkSameState(state, ranks[k])))) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringMatching(/step 4: .*rank 2/) },
      });
    }
  });
});
