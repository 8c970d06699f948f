import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishedAugmentation } from '#src/data/augmentation.js';
import type { Dataset } from '#src/data/dataset.js';
import { openDataset } from '#src/data/datasets.js';
import { type Batch, createLoader, type LoaderOptions, type Position } from '#src/data/loader.js';
import { rangeOf, withoutLabels } from '#src/data/selection.js';
import { renderedToyCityDataset } from '#src/data/toycity.js';
import { writeToyCity } from '#src/toycity/write.js';

let root: string;
let dataset: Dataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'steadyseg-loader-'));
  await writeToyCity({ out: root, clips: 2, valClips: 0, frames: 5, height: 48, width: 96, seed: 2 });
  dataset = await openDataset('toycity', { root });
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const published = (): LoaderOptions => ({
  dataset,
  batchSize: 3,
  crop: { height: 40, width: 64 },
  seed: 9,
  augmentation: publishedAugmentation,
  neighbours: 1,
  flow: true,
});

async function take(options: LoaderOptions, count: number, from?: Position): Promise<Batch[]> {
  const loader = createLoader(options);
  const taken: Batch[] = [];
  for await (const batch of loader.batches(from)) {
    taken.push(batch);
    if (taken.length === count) break;
  }
  await loader.close();
  return taken;
}

/** Everything of a batch that must not depend on how it was made. */
function contents({ epoch, step, samples, images, labels, neighbours }: Batch) {
  const bytes = (data?: { buffer: ArrayBufferLike }) => data && Buffer.from(data.buffer).toString('base64');
  const others = neighbours.map((other) => [
    bytes(other.images.data),
    [...other.offsets],
    bytes(other.flow?.data),
    bytes(other.flowValid?.data),
  ]);
  return [epoch, step, samples, bytes(images.data), bytes(labels.data), others];
}

/** Compared as one text: a mismatch is told by number, not by megabytes. */
const same = (a: Batch[], b: Batch[]) =>
  a.map((batch, k) => JSON.stringify(contents(batch)) === JSON.stringify(contents(b[k])));

describe('the loader', () => {
  it('gives tensors of the shapes it says', async () => {
    const [batch] = await take(published(), 1);
    expect(batch.images.shape).toEqual([3, 3, 40, 64]);
    expect(batch.labels.shape).toEqual([3, 40, 64]);
    const [neighbour] = batch.neighbours;
    expect(neighbour.images.shape).toEqual([3, 3, 40, 64]);
    expect(neighbour.flow?.shape).toEqual([3, 2, 40, 64]);
    expect(neighbour.flowValid?.shape).toEqual([3, 1, 40, 64]);
    expect([...neighbour.offsets].every((offset) => offset !== 0 && Math.abs(offset) <= 3)).toBe(true);
    expect(batch.images.data.some((value) => value !== 0)).toBe(true);
    expect(neighbour.images.data).not.toEqual(batch.images.data);
  });

  it('is the same for any number of workers, with and without a cache, memory given back or not', async () => {
    const one = await take(published(), 8);
    expect(same(await take({ ...published(), workers: 2, ahead: 5 }, 8), one)).toEqual(Array(8).fill(true));
    expect(same(await take({ ...published(), cacheBytes: 0, ahead: 1 }, 8), one)).toEqual(Array(8).fill(true));
    const loader = createLoader({ ...published(), cacheBytes: 100_000 });
    const seen: boolean[] = [];
    for await (const batch of loader.batches()) {
      seen.push(...same([batch], [one[seen.length]]));
      batch.release();
      batch.release();
      if (seen.length === 8) break;
    }
    await loader.close();
    expect(seen).toEqual(Array(8).fill(true));
  });

  it('goes on from any step as if it had never stopped', async () => {
    const run = await take(published(), 8);
    expect(run.map(({ epoch, step }) => [epoch, step])).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [Math.floor(n / 3), n % 3]),
    );
    for (const at of [2, 4]) {
      const resumed = await take(published(), 3, run[at]);
      expect(same(resumed, run.slice(at, at + 3))).toEqual([true, true, true]);
    }
  });

  it('visits the samples once an epoch in an order of the epoch’s own, changed anew each time', async () => {
    const batches = await take({ ...published(), batchSize: 2 }, 10);
    const epochs = [batches.slice(0, 5), batches.slice(5)].map((part) => part.flatMap(({ samples }) => samples));
    for (const order of epochs) expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(epochs[0]).not.toEqual(epochs[1]);
    const other = await take({ ...published(), batchSize: 2, seed: 10 }, 1);
    expect(same(other, batches.slice(0, 1))).toEqual([false]);
  });

  it('draws anew in each epoch and for each sample: order, changes, neighbours', async () => {
    const { sample } = dataset;
    const of = (count: number, index: (n: number) => number): Dataset => ({
      ...dataset,
      count,
      sample: (n) => sample(index(n)),
    });
    const small = { ...published(), crop: { height: 16, width: 16 }, flow: false, cacheBytes: 2 ** 26 };
    const three = await take({ ...small, neighbours: 0, dataset: of(3, (n) => n) }, 60);
    // Every order occurs, the one in which each sample stays in its place included.
    expect(new Set(three.map(({ samples }) => samples.join())).size).toBe(6);

    const middle = await take({ ...small, batchSize: 1, dataset: of(1, () => 2) }, 12);
    expect(new Set(middle.map(({ images }) => Buffer.from(images.data).toString('base64'))).size).toBe(12);
    expect(new Set(middle.map(({ neighbours }) => neighbours[0].offsets[0])).size).toBeGreaterThan(2);

    const [{ images }] = await take({ ...small, batchSize: 2, dataset: of(2, () => 2) }, 1);
    const half = images.data.length / 2;
    expect(images.data.slice(0, half)).not.toEqual(images.data.slice(half));

    const extra = { dataset: of(4, (n) => n), perBatch: 4 };
    const passes = await take({ ...small, neighbours: 0, batchSize: 5, extra }, 6);
    expect(new Set(passes.map(({ samples }) => samples.slice(1).join())).size).toBeGreaterThan(2);
  });

  it('in order and whole for validation, the last batch shorter', async () => {
    const options = {
      dataset,
      batchSize: 4,
      crop: { height: 48, width: 96 },
      seed: 0,
      shuffle: false,
      dropLast: false,
    };
    const batches = await take(options, 3);
    expect(batches.map(({ samples }) => samples)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(batches[2].images.shape).toEqual([2, 3, 48, 96]);
    expect(batches[0].neighbours).toEqual([]);
  });

  it('repeats the samples of a dataset that is smaller than a batch, each time with another draw', async () => {
    const [{ samples, images }] = await take({ ...published(), batchSize: 20 }, 1);
    expect(samples.slice(0, 10)).toEqual(samples.slice(10));
    const plane = 3 * 40 * 64;
    expect(images.data.slice(0, plane)).not.toEqual(images.data.slice(10 * plane, 11 * plane));
  });

  it('gives the frames before and after, and the frame itself where there is no other', async () => {
    const options = {
      ...published(),
      neighbours: 2 as const,
      flow: false,
      gap: 2,
      augmentation: publishedAugmentation,
    };
    for (const { neighbours } of await take(options, 3)) {
      expect(neighbours).toHaveLength(2);
      for (const n of [0, 1, 2]) expect(Math.abs(neighbours[0].offsets[n])).toBe(Math.abs(neighbours[1].offsets[n]));
    }
    const alone: Dataset = {
      ...dataset,
      sample: (index) => ({ ...dataset.sample(index), neighbour: () => undefined }),
    };
    const [batch] = await take({ ...published(), dataset: alone }, 1);
    expect([...batch.neighbours[0].offsets]).toEqual([0, 0, 0]);
    expect(batch.neighbours[0].images.data).toEqual(batch.images.data);
    expect(batch.neighbours[0].flowValid?.data.some((value) => value !== 0)).toBe(false);
  });

  it('fills a share of every batch from a second dataset, at its own pace, from any step on', async () => {
    const extra = { dataset: withoutLabels(rangeOf(dataset, 0, 3)), perBatch: 2 };
    const options = { ...published(), batchSize: 4, extra };
    const batches = await take(options, 6);
    expect(batches.map(({ epoch, step }) => [epoch, step])).toEqual(
      [0, 1, 2, 3, 4].map((step) => [0, step]).concat([[1, 0]]),
    );
    const own = batches.slice(0, 5).flatMap(({ samples }) => samples.slice(0, 2));
    expect(own.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const others = batches.flatMap(({ samples }) => samples.slice(2));
    for (let pass = 0; pass < 4; pass++) {
      expect(others.slice(3 * pass, 3 * pass + 3).toSorted((a, b) => a - b)).toEqual([10, 11, 12]);
    }
    const pixels = 40 * 64;
    for (const { labels } of batches) {
      expect(labels.data.subarray(2 * pixels).every((id) => id === 255)).toBe(true);
      expect(labels.data.subarray(0, 2 * pixels).some((id) => id !== 255)).toBe(true);
    }
    expect(same(await take(options, 2, { epoch: 0, step: 4 }), batches.slice(4))).toEqual([true, true]);
    expect(() => createLoader({ ...options, extra: { ...extra, perBatch: 4 } })).toThrow('extra samples a batch');
  });

  it('renders the toy city in memory to what lies in its files', async () => {
    const rendered = renderedToyCityDataset({ seed: 2, split: 'train', clips: 2, frames: 5, height: 48, width: 96 });
    const options = { ...published(), gap: 1 };
    const [files, memory] = [await take(options, 3), await take({ ...options, dataset: rendered, cacheBytes: 0 }, 3)];
    expect(same(memory, files)).toEqual([true, true, true]);
  });

  it('tells what is wrong with a file, and with its options', async () => {
    const broken: Dataset = {
      ...dataset,
      sample: (index) => ({ ...dataset.sample(index), frame: { kind: 'file', path: join(root, 'nothing.png') } }),
    };
    await expect(take({ ...published(), dataset: broken }, 1)).rejects.toThrow(/nothing\.png: no such file/);
    expect(() => createLoader({ ...published(), batchSize: 0 })).toThrow(/at least 1 for batchSize, found 0/);
    expect(() => createLoader({ ...published(), dataset: { ...dataset, count: 0 } })).toThrow(/at least one sample/);
    const flowless: Dataset = { ...dataset, sample: (index) => ({ ...dataset.sample(index), flow: () => undefined }) };
    await expect(take({ ...published(), dataset: flowless }, 1)).rejects.toThrow(
      /expected flow to the frame at offset/,
    );
  });
});
