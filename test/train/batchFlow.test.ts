// The flow a training step is fed: what a frozen source sees in the batch's own pictures.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Batch } from '#src/data/loader.js';
import type { OpticalFlow, RgbImage } from '#src/media/image.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { concat, conv } from '#src/onnx/ops.js';
import { float32, type Tensor, tensor, zeros } from '#src/tensor/tensor.js';
import { writeToyCity } from '#src/toycity/write.js';
import { type BatchFlow, batchFlow, openMotionFlow } from '#src/train/batchFlow.js';
import { parseConfig } from '#src/train/config.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import { train } from '#src/train/trainer.js';
import { endPointError, texture } from '../flow/frames.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg flow '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [height, width] = [8, 16];

/** Pictures of one size, in planes as batches are. */
function planar(...pictures: RgbImage[]) {
  const [{ height, width }] = pictures;
  const planes = pictures.flatMap(({ data }) =>
    [0, 1, 2].flatMap((c) => Array.from({ length: height * width }, (_, i) => data[3 * i + c])),
  );
  return tensor('uint8', [pictures.length, 3, height, width], Uint8Array.from(planes));
}

function plain(...color: [number, number, number]): RgbImage {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => color[i % 3]) };
}

/** A batch whose samples have neighbours at these offsets. */
function batchOf(images: Tensor<'uint8'>, neighbours: Tensor<'uint8'>, offsets: number[]): Batch {
  return {
    epoch: 0,
    step: 0,
    samples: offsets.map((_, n) => n),
    images,
    labels: zeros('uint8', [images.shape[0], images.shape[2], images.shape[3]]),
    neighbours: [{ images: neighbours, offsets: Int32Array.from(offsets) }],
    waitedMilliseconds: 0,
    preparedMilliseconds: 0,
    release() {},
  };
}

/** A "network" whose flow is (red of the second picture less red of the first, likewise green). */
async function differenceNetwork(height: number, width: number): Promise<string> {
  const graph = createGraph('flow');
  const [a, b] = ['a', 'b'].map((name) => input(graph, name, 'float32', [1, 3, height, width]));
  const weight = constant(graph, float32([2, 6, 1, 1], [-1, 0, 0, 1, 0, 0, 0, -1, 0, 0, 1, 0]));
  const path = join(folder, `${height}x${width}.onnx`);
  await writeModelFile(path, exportModel(graph, { flow: conv(concat([a, b], 1), weight) }));
  return path;
}

async function flowOf(method: string, batch: Batch): ReturnType<BatchFlow['of']> {
  const source = await openMotionFlow(method, 1);
  return batchFlow(source)
    .of(batch)
    .finally(() => source?.close());
}

describe('the flow of a batch', () => {
  it('comes from a network that sees the pictures as they were, t first, and counts where there is a neighbour', async () => {
    const method = await differenceNetwork(height, width);
    const batch = batchOf(
      planar(plain(10, 20, 30), plain(50, 60, 70), plain(5, 250, 0)),
      planar(plain(12, 17, 99), plain(50, 60, 70), plain(250, 5, 0)),
      [2, 0, 1],
    );
    const { flow, flowValid } = await flowOf(method, batch);
    const pixels = height * width;
    expect(flow.shape).toEqual([3, 2, height, width]);
    for (const [channel, value] of [2, -3, 0, 0, 245, -245].entries()) {
      for (const found of flow.data.subarray(channel * pixels, (channel + 1) * pixels)) {
        expect(found).toBeCloseTo(value, 4);
      }
    }
    const counts = [1, 0, 1].flatMap((value) => new Array(pixels).fill(value));
    expect([...flowValid.data]).toEqual(counts);
  });

  it.each(['farneback', 'dis', 'dis-fast'])('follows a texture that moves, by %s', async (method) => {
    const batch = batchOf(planar(texture(96, 64)), planar(texture(96, 64, 3, -2)), [1]);
    const { flow } = await flowOf(method, batch);
    const interleaved = Float32Array.from(flow.data, (_, i) => flow.data[(i % 2) * 96 * 64 + (i >> 1)]);
    const found: OpticalFlow = { width: 96, height: 64, data: interleaved };
    expect(endPointError(found, () => [3, -2], 12)).toBeLessThan(0.3);
  });

  it('trains along a network, and validates along it, and says so', async () => {
    const data = join(folder, 'toy');
    await writeToyCity({ out: data, clips: 2, valClips: 1, frames: 3, height: 64, width: 64, seed: 3, flow: false });
    const out = join(folder, 'run');
    const config = {
      network: { architecture: 'pspnet18', widthMultiplier: 0.0625 },
      data: { layout: 'toycity', root: data },
      crop: [64, 64],
      batch: 2,
      steps: 2,
      losses: { motion: 1 },
      motion: { flow: await differenceNetwork(64, 64) },
      validation: {},
    };
    const { validation } = await train({ config: parseConfig(config, 'tiny.yaml'), out });
    expect(validation?.validation).toMatchObject({ pairs: 2, flow: expect.stringContaining('64x64.onnx') });
    const records = await readMetrics(runFiles(out).metrics);
    const losses = records.flatMap((record) => ('losses' in record ? [record.losses] : []));
    expect(losses.length).toBe(2);
    for (const { motion } of losses) expect(motion).toBeGreaterThan(0);
  });
});
