// Published checkpoints become models by their names: files made of weights from names, as their authors and others store them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readDescription } from '#src/onnx/metadata.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { convert } from '#src/train/convert.js';
import { readStateDict } from '#src/weights/openWeights.js';
import { writePth } from '#src/weights/pthWriter.js';
import { writeSafetensors } from '#src/weights/safetensors.js';
import { largestDifference, readGolden, readSharedJson, standardDeviation, weightByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-published-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

type Weights = Map<string, Tensor>;

function weightsOf(golden: string): Weights {
  const shapes = readSharedJson<[string, Shape][]>('goldens', 'nets', `${golden}_state_dict.json`);
  return new Map(
    shapes
      .filter(([name]) => !name.endsWith('num_batches_tracked'))
      .map(([name, shape]) => [name, weightByName(`${golden}.${name}`, shape)]),
  );
}

const renamed = (weights: Weights, rename: (name: string) => string): Weights =>
  new Map([...weights].map(([name, value]) => [rename(name), value]));

/** As mmsegmentation has them: other names, and the stem's biases in the running means behind them. */
function asMmsegmentation(golden: string): Weights {
  const names = new Map(readSharedJson<[string, string | null][]>('goldens', 'nets', `${golden}_mmseg_names.json`));
  const weights = weightsOf(golden);
  const result: Weights = new Map();
  for (const [name, value] of weights) {
    const other = names.get(name);
    const bias = /^conv1\.[14]\.running_mean$/.test(name)
      ? weights.get(name.replace(/\d\.running_mean/, (found) => `${Number(found[0]) - 1}.bias`))
      : undefined;
    const shifted = bias
      ? tensor(
          'float32',
          value.shape,
          Float32Array.from(Array.from(value.data, Number), (mean, i) => mean - Number(bias.data[i])),
        )
      : value;
    if (other) result.set(other, shifted);
  }
  return result;
}

/** As the authors of SegFormer have them: keys and values in one tensor, and a head that nothing runs. */
function asNvlabs(weights: Weights): Weights {
  const result: Weights = new Map([['decode_head.conv_seg.weight', symmetricByName('conv_seg', [19, 128, 1, 1], 1)]]);
  const next = (i: string) => String(Number(i) + 1);
  for (const [name, value] of weights) {
    if (name.includes('.self.value.')) continue;
    const values = weights.get(name.replace('.self.key.', '.self.value.'));
    const both = name.includes('.self.key.') && values;
    const other = name
      .replace(
        /^segformer\.encoder\.patch_embeddings\.(\d)\.layer_norm/,
        (_, i) => `backbone.patch_embed${next(i)}.norm`,
      )
      .replace(/^segformer\.encoder\.patch_embeddings\.(\d)/, (_, i) => `backbone.patch_embed${next(i)}`)
      .replace(/^segformer\.encoder\.block\.(\d)/, (_, i) => `backbone.block${next(i)}`)
      .replace(/^segformer\.encoder\.layer_norm\.(\d)/, (_, i) => `backbone.norm${next(i)}`)
      .replace(/layer_norm_(\d)/, 'norm$1')
      .replace('attention.self.query', 'attn.q')
      .replace('attention.self.key', 'attn.kv')
      .replace('attention.self.sr', 'attn.sr')
      .replace('attention.self.layer_norm', 'attn.norm')
      .replace('attention.output.dense', 'attn.proj')
      .replace(/mlp\.dense(\d)/, 'mlp.fc$1')
      .replace(/^decode_head\.linear_c\.(\d)/, (_, i) => `decode_head.linear_c${next(i)}`)
      .replace('decode_head.linear_fuse', 'decode_head.linear_fuse.conv')
      .replace('decode_head.batch_norm', 'decode_head.linear_fuse.bn')
      .replace('decode_head.classifier', 'decode_head.linear_pred');
    const stacked =
      both &&
      tensor(
        'float32',
        [2 * value.shape[0], ...value.shape.slice(1)],
        Float32Array.from([value, both].flatMap(({ data }) => Array.from(data, Number))),
      );
    result.set(other, stacked || value);
  }
  return result;
}

const cityscapes =
  'road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky person rider car truck bus train motorcycle bicycle'.split(
    ' ',
  );

async function checkModel(path: string, golden: string): Promise<void> {
  const { tensors, metadata } = readGolden(sharedPath('goldens', 'nets', `${golden}_eval.safetensors`));
  const [inputName, , scale, , sizes] = metadata.input.split(' ');
  const session = await createSession(path, { threads: 2 });
  const image = symmetricByName(inputName, sizes.split(',').map(Number), Number(scale));
  const { logits } = await session.run({ image });
  await session.release();
  expect(largestDifference(logits, tensors.logits) / standardDeviation(tensors.logits)).toBeLessThan(1e-4);
  const { graph } = await readModelFile(path);
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  expect([...graph.initializers.keys()].filter((name) => !read.has(name))).toEqual([]);
}

const size = { height: 128, width: 192 };

describeWithShared('a published checkpoint', ['goldens/nets/pidnet_s_eval.safetensors'], () => {
  let segFormer: Weights;
  beforeAll(() => {
    segFormer = weightsOf('segformer_b0');
  });

  it.each([
    ['pidnet-s', 'pidnet_s', 'sem_loss.criterion.weight'],
    ['ddrnet23-slim', 'ddrnet23_slim', 'loss.criterion.weight'],
  ])("of %s's authors runs as theirs", async (architecture, golden, beside) => {
    const theirs = renamed(weightsOf(golden), (name) => `model.${name}`);
    theirs.set(beside, symmetricByName('class weights', [19], 1));
    await writePth(at(`${golden}.pt`), theirs);
    const report = await convert(at(`${golden}.pt`), at(`${golden}.onnx`), { size });
    expect(report).toMatchObject({ architecture, dropped: [beside] });
    await checkModel(at(`${golden}.onnx`), golden);
  });

  it.each([
    ['pidnet-s', 'pidnet_s'],
    ['ddrnet23-slim', 'ddrnet23_slim'],
  ])('of %s in mmsegmentation runs as theirs, and is trained on', async (architecture, golden) => {
    const path = at(`${golden}_mmseg.pth`);
    await writePth(path, asMmsegmentation(golden));
    const report = await convert(path, at(`${golden}_mmseg.onnx`), { size });
    expect(report.architecture).toBe(architecture);
    expect(report.notes.join()).toContain(`the weights are those of ${architecture} under the names of mmsegmentation`);
    await checkModel(at(`${golden}_mmseg.onnx`), golden);
    const student = await architectureStudent({ architecture, classes: { count: 19 }, seed: 1, weights: path });
    const expected = weightByName(`${golden}.layer2.0.conv1.weight`, [64, 32, 3, 3]);
    expect(largestDifference(student.weights.get('layer2.0.conv1.weight') as Tensor, expected)).toBe(0);
  });

  it('of SegFormer at NVlabs runs as theirs', async () => {
    await writePth(at('nvlabs.pth'), asNvlabs(segFormer));
    const report = await convert(at('nvlabs.pth'), at('nvlabs.onnx'), { size });
    expect(report).toMatchObject({ architecture: 'segformer-b0', dropped: ['decode_head.conv_seg.weight'] });
    await checkModel(at('nvlabs.onnx'), 'segformer_b0');
  });

  it('of SegFormer in mmsegmentation is refused, since its head is another', async () => {
    const names = ['backbone.layers.0.0.projection.weight', 'decode_head.conv_seg.weight'];
    await writePth(at('mit.pth'), new Map(names.map((name) => [name, symmetricByName(name, [19, 3, 1, 1], 1)])));
    await expect(convert(at('mit.pth'), at('mit.onnx'), { size })).rejects.toThrow(
      'expected SegFormer in the form of Hugging Face or NVlabs',
    );
  });

  it('of a backbone is taken where it is whole, heads beginning anew', async () => {
    const all = weightsOf('pidnet_s');
    const backbone = new Map([...all].filter(([name]) => !/^(final_layer|seghead)/.test(name)));
    await writePth(at('imagenet.pth'), backbone);
    const start = { architecture: 'pidnet-s', classes: { count: 19 }, seed: 1, backbone: at('imagenet.pth') };
    const { weights } = await architectureStudent(start);
    const same = (name: string) => largestDifference(weights.get(name) as Tensor, all.get(name) as Tensor) === 0;
    const names = ['conv1.0.bias', 'layer4_d.0.bn2.running_mean', 'dfm.conv_i.0.weight', 'final_layer.conv1.weight'];
    expect(names.map(same)).toEqual([true, true, true, false]);
    backbone.delete('conv1.0.weight');
    await writePth(at('part.pth'), backbone);
    await expect(architectureStudent({ ...start, backbone: at('part.pth') })).rejects.toThrow(
      'expected a backbone of pidnet-s, found no conv1.0.weight of its shape',
    );
  });

  it('of MobileNetV2 is a backbone', async () => {
    const backbone = sharedPath('models', 'mobilenetv2_imagenet.safetensors');
    const { tensors } = await readStateDict(backbone);
    const classes = { count: 11 };
    const { weights } = await architectureStudent({ architecture: 'pspnet-mobilenetv2', classes, seed: 1, backbone });
    const features = [...weights.keys()].filter((name) => name.startsWith('features.'));
    expect(features.length).toBeGreaterThan(200);
    const other = features.filter(
      (name) => largestDifference(weights.get(name) as Tensor, tensors.get(name) as Tensor) > 0,
    );
    expect(other).toEqual([]);
  });

  it("of Hugging Face's folder tells network, classes, normalisation and size, and that it is not free", async () => {
    const hub = at('hub');
    mkdirSync(hub);
    await writeSafetensors(join(hub, 'model.safetensors'), segFormer, new Map([['format', 'pt']]));
    const config = {
      ...{ model_type: 'segformer', architectures: ['SegformerForSemanticSegmentation'], hidden_act: 'gelu' },
      ...{ sr_ratios: [8, 4, 2, 1], num_attention_heads: [1, 2, 5, 8], layer_norm_eps: 1e-6 },
      id2label: Object.fromEntries(cityscapes.map((name, id) => [id, name])),
    };
    const write = (name: string, content: object) => writeFileSync(join(hub, name), JSON.stringify(content));
    write('config.json', config);
    write('preprocessor_config.json', {
      ...{ image_processor_type: 'SegformerImageProcessor', do_normalize: true, size: { height: 128, width: 192 } },
      ...{ image_mean: [0.5, 0.456, 0.406], image_std: [0.229, 0.224, 0.2] },
    });
    const report = await convert(hub, at('hub.onnx'));
    expect(report.architecture).toBe('segformer-b0');
    expect(report.notes.join('\n')).toContain('size 128x192 is what preprocessor_config.json resizes to');
    expect(report.notes.join('\n')).toContain('research and evaluation only');
    await checkModel(at('hub.onnx'), 'segformer_b0');
    const said = readDescription((await readModelFile(at('hub.onnx'))).metadata, 'hub.onnx');
    expect(said).toMatchObject({ classes: cityscapes, enlargement: 'half_pixel', architecture: 'segformer-b0' });
    expect(said.mean?.map((value) => value / 255)).toEqual(
      [0.5, 0.456, 0.406].map((value) => expect.closeTo(value, 6)),
    );
    expect(said.std?.map((value) => value / 255)).toEqual([0.229, 0.224, 0.2].map((value) => expect.closeTo(value, 6)));

    write('config.json', { ...config, sr_ratios: [8, 4, 2, 2] });
    await expect(convert(hub, at('other.onnx'))).rejects.toThrow('sr_ratios: expected [8,4,2,1], found [8,4,2,2]');
    write('config.json', { ...config, model_type: 'upernet' });
    await expect(convert(hub, at('other.onnx'))).rejects.toThrow('a network of the type segformer, found "upernet"');
  });
});
