// What a run makes of its configuration: heads learn faster behind a backbone, and accumulated batches go on where they stopped.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initializeParameters } from '#src/nets/initialize.js';
import { inference } from '#src/nets/mode.js';
import { buildNetwork } from '#src/nets/registry.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { runFiles } from '#src/train/runFolder.js';
import { type TrainOptions, train } from '#src/train/trainer.js';
import { writeSafetensors } from '#src/weights/safetensors.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg configured '));
const [data, backbone] = [join(folder, 'toy'), join(folder, 'backbone.safetensors')];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const network = { architecture: 'pspnet18', widthMultiplier: 0.0625 };
const tiny = { network, data: { layout: 'toycity', root: data }, crop: [32, 48], batch: 2, steps: 1 };

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 1, valClips: 0, frames: 5, height: 32, width: 48, seed: 3, flow: false });
  const graph = createGraph('backbone');
  const image = input(graph, 'image', 'float32', [1, 3, 32, 48]);
  buildNetwork('pspnet18', graph, image, { classes: 19, widthMultiplier: 0.0625, mode: inference });
  const weights = [...initializeParameters(graph, 77)].filter(([name]) => name.startsWith('layer'));
  await writeSafetensors(backbone, new Map(weights));
});

/** The last checkpoint of a run. */
async function trained(name: string, changes: object, options: Partial<TrainOptions> = {}): Promise<Buffer> {
  const out = join(folder, name);
  await train({ config: parseConfig({ ...tiny, ...changes }, 'tiny.yaml'), ...options, out });
  return readFileSync(runFiles(out).last);
}

it('heads learn ten times as fast as a pretrained backbone, unless told otherwise', async () => {
  const pretrained = { network: { ...network, backbone } };
  const plain = await trained('plain', pretrained);
  expect(plain.equals(await trained('tenfold', { ...pretrained, optimizer: { headFactor: 10 } }))).toBe(true);
  expect(plain.equals(await trained('alike', { ...pretrained, optimizer: { headFactor: 1 } }))).toBe(false);
  const fresh = await trained('fresh', {});
  expect(fresh.equals(await trained('fresh alike', { optimizer: { headFactor: 1 } }))).toBe(true);
});

it('accumulated batches go on after a resume with those that come next', async () => {
  const accumulated = { accumulate: 2, batch: 1, steps: 2, statistics: 'fixed' };
  const whole = await trained('accumulated', accumulated);
  const interruption = new AbortController();
  const stopped = trained('stopped', accumulated, { signal: interruption.signal, onStep: () => interruption.abort() });
  await expect(stopped).rejects.toThrow('ended at step 1 of 2');
  expect((await trained('stopped', accumulated, { resume: true })).equals(whole)).toBe(true);
});
