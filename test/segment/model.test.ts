import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '#src/base/errors.js';
import { presetClasses } from '#src/media/classes.js';
import { describeModel, type ModelDescription } from '#src/onnx/metadata.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { findNetwork } from '#src/segment/findNetwork.js';
import { loadModel } from '#src/segment/loadModel.js';
import { type LoadOptions, segmentationModel } from '#src/segment/model.js';
import { defaultPreprocessing } from '#src/segment/preprocessing.js';
import { readPreprocessorConfig } from '#src/segment/preprocessorConfig.js';
import { randomPixels } from './pixels.js';
import {
  brightestChannel,
  classifierNetwork,
  tinyModel,
  tinyNetwork,
  twoInputNetwork,
  withShapes,
} from './tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-model-'));
afterAll(() => rmSync(folder, { recursive: true }));

function withMetadata(description: ModelDescription): Uint8Array {
  return tinyNetwork({ metadata: new Map([describeModel(description)]) });
}

describe('loading a network', () => {
  it('says what it takes and gives', async () => {
    const { description, classes } = await loadModel(tinyNetwork({ classes: 4 }));
    expect(description).toMatchObject({
      input: { name: 'image', dtype: 'float32', layout: 'nchw' },
      output: { name: 'logits', layout: 'nchw', kind: 'logits', channels: 4, background: undefined },
      height: 12,
      width: 16,
      classCount: 4,
      preprocessing: defaultPreprocessing,
    });
    expect(classes.classes).toEqual(['class 0', 'class 1', 'class 2', 'class 3']);
    expect(new Set(classes.palette.map(String)).size).toBe(4);
  });

  it('takes classes and normalisation from the metadata', async () => {
    const model = await loadModel(
      withMetadata({
        classes: ['road', 'car', 'sky', 'tree'],
        palette: [
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 9],
          [10, 11, 12],
        ],
        mean: [10, 20, 30],
        std: [1, 2, 3],
        channelOrder: 'bgr',
      }),
    );
    expect(model.classes.classes).toEqual(['road', 'car', 'sky', 'tree']);
    expect(model.classes.palette[3]).toEqual([10, 11, 12]);
    // The file has them in the order of its channels, blue first.
    expect(model.description.preprocessing).toEqual({ mean: [30, 20, 10], std: [3, 2, 1], channelOrder: 'bgr' });
  });

  it('takes plain metadata entries of other exporters', async () => {
    const metadata = new Map([
      ['classes', '["a","b","c","d"]'],
      ['mean', '[1,2,3]'],
      ['std', '[4,5,6]'],
    ]);
    const model = await loadModel(tinyNetwork({ metadata }));
    expect(model.classes.classes).toEqual(['a', 'b', 'c', 'd']);
    expect(model.description.preprocessing.std).toEqual([4, 5, 6]);
  });

  it('takes the configuration beside the file, and lets the caller overrule it', async () => {
    const path = join(folder, 'network.onnx');
    writeFileSync(path, tinyNetwork({ free: true }));
    const config = {
      do_rescale: true,
      rescale_factor: 0.5,
      image_mean: [0.5, 1, 2],
      image_std: 0.25,
      size: { height: 6, width: 8 },
    };
    writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(config));
    const { description } = await loadModel(path);
    expect(description.preprocessing).toEqual({ mean: [1, 2, 4], std: [0.5, 0.5, 0.5], channelOrder: 'rgb' });
    expect([description.height, description.width]).toEqual([6, 8]);
    const other = await loadModel(path, {
      mean: [1, 1, 1],
      scale: 0.5,
      channelOrder: 'bgr',
      size: { height: 3, width: 4 },
    });
    expect(other.description.preprocessing).toEqual({ mean: [2, 2, 2], std: [2, 2, 2], channelOrder: 'bgr' });
    expect([other.description.height, other.description.width]).toEqual([3, 4]);
  });

  it('reads Hugging Face defaults', async () => {
    const path = join(folder, 'default.json');
    writeFileSync(path, JSON.stringify({ image_processor_type: 'SegformerImageProcessor', size: 512 }));
    const { preprocessing, size } = await readPreprocessorConfig(path);
    for (const c of [0, 1, 2]) {
      expect(preprocessing.mean[c]).toBeCloseTo(defaultPreprocessing.mean[c], 9);
      expect(preprocessing.std[c]).toBeCloseTo(defaultPreprocessing.std[c], 9);
    }
    expect(size).toEqual({ height: 512, width: 512 });
  });
});

describe('normalisation and size from outside', () => {
  it.each([
    ['a std of 0', { std: [0, 1, 1] }],
    ['a negative std', { std: [1, -1, 1] }],
    ['a mean that is no number', { mean: [1, Number.NaN, 2] }],
    ['a scale of 0', { scale: 0 }],
    ['an endless scale', { scale: Number.POSITIVE_INFINITY }],
  ] satisfies [string, LoadOptions][])('are refused: %s', async (_, options) => {
    await expect(loadModel(tinyNetwork(), options)).rejects.toThrow(
      /normalisation: expected finite numbers, of std and scale above 0, found mean /,
    );
  });

  it.each([
    ['image_std', { image_std: [1, 0, 1] }, /std and scale above 0, found mean [\d.,]+, std 1,0,1, scale 0\.0039/],
    ['rescale_factor', { rescale_factor: 0 }, /std and scale above 0, .*scale 0$/],
    [
      'part of a pixel',
      { size: { height: 1.5, width: 8 } },
      /"size.height": .*whole pixels from 1 to 16384, found 1\.5/,
    ],
    ['less than nothing', { size: { height: 8, width: -3 } }, /"size.width": .*found -3/],
    ['all memory', { size: { height: 1e9, width: 1e9 } }, /"size.height": .*found 1000000000/],
  ])('are refused in the file beside the model: %s', async (_, config, message) => {
    const path = join(folder, 'wrong.json');
    writeFileSync(path, JSON.stringify(config));
    await expect(readPreprocessorConfig(path)).rejects.toThrow(message);
    await expect(readPreprocessorConfig(path)).rejects.toThrow(path);
  });

  it('are refused when a size is no size of an input', async () => {
    const free = tinyNetwork({ free: true });
    await expect(loadModel(free, { size: { height: 1.5, width: 8 } })).rejects.toThrow(UsageError);
    await expect(loadModel(free, { size: { height: 1e9, width: 8 } })).rejects.toThrow(
      /whole sides from 1 to 16384 pixels, found 1000000000x8/,
    );
    const large = writeModel(withShapes(tinyModel(), [1, 3, 1e9, 16], [1, 4, 1e9, 16]));
    await expect(loadModel(large)).rejects.toThrow(/found 1000000000x16/);
    await expect(loadModel(withMetadata({ sizeMultiple: 1e9 }))).rejects.toThrow(/a multiple of 1 to 16384 pixels/);
    const endless = tinyNetwork({ metadata: new Map([['mean', '[1,2,1e999]']]) });
    await expect(loadModel(endless)).rejects.toThrow(/"mean\.2": /);
  });
});

describe('what is no segmentation network', () => {
  const wrong = (inputShape: (number | string)[], outputShape: (number | string)[]) =>
    writeModel(withShapes(tinyModel(), inputShape, outputShape));
  const scores = [1, 4, 12, 16];
  const cases: [string, () => Uint8Array, LoadOptions, RegExp][] = [
    ['two inputs', twoInputNetwork, {}, /expected a network with one input, found 2 \(image, previous\)/],
    [
      'one channel',
      () => tinyNetwork({ channels: 1 }),
      {},
      /expected an input of 1×3×height×width or 1×height×width×3.*1×1×12×16/,
    ],
    ['four channels', () => tinyNetwork({ channels: 4 }), {}, /expected an input of 1×3×height×width or .*1×4×12×16/],
    ['a batch', () => wrong([8, 3, 12, 16], scores), {}, /expected an input of 1×3.*8×3×12×16/],
    ['a vector', classifierNetwork, {}, /expected scores of 1×classes×height×width.*"logits" is 1×3/],
    [
      'more classes than the preset',
      () => tinyNetwork({ classes: 12 }),
      { classes: presetClasses('camvid') },
      /at most the 11 classes of "camvid", found a network of 12/,
    ],
    ['more classes than a byte', () => tinyNetwork({ classes: 300 }), {}, /at most 255 classes.*found 300/],
    ['no model', () => new TextEncoder().encode('not a model'), {}, /expected an ONNX model/],
    ['nothing', () => new Uint8Array(), {}, /expected an ONNX model, found an empty file/],
    ['wrong metadata', () => tinyNetwork({ metadata: new Map([['steadyseg', '{"mean":[1,2]}']]) }), {}, /"mean/],
    ['damaged metadata', () => tinyNetwork({ metadata: new Map([['steadyseg', '{']]) }), {}, /expected JSON/],
  ];
  it.each(cases)('is refused in one line: %s', async (_, make, options, message) => {
    const failure = await loadModel(make(), options).catch((thrown: Error) => thrown);
    expect(failure).toMatchObject({ name: 'SteadysegError', message: expect.stringMatching(message) });
    expect((failure as Error).message).not.toContain('\n');
  });

  it('is refused when the first run shows it', async () => {
    const classes = { ...presetClasses('camvid'), classes: ['one', 'two'] };
    const open = ['a', 'b', 'c', 'd'];
    // The last convolution tells how many classes there are; without one the run does.
    await expect(loadModel(wrong([1, 3, 12, 16], open), { classes })).rejects.toThrow(/found a network of 4/);
    const image = writeModel(withShapes(readModel(brightestChannel(12, 16)), [1, 3, 12, 16], open));
    const model = await loadModel(image, { classes });
    await expect(model.segment(randomPixels(12, 16))).rejects.toThrow(/at most the 2 classes.*found a network of 3/);
  });

  it('is wrong usage to ask a fixed network for another size, or for scales without tiles', async () => {
    await expect(loadModel(tinyNetwork(), { size: { height: 24, width: 16 } })).rejects.toThrow(UsageError);
    const model = await loadModel(tinyNetwork());
    await expect(model.segment(randomPixels(12, 16), { scales: [0.5, 1] })).rejects.toThrow(/--tile 12x16/);
    await expect(model.segment(randomPixels(12, 16), { scales: [0] })).rejects.toThrow(UsageError);
  });
});

describe('releasing a network', () => {
  it('waits for the pictures under way, and takes none afterwards', async () => {
    const events: string[] = [];
    const model = segmentationModel(await findNetwork(tinyNetwork()), {}, async (content, options) => {
      const session = await createSession(content, options);
      return {
        ...session,
        async run(...feeds) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          const results = await session.run(...feeds);
          events.push('run');
          return results;
        },
        release() {
          events.push('release');
          return session.release();
        },
      };
    });
    const image = randomPixels(12, 16);
    const segmentations = [model.segment(image), model.segment(image)];
    await model.release();
    expect(events).toEqual(['run', 'run', 'release']);
    for (const { labels } of await Promise.all(segmentations)) expect(labels.data).toHaveLength(12 * 16);
    await expect(model.segment(image)).rejects.toThrow(UsageError);
    await model.release();
    expect(events).toEqual(['run', 'run', 'release']);
  });
});
