// Feeds training: batches prepared in worker threads ahead of the step, the same for any number of them, from any step on.
import { Worker } from 'node:worker_threads';
import { SteadysegError, UsageError } from '../base/errors.js';
import { inShard, type Shard, wholeWork } from '../base/shard.js';
import type { Size } from '../media/image.js';
import { createRandom, deriveSeed } from '../tensor/random.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { type Augmentation, noAugmentation } from './augmentation.js';
import { type BatchPlan, buffersOf, type NeighbourPlan, type SamplePlan } from './batch.js';
import type { Dataset, Sample } from './dataset.js';
import type { Stored } from './decode.js';
import type { WorkerResult, WorkerRoom, WorkerTask } from './loaderWorker.js';
import { drawNeighbour, drawNeighbours } from './neighbour.js';

/** What `createLoader` takes. */
export interface LoaderOptions {
  readonly dataset: Dataset;
  /** Samples of a batch, those of `extra` (the last ones of each) counted; of this rank's part, where several share batches. */
  readonly batchSize: number;
  /**
   * This rank's place among those that share each batch: it gets samples index, index + count, … of a batch that is count times
   * as large, and of as many extra ones. Default: it has all.
   */
  readonly shard?: Shard | undefined;
  /** A second dataset with a share of its own in every batch, such as frames without labels. It is gone through at its own pace, always in orders of its own. */
  readonly extra?: { readonly dataset: Dataset; readonly perBatch: number } | undefined;
  /** Pixels of the tensors. */
  readonly crop: Size;
  /** Order, neighbours and changes follow from it, the epoch and the sample. */
  readonly seed: number;
  /** Default: none, and a crop that is smaller than the frames lies at random places. */
  readonly augmentation?: Augmentation;
  /** How many neighbours a sample gets: 0 (default), 1 (t ± k), or 2 (t - k and t + k), k in 1..gap. */
  readonly neighbours?: 0 | 1 | 2;
  /** Default 3, the published gap. */
  readonly gap?: number;
  /** Whether the dataset's flow to the neighbours is given too. Default false. */
  readonly flow?: boolean;
  /** Whether the boundaries of the labels are given too. Default false. */
  readonly boundaries?: boolean;
  /** A new order in each epoch (default), or the dataset's. */
  readonly shuffle?: boolean;
  /**
   * Leave out the samples at an epoch's end that do not fill a batch (default). A dataset smaller than a batch fills it
   * by repeating its samples.
   */
  readonly dropLast?: boolean;
  /** Worker threads. Default 1: decoding runs in threads of its own, and the step uses all cores. */
  readonly workers?: number | undefined;
  /** Batches prepared ahead of the step. Default: two more than there are workers. */
  readonly ahead?: number | undefined;
  /** Decoded frames, labels and flow that may be kept in memory, in bytes. Default 512 MiB; 0 keeps nothing. */
  readonly cacheBytes?: number | undefined;
}

/** Where in a run a batch belongs; both from 0. */
export interface Position {
  readonly epoch: number;
  readonly step: number;
}

/** One step's data of N samples; H, W are the crop's. */
export interface Batch extends Position {
  /** Indices of the samples in the dataset; those of `extra` count on from its end. */
  readonly samples: readonly number[];
  /** [N,3,H,W], RGB 0..255: each network normalises them its own way. */
  readonly images: Tensor<'uint8'>;
  /** [N,H,W], train ids and 255. */
  readonly labels: Tensor<'uint8'>;
  /** [N,H,W], 1 at the boundaries of the labels as PIDNet's authors find them, else 0; 255 for samples without label; where asked for. */
  readonly boundaries?: Tensor<'uint8'> | undefined;
  /** As many as were asked for; with two, the frame before comes first. */
  readonly neighbours: readonly NeighbourBatch[];
  /** How long the consumer waited for it. */
  readonly waitedMilliseconds: number;
  /** How long a worker took to prepare it. */
  readonly preparedMilliseconds: number;
  /** Gives the batch's memory back for a later one; its tensors are empty from then on. Need not be called. */
  release(): void;
}

/** The neighbours of a batch’s frames, and the flow to them. */
export interface NeighbourBatch {
  /** N×3×H×W; the frame itself for samples without a neighbour. */
  readonly images: Tensor<'uint8'>;
  /** t' - t of each sample; 0 for those without a neighbour, whose consistency must not count. */
  readonly offsets: Int32Array;
  /** N×2×H×W: flow t→t' between the crops' pixels; 0 where it is not valid. */
  readonly flow?: Tensor<'float32'>;
  /** N×1×H×W: 1 where the flow is known, the point visible, and within the neighbour's crop; else 0. */
  readonly flowValid?: Tensor<'float32'>;
}

/** Batches in the order of the seed, prepared ahead in worker threads. */
export interface Loader {
  readonly stepsPerEpoch: number;
  /**
   * Batches without end, epoch after epoch, from a position on: a resumed run sees exactly what an uninterrupted one would.
   * Ending the iteration drops what was prepared ahead. One iteration at a time.
   */
  batches(from?: Position): AsyncGenerator<Batch, never, void>;
  /** Ends the worker threads. */
  close(): Promise<void>;
}

const DEFAULT_CACHE_BYTES = 512 * 2 ** 20;
/** A crop beyond this side is a typing error: no frame is as large. */
const MAX_CROP_SIDE = 16_384;

/**
 * Starts the workers of a loader.
 * @throws UsageError for options out of range or a dataset without samples.
 */
export function createLoader(options: LoaderOptions): Loader {
  const { dataset, batchSize, crop, dropLast = true, workers = 1, cacheBytes = DEFAULT_CACHE_BYTES } = options;
  const { ahead = workers + 2, gap = 3 } = options;
  wholeNumber('batchSize', batchSize, 1);
  wholeNumber('crop height', crop.height, 1, MAX_CROP_SIDE);
  wholeNumber('crop width', crop.width, 1, MAX_CROP_SIDE);
  wholeNumber('gap', gap, 1);
  wholeNumber('workers', workers, 1);
  wholeNumber('ahead', ahead, 1);
  if (dataset.count < 1) throw new UsageError(`${dataset.name}: expected at least one sample, found none`);
  const { extra } = options;
  if (extra) {
    wholeNumber('extra samples a batch', extra.perBatch, 1, batchSize - 1);
    if (extra.dataset.count < 1)
      throw new UsageError(`${extra.dataset.name}: expected at least one sample, found none`);
  }
  const { shard = wholeWork } = options;
  const own = shard.count * (batchSize - (extra?.perBatch ?? 0));
  const stepsPerEpoch = dropLast ? Math.max(1, Math.floor(dataset.count / own)) : Math.ceil(dataset.count / own);

  const pool = startWorkers(workers, cacheBytes);
  return {
    stepsPerEpoch,
    close: pool.close,
    async *batches(from = { epoch: 0, step: 0 }) {
      const pending: { position: Position; draws: SampleDraw[]; result: Promise<WorkerResult> }[] = [];
      let next = { epoch: from.epoch + Math.floor(from.step / stepsPerEpoch), step: from.step % stepsPerEpoch };
      const orderOf = lastOrder((epoch) => epochOrder(options, epoch));
      const extraOrderOf = lastOrder((pass) => extraOrder(options, pass));
      const enqueue = () => {
        const draws = [
          ...batchSamples(orderOf(next.epoch), next, own, dropLast),
          ...extraSamples(options, extraOrderOf, next.epoch * stepsPerEpoch + next.step, shard.count),
        ].filter((_, place) => inShard(place, shard));
        const result = pool.run(planBatch(options, draws));
        // A batch that nobody waits for any more may fail unheard.
        result.catch(() => {});
        pending.push({ position: next, draws, result });
        next =
          next.step + 1 < stepsPerEpoch
            ? { epoch: next.epoch, step: next.step + 1 }
            : { epoch: next.epoch + 1, step: 0 };
      };
      for (;;) {
        while (pending.length < ahead) enqueue();
        const [{ position, draws, result }] = pending;
        const started = performance.now();
        const done = await result;
        const waitedMilliseconds = performance.now() - started;
        pending.shift();
        enqueue();
        const { arrays } = done;
        const release = () => arrays && pool.recycle(buffersOf(arrays));
        const samples = draws.map(({ index }) => index);
        yield { ...position, samples, ...tensors(done, samples.length, crop), waitedMilliseconds, release };
      }
    },
  };
}

function wholeNumber(name: string, value: number, lowest: number, highest = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    const range = value > highest ? `at most ${highest}` : `at least ${lowest}`;
    throw new UsageError(`loader: expected a whole number of ${range} for ${name}, found ${value}`);
  }
}

/** The order of an epoch: Fisher–Yates from the seed and the epoch alone. */
function epochOrder({ dataset, seed, shuffle = true }: LoaderOptions, epoch: number): Uint32Array {
  return shuffle ? shuffled(dataset.count, deriveSeed(seed, 'order', epoch)) : inOrder(dataset.count);
}

/** The order of a pass through the extra samples. */
function extraOrder({ extra, seed }: LoaderOptions, pass: number): Uint32Array {
  return shuffled(extra?.dataset.count ?? 0, deriveSeed(seed, 'order of extra', pass));
}

function inOrder(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index);
}

function shuffled(count: number, seed: number): Uint32Array {
  const indices = inOrder(count);
  const random = createRandom(seed);
  for (let last = indices.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [indices[last], indices[other]] = [indices[other], indices[last]];
  }
  return indices;
}

/** Keeps the order that was asked for last. */
function lastOrder(make: (epoch: number) => Uint32Array): (epoch: number) => Uint32Array {
  let last: { epoch: number; indices: Uint32Array } | undefined;
  return (epoch) => {
    if (last?.epoch !== epoch) last = { epoch, indices: make(epoch) };
    return last.indices;
  };
}

/** A sample and what its draws follow from besides the seed. */
interface SampleDraw {
  readonly index: number;
  /** How often its dataset has been gone through. */
  readonly epoch: number;
  /** Tells repetitions within a small dataset's batch apart. */
  readonly repetition: number;
}

function batchSamples(order: Uint32Array, { epoch, step }: Position, size: number, dropLast: boolean): SampleDraw[] {
  const first = step * size;
  const count = dropLast ? size : Math.min(size, order.length - first);
  return Array.from({ length: count }, (_, n) => ({
    index: order[(first + n) % order.length],
    epoch,
    repetition: order.length < size ? Math.floor(n / order.length) : 0,
  }));
}

/** Those of batch number `batch` of the run. */
function extraSamples(
  { dataset, extra }: LoaderOptions,
  orderOf: (pass: number) => Uint32Array,
  batch: number,
  ranks: number,
): SampleDraw[] {
  if (!extra) return [];
  const { count } = extra.dataset;
  const perBatch = ranks * extra.perBatch;
  return Array.from({ length: perBatch }, (_, n) => {
    const place = batch * perBatch + n;
    const epoch = Math.floor(place / count);
    return { index: dataset.count + orderOf(epoch)[place % count], epoch, repetition: 0 };
  });
}

function planBatch(options: LoaderOptions, draws: readonly SampleDraw[]): BatchPlan {
  const { dataset, crop, augmentation = noAugmentation, flow = false, boundaries = false } = options;
  return {
    samples: draws.map((draw) => planSample(options, draw)),
    crop,
    augmentation,
    classes: dataset.classes.classes.length,
    withFlow: flow,
    withBoundaries: boundaries,
  };
}

function planSample(options: LoaderOptions, { index, epoch, repetition }: SampleDraw): SamplePlan {
  const { dataset, extra, seed, neighbours = 0, gap = 3, flow = false } = options;
  const sample = index < dataset.count || !extra ? dataset.sample(index) : extra.dataset.sample(index - dataset.count);
  const random = createRandom(deriveSeed(seed, 'neighbour', epoch, index, repetition));
  const exists = (offset: number) => sample.neighbour(offset) !== undefined;
  let offsets: readonly (number | undefined)[] = [];
  if (neighbours === 1) offsets = [drawNeighbour(random, gap, exists)];
  if (neighbours === 2) offsets = drawNeighbours(random, gap, exists) ?? [undefined, undefined];
  return {
    name: sample.name,
    seed: deriveSeed(seed, 'augment', epoch, index, repetition),
    frame: sample.frame,
    label: sample.label,
    neighbours: offsets.map((offset) => neighbourPlan(sample, offset, flow)),
  };
}

function neighbourPlan(sample: Sample, offset: number | undefined, withFlow: boolean): NeighbourPlan | undefined {
  const frame = offset === undefined ? undefined : sample.neighbour(offset);
  if (offset === undefined || frame === undefined) return undefined;
  if (!withFlow) return { offset, frame };
  const flow = sample.flow(offset);
  if (!flow) throw new SteadysegError(`${sample.name}: expected flow to the frame at offset ${offset}, found none`);
  return { offset, frame, flow };
}

/** The worker's arrays as tensors. @throws what went wrong in the worker */
function tensors({ arrays, fault, milliseconds }: WorkerResult, count: number, { height, width }: Size) {
  if (fault?.ofInput) throw new SteadysegError(fault.message);
  if (!arrays) throw new Error(`loader worker: ${fault?.message ?? 'no batch'}`);
  const pictures = ({ buffer }: Uint8ClampedArray<ArrayBuffer>) =>
    tensor('uint8', [count, 3, height, width], new Uint8Array(buffer));
  const neighbours = arrays.neighbours.map(({ images, offsets, flow, valid }): NeighbourBatch => {
    const colours = { images: pictures(images), offsets };
    if (!flow || !valid) return colours;
    return {
      ...colours,
      flow: tensor('float32', [count, 2, height, width], flow),
      flowValid: tensor('float32', [count, 1, height, width], valid),
    };
  });
  return {
    images: pictures(arrays.images),
    labels: tensor('uint8', [count, height, width], arrays.labels),
    boundaries: arrays.boundaries && tensor('uint8', [count, height, width], arrays.boundaries),
    neighbours,
    preparedMilliseconds: milliseconds,
  };
}

interface Pool {
  run(plan: BatchPlan): Promise<WorkerResult>;
  /** Memory to be used for a batch to come. */
  recycle(buffers: readonly ArrayBuffer[]): void;
  close(): Promise<void>;
}

/**
 * Threads that take plans in turn. What one decodes and keeps, the others learn of with their next plan; nothing kept is
 * given up again, which for orders that visit every sample once an epoch is as good as any rule.
 */
function startWorkers(count: number, cacheBytes: number): Pool {
  const waiting = new Map<number, { resolve: (result: WorkerResult) => void; reject: (thrown: Error) => void }>();
  let tasks = 0;
  let broken: Error | undefined;
  const spare: ArrayBuffer[] = [];
  const failAll = (error: Error) => {
    broken ??= error;
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  };
  const room: WorkerRoom = { bytes: Math.floor(cacheBytes / count) };
  const threads = Array.from({ length: count }, () => {
    const worker = new Worker(new URL('./loaderWorker.js', import.meta.url), { workerData: room });
    const thread = { worker, news: [] as [string, Stored][] };
    worker.on('message', (result: WorkerResult) => {
      for (const [key, value] of result.decoded) {
        for (const other of threads) if (other !== thread) other.news.push([key, value]);
      }
      waiting.get(result.task)?.resolve(result);
      waiting.delete(result.task);
      // An idle loader does not keep the process alive; one that is closing does, or its closing would never end.
      if (waiting.size === 0 && !broken) for (const other of threads) other.worker.unref();
    });
    worker.on('error', failAll);
    worker.on('exit', () => failAll(new Error('a loader worker ended')));
    worker.unref();
    return thread;
  });
  return {
    run(plan) {
      if (broken) return Promise.reject(broken);
      const task = tasks++;
      const thread = threads[task % threads.length];
      const message: WorkerTask = { task, plan, stored: thread.news.splice(0), spare: spare.splice(0) };
      thread.worker.ref();
      thread.worker.postMessage(message, [...message.spare]);
      return new Promise((resolve, reject) => {
        waiting.set(task, { resolve, reject });
      });
    },
    recycle(buffers) {
      // A batch may be released twice; its memory is then elsewhere already.
      spare.push(...buffers.filter((buffer) => buffer.byteLength > 0 && !spare.includes(buffer)));
    },
    async close() {
      failAll(new SteadysegError('the loader is closed'));
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}
