import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { float32, type Tensor, tensor, zeros } from '#src/tensor/tensor.js';
import { loadBackbone, renameBackbone } from '#src/weights/backbone.js';
import { cleanNames } from '#src/weights/cleanNames.js';
import { findStateDict } from '#src/weights/findStateDict.js';
import type { PickleValue } from '#src/weights/pickle.js';
import { describeMatch, isCompleteMatch, loadStateDict, matchStateDict } from '#src/weights/stateDict.js';
import type { TensorReference } from '#src/weights/torchGlobals.js';
import type { TensorInfo } from '#src/weights/weightsFile.js';
import { describeWithShared, sharedPath } from '../shared.js';

const storage = { kind: 'storage', dtype: 'float32', key: '0', count: 1 } as const;
const reference: TensorReference = { kind: 'tensor', dtype: 'float32', shape: [], storage, offset: 0, stride: [] };
const dict = (values: Record<string, PickleValue>) => new Map<PickleValue, PickleValue>(Object.entries(values));
const info = (...shape: number[]): TensorInfo => ({ dtype: 'float32', shape });

describe('finding the state dict', () => {
  const weights = dict({ w: reference });
  it.each<[string, PickleValue]>([
    ['by itself', weights],
    ['under state_dict, beside the optimizer', dict({ optimizer: dict({ x: reference }), state_dict: weights })],
    ['under model, beside stray tensors', dict({ step: reference, model: weights })],
    ['nested', dict({ checkpoint: dict({ model: dict({ state_dict: weights }) }) })],
    ['under an unusual key', dict({ epoch: 3, weights, ema_weights: dict({ w: reference }) })],
    ['under a key with "ema" inside a word', dict({ epoch: 3, semantic_head: weights })],
    ['beside averages', dict({ weights, ema: weights, 'net.ema': weights, model_ema: weights })],
  ])('%s', (_, value) => {
    expect([...findStateDict(value, 'x').tensors.keys()]).toEqual(['w']);
  });

  it('refuses to guess between several', () => {
    const several = dict({ generator: weights, other: dict({ v: reference }) });
    expect(() => findStateDict(several, 'x.pth')).toThrow(
      'x.pth: expected one state dict, found several: generator, other',
    );
  });
});

describe('cleaning names', () => {
  it('takes wrappers off and drops the parts beside the network', () => {
    const given = [
      'module.student.a.w',
      'student.module.b',
      'teacher.a',
      'module.flownet.c',
      'criterion_dsn.w',
      'modules.d',
    ];
    const { kept, dropped } = cleanNames(new Map(given.map((name) => [name, name])));
    expect([...kept]).toEqual([
      ['a.w', 'module.student.a.w'],
      ['b', 'student.module.b'],
      ['modules.d', 'modules.d'],
    ]);
    expect(dropped).toEqual(['teacher.a', 'module.flownet.c', 'criterion_dsn.w']);
  });

  it('takes the mean of weights along a run for the weights, and leaves out what its optimiser remembers', () => {
    const names = ['parameter.a.w', 'parameter.b', 'averaged.a.w', 'moment1.a.w', 'moment2.a.w', 'averaged.c'];
    const { kept, dropped } = cleanNames(new Map(names.map((name) => [name, name])));
    expect([...kept]).toEqual([
      ['a.w', 'averaged.a.w'],
      ['b', 'parameter.b'],
      ['averaged.c', 'averaged.c'],
    ]);
    expect(dropped).toEqual(['moment1.a.w', 'moment2.a.w']);
  });

  it('takes model. off only when every name has it', () => {
    const clean = (...names: string[]) => [...cleanNames(new Map(names.map((name) => [name, 0]))).kept.keys()];
    expect(clean('model.a', 'module.model.b')).toEqual(['a', 'b']);
    expect(clean('model.a', 'head.b')).toEqual(['model.a', 'head.b']);
  });

  it('refuses names that become the same', () => {
    expect(() =>
      cleanNames(
        new Map([
          ['a', 0],
          ['module.a', 1],
        ]),
      ),
    ).toThrow('two tensors become "a"');
  });
});

describe('matching', () => {
  const expected = new Map<string, TensorInfo>([
    ['conv.weight', info(4, 2, 3, 3)],
    ['conv.bias', info(4)],
    ['bn.num_batches_tracked', { dtype: 'int64', shape: [] }],
  ]);

  it('loads, widening half precision and reshaping scalars', () => {
    const given = new Map<string, Tensor>([
      ['conv.bias', tensor('float16', [4], Uint16Array.of(0x3c00, 0, 0xc000, 0))],
      ['conv.weight', zeros('float64', [4, 2, 3, 3])],
      ['bn.num_batches_tracked', tensor('int64', [1], BigInt64Array.of(7n))],
    ]);
    const loaded = loadStateDict(expected, given, 'x');
    expect([...loaded.keys()]).toEqual([...expected.keys()]);
    expect(loaded.get('conv.bias')).toEqual(float32([4], [1, 0, -2, 0]));
    expect(loaded.get('conv.weight')?.dtype).toBe('float32');
    expect(loaded.get('bn.num_batches_tracked')).toEqual(tensor('int64', [], BigInt64Array.of(7n)));
  });

  it('tolerates num_batches_tracked missing or unexpected', () => {
    const given = new Map(
      [...expected].filter(([name]) => name.startsWith('conv')).concat([['x.num_batches_tracked', info()]]),
    );
    expect(isCompleteMatch(matchStateDict(expected, given))).toBe(true);
  });

  it('reports missing, unexpected and misshapen names', () => {
    const given = new Map([
      ['conv.weight', info(4, 2, 1, 1)],
      ['conv.bais', info(4)],
    ]);
    const match = matchStateDict(expected, given);
    expect(match).toMatchObject({ matched: [], missing: ['conv.bias'], unexpected: ['conv.bais'] });
    expect(describeMatch(match).split('\n')).toEqual([
      '0 tensors fit, 1 missing, 1 unexpected, 1 misshapen',
      'misshapen: conv.weight (expected float32 4×2×3×3, found float32 4×2×1×1)',
      'missing: conv.bias (the file has conv.bais)',
      'unexpected: conv.bais',
    ]);
    expect(() => loadStateDict(expected, new Map([['a', float32([], [1])]]), 'x.pth')).toThrow(
      /x\.pth: the weights do not fit/,
    );
  });
});

describeWithShared('ImageNet backbones', ['goldens/nets/pspnet18_state_dict.json'], () => {
  const network = (name: string): Map<string, TensorInfo> => {
    const entries: [string, number[]][] = JSON.parse(
      readFileSync(sharedPath('goldens', 'nets', `${name}_state_dict.json`), 'utf8'),
    );
    return new Map(entries.map(([key, shape]) => [key, info(...shape)]));
  };
  const tensors = (infos: Iterable<[string, TensorInfo]>): Map<string, Tensor> =>
    new Map([...infos].map(([name, { shape }]) => [name, zeros('float32', shape)]));
  const rename = (infos: Map<string, TensorInfo>, pairs: Record<string, string>) =>
    tensors(
      [...infos]
        .filter(([name]) => /^(layer|features)/.test(name))
        .map(([name, value]): [string, TensorInfo] => {
          const found = Object.entries(pairs).find(([from]) => name.startsWith(`${from}.`));
          return [found ? name.replace(found[0], found[1]) : name, value];
        })
        .concat([['fc.weight', info(1000, 512)]]),
    );

  it("takes torchvision's ResNet-18 for PSPNet-18", () => {
    const expected = network('pspnet18');
    const { match, tensors: loaded } = loadBackbone(
      expected,
      rename(expected, { 'layer0.0': 'conv1', 'layer0.1': 'bn1' }),
    );
    expect(isCompleteMatch(match)).toBe(true);
    expect([...loaded.keys()]).toEqual([...expected.keys()].filter((name) => name.startsWith('layer')));
  });

  it('takes deep-stem files for PSPNet-50 under either naming', () => {
    const expected = network('pspnet50');
    const stem = {
      'layer0.0': 'conv1',
      'layer0.1': 'bn1',
      'layer0.3': 'conv2',
      'layer0.4': 'bn2',
      'layer0.6': 'conv3',
      'layer0.7': 'bn3',
    };
    expect(isCompleteMatch(loadBackbone(expected, rename(expected, stem)).match)).toBe(true);
    expect(isCompleteMatch(loadBackbone(expected, rename(expected, {})).match)).toBe(true);
  });

  it('says that a plain stem does not fit a deep one', () => {
    const plain = rename(network('pspnet50'), { 'layer0.0': 'conv1', 'layer0.1': 'bn1' });
    for (const name of [...plain.keys()]) if (name.startsWith('layer0.')) plain.delete(name);
    plain.set('conv1.weight', zeros('float32', [64, 3, 7, 7]));
    const { match } = loadBackbone(network('pspnet50'), plain);
    expect(isCompleteMatch(match)).toBe(false);
    expect(describeMatch(match)).toContain('the file has the plain 7×7 stem, the network the deep stem');
  });

  it("takes torchvision's MobileNetV2, whose last convolution serves only the classifier", () => {
    const expected = network('pspnet_mobilenetv2');
    const given = rename(expected, {});
    given.set('features.18.0.weight', zeros('float32', [1280, 320, 1, 1]));
    expect(isCompleteMatch(loadBackbone(expected, given).match)).toBe(true);
    expect(renameBackbone(given).has('features.18.0.weight')).toBe(false);
  });
});
