// Motion and distillation on features by name with PIDNet, DDRNet, SegFormer and DeepLabV3+, and adaptation: a few steps at small sizes.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapt } from '#src/adapt/adapt.js';
import { writePicture } from '#src/media/pictures.js';
import { buildModel } from '#src/nets/model.js';
import type { Model } from '#src/onnx/model.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { readModel } from '#src/onnx/read.js';
import { createRandom } from '#src/tensor/random.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import { train } from '#src/train/trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg modern '));
const [data, video] = [join(folder, 'toy'), join(folder, 'video')];
const [height, width] = [48, 64];

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 2, valClips: 1, frames: 3, height, width, seed: 3 });
  const random = createRandom(7);
  for (let t = 0; t < 4; t++) {
    const pixels = Uint8Array.from({ length: 3 * height * width }, (_, i) => {
      const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      return 128 + 45 * Math.sin((x + t) * 0.35 + c) + 35 * Math.cos(y * 0.3 - c) + 40 * (random.uniform() - 0.5);
    });
    await writePicture(join(video, `${t}.png`), { width, height, data: pixels });
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const modelOf = (architecture: string) => buildModel({ architecture, classes: 19, height, width });
const rest = ({ graph, ...all }: Model) => ({
  ...all,
  graph: { ...graph, initializers: [...graph.initializers.keys()] },
});

/** Those whose adaptation takes the least time. */
const adapted = ['ddrnet23-slim', 'segformer-b0'];

describe.each([
  ['pidnet-s', 'layer3', { rate: 0.01 }],
  ['ddrnet23-slim', 'spp', { rate: 0.01 }],
  ['segformer-b0', 'stage2', { method: 'adamw', rate: 1e-3 }],
  ['deeplabv3plus-mobilenetv2', 'aspp', { rate: 0.01 }],
])('%s', (architecture, features, optimizer) => {
  const teacher = join(folder, `${architecture}.onnx`);
  beforeAll(() => writeModelFile(teacher, modelOf(architecture)));

  it(`learns with motion and distillation on ${features}, and stays the network of one frame that it is`, async () => {
    const out = join(folder, architecture);
    const config = {
      network: { architecture },
      data: { layout: 'toycity', root: data },
      ...{ crop: [height, width], batch: 2, steps: 6, dropout: 0, threads: 1 },
      augmentation: { scale: [1, 1], rotationProbability: 0, blurProbability: 0, flipProbability: 0 },
      optimizer: { ...optimizer, schedule: 'constant' },
      losses: { motion: 0.1, pixel: 1, pairFrames: 1 },
      teacher: { model: teacher },
      distillation: { on: features },
    };
    const { model } = await train({ config: parseConfig(config, 'modern.yaml'), out });
    const losses = (await readMetrics(runFiles(out).metrics)).flatMap((record) =>
      'losses' in record ? [record.losses] : [],
    );
    expect(losses.length).toBe(6);
    for (const name of ['motion', 'pixel', 'pairFrames']) expect(losses[0][name], name).toBeGreaterThan(0);
    expect(losses[5].loss).toBeLessThan(losses[0].loss);
    const { graph } = readModel(readFileSync(model));
    expect(graph.inputs.map(({ name }) => name)).toEqual(['image']);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['logits']);
    expect([...graph.initializers.keys()]).toEqual([...readModel(readFileSync(teacher)).graph.initializers.keys()]);
  }, 900_000);

  it.runIf(adapted.includes(architecture))(
    'is adapted to a video: the same file with other weights',
    async () => {
      const out = join(folder, `${architecture}-adapted.onnx`);
      const result = await adapt({ inputs: [video], model: teacher, out, steps: 8, threads: 1 });
      expect(result.frames).toBe(4);
      expect(result.curve.length).toBe(5);
      const [whole, first] = [result.curve[4], result.curve[0]];
      expect(whole.steady).not.toBe(first.steady);
      const [before, after] = [teacher, result.model].map((path) => readModel(readFileSync(path)));
      expect(rest(after)).toEqual(rest(before));
    },
    900_000,
  );
});
