import { describe, expect, it } from 'vitest';
import { buildModel, resizeModel } from '#src/nets/model.js';
import { architectureOf } from '#src/nets/registry.js';
import { readDescription } from '#src/onnx/metadata.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { findNetwork } from '#src/segment/findNetwork.js';
import { segmentationModel } from '#src/segment/model.js';
import { symmetricByName } from '#src/tensor/random.js';
import { largestDifference } from '../goldens.js';

const small = { architecture: 'PSPNet18', classes: 3, widthMultiplier: 0.125 };

describe('a model file', () => {
  it('says what it is and is rebuilt at another size from itself', async () => {
    const description = { classes: ['road', 'sky', 'car'], training: { epochs: 2 } };
    const original = buildModel({ ...small, height: 33, width: 41, description });
    const read = readModel(writeModel(original), 'm.onnx');
    expect(readDescription(read.metadata, 'm.onnx')).toMatchObject({
      ...description,
      architecture: 'pspnet18',
      widthMultiplier: 0.125,
    });
    const resized = resizeModel(read, 65, 97, 'm.onnx');
    const direct = buildModel({ ...small, height: 65, width: 97 });
    const image = symmetricByName('image', [1, 3, 65, 97], 2);
    const [found, expected] = await Promise.all(
      [resized, direct].map(async (model) => (await createSession(writeModel(model))).run({ image })),
    );
    expect(found.logits.shape).toEqual([1, 3, 9, 13]);
    expect(largestDifference(found.logits, expected.logits)).toBe(0);
    expect(readDescription(resized.metadata, 'm.onnx')).toEqual(readDescription(read.metadata, 'm.onnx'));
  });

  it('says how its scores are enlarged, which is how they are segmented', async () => {
    const modes = ['pspnet18', 'pidnet-s', 'ddrnet23-slim', 'segformer-b0'].map(
      (name) => architectureOf(name).enlargement,
    );
    expect(modes).toEqual(['align_corners', 'align_corners', 'half_pixel', 'half_pixel']);
    const model = buildModel({ height: 64, width: 64, classes: 4, architecture: 'ddrnet23-slim' });
    const found = await findNetwork(writeModel(model));
    expect(found.metadata.enlargement).toBe('half_pixel');
    const { data } = symmetricByName('pixels', [64 * 64 * 3], 128);
    const image = { height: 64, width: 64, data: Uint8Array.from(data, (value) => value + 128) };
    const labelsOf = async (metadata: object) => {
      const network = segmentationModel({ ...found, metadata: { ...found.metadata, ...metadata } }, {}, createSession);
      const { labels } = await network.segment(image);
      await network.release();
      return [...labels.data];
    };
    const own = await labelsOf({});
    expect(own).toEqual(await labelsOf({ enlargement: 'half_pixel' }));
    expect(own).not.toEqual(await labelsOf({ enlargement: 'align_corners' }));
  });

  it('keeps the auxiliary head where asked', () => {
    const { graph } = buildModel({ ...small, height: 32, width: 32, auxiliary: true });
    expect(graph.outputs.map(({ name }) => name)).toEqual(['logits', 'dsn']);
    expect(graph.initializers.has('aux.4.bias')).toBe(true);
    expect(buildModel({ ...small, height: 32, width: 32 }).graph.initializers.has('aux.4.bias')).toBe(false);
  });

  it('names what is missing or impossible', () => {
    const size = { height: 32, width: 32 };
    expect(() => buildModel({ ...small, ...size, weights: new Map() })).toThrow(
      "the weights lack 127 of PSPNet18's parameters: layer0.0.weight, layer0.1.weight, layer0.1.bias, …",
    );
    expect(() => buildModel({ architecture: 'pspnet18', ...size })).toThrow('a number of classes for pspnet18');
    expect(() => buildModel({ ...small, height: 0.5, width: 32 })).toThrow('a size in whole pixels, found 0.5x32');
    expect(() => buildModel({ architecture: 'flownet2', ...size })).toThrow('at least 64x64 pixels for FlowNet2');
    const anonymous = { ...buildModel({ ...small, ...size }), metadata: new Map() };
    expect(() => resizeModel(anonymous, 64, 64, 'x.onnx')).toThrow(
      'x.onnx: expected metadata that names the architecture',
    );
    const narrow = buildModel({ ...small, ...size });
    const wide = buildModel({ ...small, widthMultiplier: 0.25, ...size });
    expect(() => resizeModel({ ...narrow, metadata: wide.metadata }, 64, 64, 'x.onnx')).toThrow(
      /^x\.onnx: layer0\.0\.weight: expected 16×3×7×7 in pspnet18, found 8×3×7×7/,
    );
  });
});
