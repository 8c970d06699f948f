// The flow a training step is fed: what a frozen source sees in the batch's own pictures.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Batch } from '#src/data/loader.js';
import { writeToyCity } from '#src/data/toycity/write.js';
import { buildModel } from '#src/nets/model.js';
import { imageNetMean, imageNetStd } from '#src/nets/normalization.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { concat, conv } from '#src/onnx/ops.js';
import { float32, zeros } from '#src/tensor/tensor.js';
import { batchFlow } from '#src/train/batchFlow.js';
import { parseConfig } from '#src/train/config.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import { train } from '#src/train/trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg flow '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [height, width] = [8, 16];

/** Pictures of one colour each, 0..255, normalised as batches are. */
function images(...colors: [number, number, number][]) {
  const pixels = height * width;
  return float32(
    [colors.length, 3, height, width],
    colors.flatMap((color) =>
      color.flatMap((value, c) => new Array(pixels).fill((value / 255 - imageNetMean[c]) / imageNetStd[c])),
    ),
  );
}

/** A "network" whose flow is (red of the second picture less red of the first, likewise green). */
async function differenceNetwork(): Promise<string> {
  const graph = createGraph('flow');
  const [a, b] = ['a', 'b'].map((name) => input(graph, name, 'float32', [1, 3, height, width]));
  const weight = constant(graph, float32([2, 6, 1, 1], [-1, 0, 0, 1, 0, 0, 0, -1, 0, 0, 1, 0]));
  const path = join(folder, 'difference.onnx');
  await writeModelFile(path, exportModel(graph, { flow: conv(concat([a, b], 1), weight) }));
  return path;
}

describe('the flow of a batch', () => {
  it('comes from a network that sees the pictures as they were, t first, and counts where there is a neighbour', async () => {
    const source = await batchFlow(await differenceNetwork(), 1);
    const batch: Batch = {
      epoch: 0,
      step: 0,
      samples: [0, 1],
      images: images([10, 20, 30], [50, 60, 70]),
      labels: zeros('uint8', [2, height, width]),
      neighbours: [{ images: images([12, 17, 99], [50, 60, 70]), offsets: Int32Array.of(2, 0) }],
      waitedMilliseconds: 0,
      preparedMilliseconds: 0,
      release() {},
    };
    const { flow, flowValid } = await source.of(batch);
    await source.close();
    const pixels = height * width;
    expect(flow.shape).toEqual([2, 2, height, width]);
    for (const [channel, value] of [2, -3, 0, 0].entries()) {
      for (const found of flow.data.subarray(channel * pixels, (channel + 1) * pixels)) {
        expect(found).toBeCloseTo(value, 4);
      }
    }
    expect([...flowValid.data]).toEqual([...new Array(pixels).fill(1), ...new Array(pixels).fill(0)]);
  });

  it('trains along FlowNet2', async () => {
    const data = join(folder, 'toy');
    await writeToyCity({ out: data, clips: 1, valClips: 0, frames: 3, height: 64, width: 64, seed: 3, flow: false });
    const network = join(folder, 'flownet2.onnx');
    await writeModelFile(network, buildModel({ architecture: 'flownet2', classes: 2, height: 64, width: 64 }));
    const out = join(folder, 'run');
    const config = {
      network: { architecture: 'pspnet18', widthMultiplier: 0.0625 },
      data: { layout: 'toycity', root: data },
      crop: [64, 64],
      batch: 2,
      steps: 2,
      losses: { motion: 1 },
      motion: { flow: network },
    };
    await train({ config: parseConfig(config, 'tiny.yaml'), out });
    const records = await readMetrics(runFiles(out).metrics);
    const losses = records.flatMap((record) => ('losses' in record ? [record.losses] : []));
    expect(losses.length).toBe(2);
    for (const { motion } of losses) expect(motion).toBeGreaterThan(0);
  }, 240_000);
});
