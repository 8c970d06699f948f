// Folders as model hubs have them: normalisation, size and class names from files beside the model, and numbers that are no pixels.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { describeModel } from '#src/onnx/metadata.js';
import { loadModel } from '#src/segment/loadModel.js';
import type { LoadOptions } from '#src/segment/model.js';
import { readPreprocessorConfig } from '#src/segment/preprocessorConfig.js';
import { randomPixels } from './pixels.js';
import { brightestChannel, tinyNetwork } from './tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-hub-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder of files; gives the path of the model in it. */
function hub(
  name: string,
  files: Record<string, object>,
  model = 'onnx/model.onnx',
  network = tinyNetwork({ free: true }),
): string {
  const path = join(folder, name, model);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, network);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, name, file), JSON.stringify(content));
  return path;
}

const names = { id2label: { 0: 'wall', 1: 'building', 2: 'sky', 3: 'floor' } };
const half = {
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  size: { height: 64, width: 48 },
};

describe('a folder of a model hub', () => {
  it.each(['onnx/model.onnx', 'model.onnx'])('says normalisation, size and names for %s', async (place) => {
    const path = hub(`whole-${place.length}`, { 'config.json': names, 'preprocessor_config.json': half }, place);
    const { description, classes } = await loadModel(path);
    expect(description).toMatchObject({
      preprocessing: { mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5], channelOrder: 'rgb' },
      height: 64,
      width: 48,
      notes: [],
    });
    expect(classes.classes).toEqual(['wall', 'building', 'sky', 'floor']);
  });

  it('says nothing for a model one folder further down, or in a folder of another name', async () => {
    const path = hub('deep', { 'config.json': names, 'preprocessor_config.json': half }, 'files/model.onnx');
    const { description, classes } = await loadModel(path);
    expect(description.notes.join()).toMatch(/normalisation is said nowhere/);
    expect(classes.classes[0]).toBe('class 0');
  });

  it('names no classes of another network, and no unnamed ones', async () => {
    const other = await loadModel(hub('other', { 'config.json': { id2label: { 0: 'cat', 1: 'dog' } } }));
    expect(other.classes.classes).toHaveLength(4);
    expect(other.description.notes.join()).toMatch(
      /config\.json names 2 classes, the network has 4: they are numbered/,
    );
    const unnamed = { id2label: Object.fromEntries([0, 1, 2, 3].map((id) => [id, `LABEL_${id}`])) };
    const beyond = { id2label: { 0: 'a', 1: 'b', 2: 'c', 7: 'd' } };
    for (const content of [unnamed, beyond, { id2label: { first: 'a' } }, { id2label: {} }, {}]) {
      expect((await loadModel(hub('unnamed', { 'config.json': content }))).classes.classes[0]).toBe('class 0');
    }
  });

  it('names the classes that it names, and numbers those between', async () => {
    const content = { id2label: { 3: 'far', 0: 'near' } };
    const { classes } = await loadModel(hub('gaps', { 'config.json': content }));
    expect(classes.classes).toEqual(['near', 'class 1', 'class 2', 'far']);
  });

  it('says what a free size has to be a multiple of', async () => {
    const content = {
      size: { shortest_edge: 512 },
      size_divisor: 32,
      image_processor_type: 'MaskFormerImageProcessor',
    };
    const { description } = await loadModel(hub('multiple', { 'preprocessor_config.json': content }));
    expect(description).toMatchObject({ height: undefined, sizeMultiple: 32 });
  });

  it('that does not rescale gets pixels in the range that mean and std are of', async () => {
    const mean = async (image_mean: number[], image_std: number[]) => {
      const content = { do_rescale: false, do_normalize: true, image_mean, image_std };
      const { description } = await loadModel(hub('range', { 'preprocessor_config.json': content }));
      return [description.preprocessing.mean[0], description.notes.join()];
    };
    expect(await mean([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])).toEqual([127.5, expect.stringMatching(/pixels 0\.\.1/)]);
    expect(await mean([120, 110, 100], [50, 50, 50])).toEqual([120, '']);
    expect(await mean([0, 0, 0], [1, 1, 1])).toEqual([0, '']);
  });

  it('has the colours of the preset whose names it has, and is not named by another', async () => {
    const { classes: known } = presetClasses('camvid');
    const content = { id2label: Object.fromEntries(known.entries()) };
    const path = hub('camvid', { 'config.json': content }, 'model.onnx', tinyNetwork({ classes: 11 }));
    expect((await loadModel(path)).classes.palette).toEqual(presetClasses('camvid').palette);
    await expect(loadModel(path, { classes: presetClasses('toycity') })).rejects.toThrow(
      /class 0 is "sky" in .*config\.json, "road" in "toycity"/,
    );
  });
});

describe('preprocessor_config.json', () => {
  const read = async (content: object) => {
    const path = join(folder, 'config.json');
    writeFileSync(path, JSON.stringify(content));
    return readPreprocessorConfig(path);
  };
  const unit = { mean: [0, 0, 0], std: [255, 255, 255] };
  const byHalf = { mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] };

  it.each<[string, object, object]>([
    [
      'MobileViT normalises nothing, blue first',
      { feature_extractor_type: 'MobileViTFeatureExtractor', image_mean: [1, 1, 1] },
      { ...unit, channelOrder: 'bgr' },
    ],
    ['no do_normalize, no mean', { do_flip_channel_order: true, do_resize: true }, { ...unit, channelOrder: 'bgr' }],
    [
      'no do_normalize, but a mean',
      { image_mean: 0.5, image_std: [0.5, 0.5, 0.5] },
      { ...byHalf, channelOrder: 'rgb' },
    ],
    ['do_normalize: false', { do_normalize: false, image_mean: 0.5 }, { ...unit, channelOrder: 'rgb' }],
    [
      'no rescaling',
      { do_normalize: false, do_rescale: false },
      { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' },
    ],
    [
      'what BEiT does where the file is silent',
      { image_processor_type: 'BeitImageProcessor' },
      { ...byHalf, channelOrder: 'rgb' },
    ],
    [
      'mean and std of red, green and blue, blue first',
      { image_mean: [0.1, 0.2, 0.4], image_std: [0.1, 0.2, 0.4], rescale_factor: 0.1, do_flip_channel_order: true },
      { mean: [1, 2, 4], std: [1, 2, 4], channelOrder: 'bgr' },
    ],
  ])('%s', async (_, content, expected) => {
    const { mean, std, channelOrder } = (await read(content)).preprocessing;
    const digits = (values: readonly number[]) => values.map((value) => Number(value.toFixed(6)));
    expect({ mean: digits(mean), std: digits(std), channelOrder }).toEqual(expected);
  });

  it.each<[string, object, object | undefined, RegExp | undefined]>([
    ['height and width', { size: { height: 64, width: 48 } }, { height: 64, width: 48 }, undefined],
    [
      'a square',
      { image_processor_type: 'SegformerImageProcessor', size: 512 },
      { height: 512, width: 512 },
      undefined,
    ],
    ['the shorter side', { size: { shortest_edge: 544 } }, undefined, /keeps the frame's proportions/],
    [
      'a crop after the shorter side',
      { size: { shortest_edge: 544 }, do_center_crop: true, crop_size: { height: 512, width: 512 } },
      { height: 512, width: 512 },
      undefined,
    ],
    ['none', { do_resize: false, size: { height: 64, width: 48 } }, undefined, undefined],
  ])('a size: %s', async (_, content, size, note) => {
    const found = await read(content);
    expect(found.size).toEqual(size);
    if (note) expect(found.notes.join()).toMatch(note);
    else expect(found.notes).toEqual([]);
  });

  it('says that labels of its dataset count from 1', async () => {
    for (const key of ['do_reduce_labels', 'reduce_labels']) {
      expect((await read({ [key]: true })).notes.join()).toMatch(/labels of its dataset count from 1/);
    }
  });
});

describe('mean and std', () => {
  const preprocessing = async (options: LoadOptions, metadata: Record<string, string> = {}) => {
    const { description } = await loadModel(tinyNetwork({ metadata: new Map(Object.entries(metadata)) }), options);
    return description;
  };
  const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
  const shares = /mean 0\.485,0\.456,0\.406 and std .* are taken for pixels 0\.\.1/;

  it.each<[string, LoadOptions, number, number]>([
    ['of at most 1 are of pixels 0..1', imageNet, 0.485 * 255, 0.229 * 255],
    ['a mean alone too', { mean: imageNet.mean }, 0.485 * 255, 255],
    ['a std alone too', { std: [0.5, 0.5, 0.5] }, 0, 127.5],
    ['with a scale they are what they are', { ...imageNet, scale: 1 }, 0.485, 0.229],
    ['0 and 1 change nothing', { mean: [0, 0, 0], std: [1, 1, 1] }, 0, 1],
    ['0 and 255 are of pixels', { mean: [0, 0, 0], std: [255, 255, 255] }, 0, 255],
    ['above 1 are of pixels', { mean: [10, 20, 30], std: [1, 1, 1] }, 10, 1],
  ])('%s', async (_, options, mean, std) => {
    const { preprocessing: found } = await preprocessing(options);
    expect([found.mean[0], found.std[0]].map((value) => value.toFixed(6))).toEqual(
      [mean, std].map((value) => value.toFixed(6)),
    );
  });

  it('are said to be taken for pixels 0..1, from options and metadata', async () => {
    expect((await preprocessing(imageNet)).notes.join()).toMatch(shares);
    const metadata = { mean: JSON.stringify(imageNet.mean), std: JSON.stringify(imageNet.std) };
    const described = await preprocessing({}, metadata);
    expect(described.notes.join()).toMatch(shares);
    expect(described.preprocessing.mean[1]).toBeCloseTo(116.28, 6);
    // An entry of ours is of pixels 0..255, whatever its numbers; odd ones are told of.
    const [key, own] = describeModel({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
    const exact = await preprocessing({}, { [key]: own });
    expect([exact.preprocessing.mean[0], exact.preprocessing.std[0]]).toEqual([0.5, 0.5]);
    expect(exact.notes.join()).toMatch(/mean 0\.5,0\.5,0\.5 and std 0\.5,0\.5,0\.5 are of pixels 0\.\.255/);
    expect((await preprocessing({}, { mean: '[100, 100, 100]' })).preprocessing).toMatchObject({
      mean: [100, 100, 100],
      std: [1, 1, 1],
    });
  });

  it('are those of red, green and blue, whatever comes first', async () => {
    // The network gives its input as scores: (value - mean) of blue, green, red.
    const grey = { ...randomPixels(4, 6), data: new Uint8Array(72).fill(100) };
    const of = async (mean: readonly [number, number, number]) => {
      const model = await loadModel(brightestChannel(4, 6), { mean, std: [1, 1, 1], channelOrder: 'bgr' });
      return new Set((await model.segment(grey)).labels.data);
    };
    expect(await of([10, 20, 30])).toEqual(new Set([2]));
    expect(await of([30, 20, 10])).toEqual(new Set([0]));
    const turned = await preprocessing({ channelOrder: 'bgr' });
    expect(turned.preprocessing.mean[0]).toBeCloseTo(123.675, 6);
  });
});
