// Which frames and samples the losses of the table see, and what they weigh, on scores that are inputs.
import { describe, expect, it } from 'vitest';
import { initializeParameters } from '#src/nets/initialize.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { slice } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Tensor } from '#src/tensor/tensor.js';
import {
  type DistillationOptions,
  type FrameCount,
  type FrameName,
  frameNames,
  framesFor,
  type LossWeights,
  lossTerms,
} from '#src/train/lossTable.js';

const [samples, classes, height, width] = [2, 3, 4, 6];

interface Case {
  readonly weights: LossWeights;
  readonly frames: FrameCount;
  readonly distillation?: DistillationOptions;
  /** Which samples of other frames count. */
  readonly sampleWeights?: readonly number[] | undefined;
  /** Names that maps of frames come from; the frame's own by default. */
  readonly from?: Partial<Record<FrameName, string>> | undefined;
  /** Samples of the labelled frame that come before those with neighbours. */
  readonly alone?: number;
}

/** Every term's value and weight, of scores of student and teacher by name. */
async function terms({ weights, frames, distillation = {}, sampleWeights, from = {}, alone = 0 }: Case) {
  const graph = createGraph('losses');
  const feeds: Record<string, Tensor> = {};
  const fed = (kind: string, frame: FrameName, channels: number) => {
    const name = `${kind} of ${frame}`;
    const own = symmetricByName(`${kind} ${from[frame] ?? frame}`, [samples, channels, height, width], 2);
    const before = symmetricByName(kind, [frame === 'frame' ? alone : 0, channels, height, width], 2);
    const shape = [before.shape[0] + samples, channels, height, width];
    feeds[name] = float32(shape, [...before.data, ...own.data]);
    return graph.inputs.find((one) => one.name === name) ?? input(graph, name, 'float32', shape);
  };
  const pair = (frame: FrameName) => ({
    student: fed('student', frame, classes),
    teacher: fed('teacher', frame, classes),
  });
  if (sampleWeights) feeds.weights = float32([samples], [...sampleWeights]);
  feeds.flow = symmetricByName('flow', [samples, 2, height, width], 2);
  const made = lossTerms(
    {
      frames: frameNames[frames],
      image: (frame) => fed('image', frame, 3),
      logits: (frame) => pair(frame).student,
      commonLogits: pair,
      features: pair,
      matchingFeatures: pair,
      flow: () => ({ flow: input(graph, 'flow', 'float32', [samples, 2, height, width]) }),
      weights: sampleWeights && input(graph, 'weights', 'float32', [samples]),
      boundary: () => {
        throw new Error('expected no loss at boundaries');
      },
      crossEntropyAtBoundaries: () => {
        throw new Error('expected no loss at boundaries');
      },
      withNeighbours: (value) => (value.shape[0] === samples ? value : slice(value, [0], [alone], [alone + samples])),
      targets: (frame) => fed('targets', frame, classes),
      pixelWeights: () => undefined,
      targetClasses: { weights: Array(classes).fill(1) },
      motion: undefined,
      distillation,
    },
    weights,
  );
  const outputs = Object.fromEntries(made.map(({ name, value }): [string, Value] => [name, value]));
  const model = exportModel(graph, outputs, { weights: initializeParameters(graph, 1) });
  const session = await createSession(writeModel(model), { threads: 1 });
  const wanted = new Set(model.graph.inputs.map(({ name }) => name));
  const found = await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => wanted.has(name))));
  await session.release();
  return Object.fromEntries(made.map(({ name, weight }) => [name, { weight, value: Number(found[name].data[0]) }]));
}

describe('the frames of the losses', () => {
  it.each([
    [{}, 1],
    [{ motion: 1 }, 2],
    [{ pixel: 1 }, 2],
    [{ motion: 1, multiFrame: 1 }, 3],
  ] as const)('%j are %i', (weights, count) => {
    expect(framesFor(weights)).toBe(count);
  });

  it('of a pair are the labelled one and the last, of the samples that have both', async () => {
    const motion = async (one: Omit<Case, 'weights'>) => (await terms({ ...one, weights: { motion: 1 } })).motion.value;
    const two = await motion({ frames: 2, from: { neighbour: 'after' } });
    expect(two).toBeGreaterThan(0.01);
    expect(await motion({ frames: 3 })).toBeCloseTo(two, 6);
    expect(await motion({ frames: 3, alone: 1 })).toBeCloseTo(two, 6);
    expect(await motion({ frames: 3, from: { after: 'frame' } })).not.toBeCloseTo(two, 3);
  });

  it.each(['pixel', 'selfSimilarity'] as const)('of three count before and after alike: %s', async (name) => {
    const of = async (before: string, after: string) =>
      (await terms({ weights: { [name]: 1 }, frames: 3, from: { before, after } }))[name].value;
    expect(await of('b', 'a')).toBeCloseTo(await of('a', 'b'), 6);
    expect(Math.abs((await of('a', 'a')) / (await of('a', 'b')) - 1)).toBeGreaterThan(1e-3);
  });

  it('of three are in the order of time for the ConvLSTM', async () => {
    const of = async (before: string, after: string) => {
      const distillation = { pooling: { multiFrame: 2 } };
      return (await terms({ weights: { multiFrame: 1 }, frames: 3, distillation, from: { before, after } })).multiFrame
        .value;
    };
    expect(Math.abs((await of('a', 'b')) / (await of('b', 'a')) - 1)).toBeGreaterThan(1e-3);
  });
});

describe('samples', () => {
  it('whose neighbour does not count change nothing by it, but count in their own frame', async () => {
    const pixel = async (sampleWeights: readonly number[] | undefined, from: Case['from']) =>
      (await terms({ weights: { pixel: 1 }, frames: 2, sampleWeights, from })).pixel.value;
    const none = await pixel([0, 0], { neighbour: 'a' });
    expect(await pixel([0, 0], { neighbour: 'b' })).toBe(none);
    expect(none).toBeCloseTo((await terms({ weights: { pixel: 1 }, frames: 1 })).pixel.value, 6);
    expect(await pixel([1, 1], { neighbour: 'a' })).toBeCloseTo(await pixel(undefined, { neighbour: 'a' }), 6);
    expect(await pixel([1, 1], { neighbour: 'a' })).toBeGreaterThan(none + 1e-3);
  });
});

describe('terms', () => {
  it('pool pairs of frames only when asked to', async () => {
    const pooled = async (pairFrames?: number) =>
      (await terms({ weights: { pairFrames: 1 }, frames: 2, distillation: { pooling: { pairFrames } } })).pairFrames
        .value;
    const plain = await pooled();
    expect(plain).toBe(await pooled(1));
    expect(plain).not.toBeCloseTo(await pooled(2), 5);
  });

  it('soften by the temperature, and take the norms of the convention', async () => {
    const of = async (distillation: DistillationOptions) => {
      const found = await terms({ weights: { pixel: 1, pairFrames: 1 }, frames: 2, distillation });
      return [found.pixel.value, found.pairFrames.value];
    };
    const [pixel, pair] = await of({});
    expect((await of({ temperature: 2 }))[0]).toBeLessThan(0.5 * pixel);
    expect((await of({ convention: 'etc-2020' }))[1]).not.toBeCloseTo(pair, 4);
  });

  it('have their weights; a ConvLSTM that is trained is kept from collapsing by a tenth', async () => {
    const trained = {
      weights: { multiFrame: 2, pixel: 0.5 },
      frames: 3,
      distillation: { multiFrame: 'trained' },
    } as const;
    const found = await terms(trained);
    expect(Object.entries(found).map(([name, { weight }]) => [name, weight])).toEqual([
      ['pixel', 0.5],
      ['multiFrame', 2],
      ['antiCollapse', 0.1],
    ]);
  });
});
