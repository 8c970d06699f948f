// Training with a teacher, end to end on a tiny toy city: every loss is logged, resumes are exact, bad teachers are told.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, resizeModel } from '#src/nets/model.js';
import { weightsOfModel } from '#src/nets/networkWeights.js';
import { readModelFile, writeModelFile } from '#src/onnx/modelFile.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import { type TrainOptions, train } from '#src/train/trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg distil '));
const data = join(folder, 'toy');
const teacher = join(folder, 'teacher.onnx');

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 2, valClips: 1, frames: 3, height: 48, width: 64, seed: 3 });
  await writeModelFile(
    teacher,
    buildModel({ architecture: 'pspnet18', widthMultiplier: 0.125, classes: 19, height: 32, width: 48 }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tiny = {
  network: { architecture: 'pspnet18', widthMultiplier: 0.0625 },
  data: { layout: 'toycity', root: data },
  crop: [32, 48],
  batch: 2,
  steps: 3,
  checkpointEvery: 1,
  teacher: { model: teacher },
  losses: { motion: 0.1, pixel: 1, pairFrames: 1, selfSimilarity: 1, multiFrame: 1 },
  distillation: { on: 'fea', pooling: { multiFrame: 2 } },
};

async function trained(name: string, changes: object = {}, options: Partial<TrainOptions> = {}) {
  const out = join(folder, name);
  const result = await train({ config: parseConfig({ ...tiny, ...changes }, 'tiny.yaml'), ...options, out });
  const records = await readMetrics(runFiles(out).metrics);
  const losses = records.flatMap((record) => ('losses' in record ? [record.losses] : []));
  return { model: readFileSync(result.model), losses };
}

describe('training with a teacher', () => {
  it('logs every loss, and gives the same weights when it was interrupted and resumed', async () => {
    const whole = await trained('whole');
    expect(whole.losses.length).toBe(3);
    const { loss, segmentation, ...others } = whole.losses[0];
    expect(Object.keys(others)).toEqual(['motion', 'pixel', 'pairFrames', 'selfSimilarity', 'multiFrame']);
    for (const [name, value] of Object.entries(others)) expect(value, name).toBeGreaterThan(0);
    const { motion, pixel, pairFrames, selfSimilarity, multiFrame } = others;
    expect(segmentation + 0.1 * motion + pixel + pairFrames + selfSimilarity + multiFrame).toBeCloseTo(loss, 4);

    const interruption = new AbortController();
    const onStep: TrainOptions['onStep'] = ({ step }) => {
      if (step === 2) interruption.abort();
    };
    await expect(trained('resumed', {}, { onStep, signal: interruption.signal })).rejects.toThrow('ended at step 2');
    const resumed = await trained('resumed', {}, { resume: true });
    expect(resumed.model.equals(whole.model)).toBe(true);
    expect(resumed.losses).toEqual(whole.losses);
  });

  it('goes on from the model or a checkpoint of another run', async () => {
    const weights = join(folder, 'whole', 'model.onnx');
    const network = { ...tiny.network, weights };
    const still = { steps: 1, optimizer: { rate: 1e-30, weightDecay: 0 } };
    await trained('further', { network, ...still });
    const checkpoint = runFiles(join(folder, 'whole')).last;
    await trained('from checkpoint', { network: { ...network, weights: checkpoint }, ...still });
    const models = [weights, join(folder, 'further', 'model.onnx'), join(folder, 'from checkpoint', 'model.onnx')];
    const [before, ...after] = await Promise.all(
      models.map(async (path) => weightsOfModel(await readModelFile(path), path)?.get('cls.4.weight')?.data),
    );
    expect(before?.length).toBeGreaterThan(0);
    expect(after).toEqual([before, before]);

    const foreign = join(folder, 'foreign.onnx');
    const model = await readModelFile(weights);
    await writeModelFile(foreign, { ...model, metadata: new Map() });
    await expect(trained('foreign', { network: { ...network, weights: foreign } })).rejects.toThrow(
      'expected a model made by steadyseg',
    );
  });

  it('goes on from a model made for use, which has no auxiliary head', async () => {
    const shipped = join(folder, 'shipped.onnx');
    await writeModelFile(shipped, resizeModel(await readModelFile(teacher), 48, 64, teacher));
    const network = { ...tiny.network, widthMultiplier: 0.125, weights: shipped };
    await trained('from shipped', { network, steps: 1, optimizer: { rate: 1e-30, weightDecay: 0 } });
    const weightsIn = async (path: string) => weightsOfModel(await readModelFile(path), path);
    const [before, after] = await Promise.all([shipped, join(folder, 'from shipped', 'model.onnx')].map(weightsIn));
    expect(before?.has('aux.4.weight')).toBe(false);
    expect(before?.has('cls.4.weight')).toBe(true);
    expect(after?.get('cls.4.weight')?.data).toEqual(before?.get('cls.4.weight')?.data);
  });

  it('trains the ConvLSTM along, on two networks of as many channels', async () => {
    const { losses } = await trained('trained', {
      losses: { multiFrame: 1 },
      distillation: { multiFrame: 'trained', antiCollapse: 0.5 },
      steps: 2,
    });
    expect(losses[0].loss).toBeCloseTo(losses[0].segmentation + losses[0].multiFrame + 0.5 * losses[0].antiCollapse, 4);
    const unlike = { losses: { multiFrame: 1 }, distillation: { on: 'fea', multiFrame: 'trained' } };
    await expect(trained('unlike', unlike)).rejects.toThrow('expected maps of as many channels');
  });

  it('mixes labelled frames without neighbours with unlabelled ones that have some', async () => {
    const list = join(folder, 'labelled.txt');
    const [city] = readdirSync(join(data, 'gtFine', 'train'));
    const filesOf = (kind: string) => {
      const below = join(data, kind, 'train', city);
      return readdirSync(below)
        .filter((name) => !name.endsWith('labelIds.png'))
        .sort()
        .map((name) => join(below, name));
    };
    const [images, labels] = [filesOf('leftImg8bit_sequence'), filesOf('gtFine')];
    // Lines in this order are no clip.
    const lines = [2, 0].map((frame) => `${images[frame]}\t${labels[frame]}`);
    writeFileSync(list, lines.join('\n'));
    const labelled = { layout: 'list', root: list, classes: 'toycity' };
    const extra = { layout: 'toycity', root: data, split: 'val', range: [0, 2], perBatch: 2 };
    const changes = { data: { ...labelled, extra }, batch: 4, steps: 2 };
    const { losses } = await trained('mixed', changes);
    for (const name of ['segmentation', 'motion', 'pixel', 'pairFrames', 'multiFrame']) {
      expect(losses[0][name], name).toBeGreaterThan(0);
    }
    await expect(trained('lonely', { data: labelled })).rejects.toThrow(
      'expected frames with neighbours within the gap of 3, found none: give unlabelled ones as data.extra',
    );
    const full = { ...changes, data: { ...labelled, extra: { ...extra, perBatch: 4 } } };
    await expect(trained('full', full)).rejects.toThrow(
      'data.extra.perBatch: expected less than the batch of 4, found 4',
    );
  });

  it('learns from a teacher of other classes by a map, and refuses it without', async () => {
    const other = join(folder, 'seven.onnx');
    await writeModelFile(
      other,
      buildModel({ architecture: 'pspnet18', widthMultiplier: 0.0625, classes: 7, height: 40, width: 48 }),
    );
    const losses = { pixel: 1 };
    await expect(trained('other', { teacher: { model: other }, losses })).rejects.toThrow(
      /seven.onnx: expected a teacher of the student's 19 classes, found 7: say with teacher.classMap/,
    );
    const classMap = { 0: 'road', 1: 'road', 2: 'sky', 3: 'car' };
    const mapped = await trained('mapped', { teacher: { model: other, classMap }, losses, frames: 1, steps: 1 });
    expect(mapped.losses[0].pixel).toBeGreaterThan(0);
    // How alike positions are needs no classes.
    const alike = await trained('alike', {
      teacher: { model: other },
      losses: { selfSimilarity: 1 },
      distillation: {},
      frames: 1,
      steps: 1,
    });
    expect(alike.losses[0].selfSimilarity).toBeGreaterThan(0);
  });

  it('keeps what the teacher gives only of frames that stay the same', async () => {
    const kept = { teacher: { model: teacher, cache: join(folder, 'kept') }, losses: { pixel: 1 }, steps: 1 };
    await expect(trained('changing', kept)).rejects.toThrow(
      'teacher.cache: expected frames that are the same every time',
    );
    const augmentation = { scale: [1, 1], rotationProbability: 0, blurProbability: 0, flipProbability: 0 };
    await expect(trained('cropped', { ...kept, augmentation })).rejects.toThrow(
      /teacher.cache: expected crops of whole frames, found crop 32×48 and .* of 48×64/,
    );
    const whole = { ...kept, augmentation, crop: [48, 64] };
    const first = await trained('filling', whole);
    expect((await trained('filled', whole)).model.equals(first.model)).toBe(true);
  });

  it('refuses what does not go together', async () => {
    const { teacher: _, ...alone } = tiny;
    await expect(train({ config: parseConfig(alone, 'x'), out: join(folder, 'alone') })).rejects.toThrow(
      'expected teacher.model (.onnx) for the distillation losses, found none',
    );
    await expect(trained('few', { frames: 2 })).rejects.toThrow('frames: losses.multiFrame needs 3, found 2');
    await expect(trained('named', { teacher: { model: teacher, features: 'feat' } })).rejects.toThrow(
      /teacher.onnx: expected features of the teacher, found no value "feat" in it; did you mean fea\?; it has layer1, .*fea/,
    );
    await expect(
      trained('on', { distillation: { on: 'feas' }, teacher: { model: teacher, features: 'fea' } }),
    ).rejects.toThrow(
      'distillation.on: expected a value of pspnet18 (logits, layer1, layer2, layer3, layer4, fea), found "feas"; did you mean fea?',
    );
  });
});
