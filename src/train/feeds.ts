// What a step is fed for a batch: frames and labels, and what its losses need: flow, the teacher's maps, dropout masks.
import { inShard, type Shard, wholeWork } from '../base/shard.js';
import type { Batch } from '../data/loader.js';
import { sampleWeights } from '../losses/sampleWeights.js';
import { createRandom, deriveSeed } from '../tensor/random.js';
import { elementCount, type Tensor, tensor } from '../tensor/tensor.js';
import type { BatchFlow } from './batchFlow.js';
import type { FrameName } from './lossTable.js';
import type { TrainingStep } from './step.js';
import type { Teacher } from './teacher.js';

export interface FeedSources {
  readonly step: TrainingStep;
  /** With the motion loss. */
  readonly flow: BatchFlow | undefined;
  /** With distillation losses. */
  readonly teacher: Teacher | undefined;
  readonly dropout: { readonly rate: number; readonly seed: number };
  /** This rank's place among those that share the batch. */
  readonly shard?: Shard | undefined;
}

/** @param draw number of the batch in the run, which its dropout masks follow from. */
export async function feedsOf(
  { step, flow, teacher, dropout, shard = wholeWork }: FeedSources,
  batch: Batch,
  draw: number,
): Promise<Record<string, Tensor>> {
  const feeds: Record<string, Tensor> = { image: batch.images, labels: batch.labels };
  if (batch.boundaries) feeds.boundaries = batch.boundaries;
  step.frames.forEach((frame, k) => {
    if (k > 0) feeds[frame] = lastSamples(batch.neighbours[k - 1].images, step.withNeighbours);
  });
  if (step.frames.length > 1) {
    const offsets = batch.neighbours[0].offsets.slice(-step.withNeighbours);
    feeds.sampleWeights = tensor(
      'float32',
      [offsets.length],
      sampleWeights(Array.from(offsets, (offset) => offset !== 0)),
    );
  }
  if (flow) {
    const found = await flow.of(batch);
    feeds.flow = lastSamples(found.flow, step.withNeighbours);
    feeds.flowValid = lastSamples(found.flowValid, step.withNeighbours);
  }
  if (teacher) Object.assign(feeds, await teacherFeeds(step, teacher, feeds));
  for (const [name, { shape, share }] of step.dropoutMasks) {
    const random = createRandom(deriveSeed(dropout.seed, 'dropout', draw, name));
    const rate = dropout.rate * share;
    const [samples] = shape;
    const row = elementCount(shape) / samples;
    const mask = new Float32Array(elementCount(shape));
    // Drawn for the samples of all ranks, of which each keeps its own.
    for (let i = 0; i < shard.count * mask.length; i++) {
      const value = random.uniform() < rate ? 0 : 1 / (1 - rate);
      const sample = Math.floor(i / row);
      if (inShard(sample, shard)) mask[Math.floor(sample / shard.count) * row + (i % row)] = value;
    }
    feeds[name] = tensor('float32', shape, mask);
  }
  return feeds;
}

/** The last samples of a batch, over the same memory. */
function lastSamples<D extends 'float32' | 'uint8'>(
  { dtype, shape: [, ...rest], data }: Tensor<D>,
  count: number,
): Tensor<D> {
  return tensor(dtype, [count, ...rest], data.subarray(data.length - count * elementCount(rest)) as Tensor<D>['data']);
}

/** The teacher runs once a frame, whatever is asked of it. */
async function teacherFeeds(
  { frames, teacherInputs }: TrainingStep,
  teacher: Teacher,
  images: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const feeds: Record<string, Tensor> = {};
  const imageOf = (frame: FrameName) => images[frame === 'frame' ? 'image' : frame] as Tensor<'uint8'>;
  for (const frame of frames) {
    const wanted = teacherInputs.filter((one) => one.frame === frame);
    if (wanted.length === 0) continue;
    const maps = await teacher.run(
      imageOf(frame),
      wanted.map(({ output }) => output),
    );
    for (const { name, output } of wanted) {
      const map = maps[output];
      if (map) feeds[name] = map;
    }
  }
  return feeds;
}
