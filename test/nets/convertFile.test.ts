import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertFile } from '#src/nets/convertFile.js';
import { inference } from '#src/nets/mode.js';
import { buildModel, resizeModel } from '#src/nets/model.js';
import { weightsOfModel } from '#src/nets/networkWeights.js';
import { buildNetwork } from '#src/nets/registry.js';
import { stateDictEntries } from '#src/nets/stateDictEntries.js';
import { fromStorage, toStorage } from '#src/onnx/compactStorage.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { fromHalfStorage, toHalfStorage } from '#src/onnx/halfStorage.js';
import { describeModel, readDescription } from '#src/onnx/metadata.js';
import type { Model } from '#src/onnx/model.js';
import { readModelFile, writeModelFile } from '#src/onnx/modelFile.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { bytesOf, float32, type Tensor, zeros } from '#src/tensor/tensor.js';
import { readStateDict } from '#src/weights/openWeights.js';
import { writePth } from '#src/weights/pthWriter.js';
import { readSafetensors, writeSafetensors } from '#src/weights/safetensors.js';
import { largestDifference, standardDeviation, weightByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';
import { fixture } from '../weights/fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const architecture = 'pspnet18';
const widthMultiplier = 0.25;
const size = { height: 48, width: 64 };

/** A small student's state dict. */
function stateDict(classes = 5): Map<string, Tensor> {
  const graph = createGraph('names');
  const image = input(graph, 'image', 'float32', [1, 3, 64, 64]);
  buildNetwork(architecture, graph, image, { classes, mode: inference, widthMultiplier });
  const entries = stateDictEntries(graph).map(({ name, dtype, shape }): [string, Tensor] => [
    name,
    dtype === 'int64' ? zeros('int64', shape) : weightByName(name, shape),
  ]);
  return new Map(entries);
}

/** Names, types, shapes and a digest of the content, in order: quick to compare. */
function digests(tensors: ReadonlyMap<string, Tensor> = new Map()): string[] {
  return [...tensors].map(([name, value]) => `${name} ${value.dtype} ${value.shape} ${digest(bytesOf(value))}`);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

async function logits(model: Model, { height, width } = size): Promise<Tensor<'float32'>> {
  const session = await createSession(writeModel(model), { threads: 1 });
  const { logits: found } = await session.run({ image: symmetricByName('image', [1, 3, height, width], 2) });
  await session.release();
  return float32(found.shape, Array.from(found.data, Number));
}

const weights = stateDict();
const description = { classes: ['a', 'b', 'c', 'd', 'e'], mean: [1, 2, 3] as [number, number, number], std: [4, 5, 6] };

beforeAll(async () => {
  await writePth(at('student.pth'), new Map([...weights].map(([name, value]) => [`module.student.${name}`, value])));
});

describe('a model that describes itself', () => {
  const make = ({ height, width } = size, given = weights) =>
    buildModel({
      architecture,
      height,
      width,
      classes: 5,
      widthMultiplier,
      weights: given,
      description,
      keepAuxiliary: true,
    });
  const model = make();

  it('gives weights and description back', () => {
    expect(digests(weightsOfModel(model, 'test'))).toEqual(digests(weights));
    expect(readDescription(model.metadata, 'test')).toMatchObject({ architecture, widthMultiplier, ...description });
  });

  it('is rebuilt at another size as if it had been made there, other metadata kept', async () => {
    const other = { height: 40, width: 33 };
    const noted = { ...model, metadata: new Map([...model.metadata, ['note', 'kept']]) };
    const resized = resizeModel(noted, other.height, other.width, 'test');
    expect(resized.metadata.get('note')).toBe('kept');
    expect(digest(writeModel({ ...resized, metadata: model.metadata }))).toBe(digest(writeModel(make(other))));
    expect((await logits(resized, other)).shape).toEqual([1, 5, 5, 5]);
  });

  it('stores half as much in half precision and computes nearly the same', async () => {
    const half = toHalfStorage(model);
    expect(writeModel(half).length / writeModel(model).length).toBeLessThan(0.52);
    const exact = await logits(model);
    const error = largestDifference(await logits(half), exact) / standardDeviation(exact);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.02);
    const back = fromHalfStorage(half);
    expect(back.graph.nodes).toEqual(model.graph.nodes);
    expect([...back.graph.initializers.keys()].sort()).toEqual([...model.graph.initializers.keys()].sort());
    expect(weightsOfModel(half, 'test')?.size).toBe(weights.size);
    const rebuilt = await logits(resizeModel(half, size.height, size.width, 'test'));
    expect(largestDifference(rebuilt, exact) / standardDeviation(exact)).toBeLessThan(0.02);
  });

  it('stores a quarter as int8, computes nearly the same, and gives the rounded weights back', async () => {
    const bytes = toStorage(model, 'int8');
    expect(writeModel(bytes).length / writeModel(model).length).toBeLessThan(0.35);
    const exact = await logits(model);
    const rounded = await logits(bytes);
    const error = largestDifference(rounded, exact) / standardDeviation(exact);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.1);
    const back = fromStorage(bytes);
    expect(back.graph.nodes).toEqual(model.graph.nodes);
    expect([...back.graph.initializers.keys()].sort()).toEqual([...model.graph.initializers.keys()].sort());
    expect(largestDifference(await logits(back), rounded) / standardDeviation(exact)).toBeLessThan(1e-5);
    const name = 'layer1.0.conv1.weight';
    const [before, after] = [model, back].map(({ graph }) => graph.initializers.get(name)?.data as Float32Array);
    const largest = before.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    before.forEach((weight, index) => {
      expect(Math.abs(weight - after[index])).toBeLessThanOrEqual(largest / 253);
    });
    expect(weightsOfModel(bytes, 'test')?.size).toBe(weights.size);
  });

  it('keeps in float32 what float16 cannot hold', () => {
    const large = new Map(weights).set('cls.4.weight', float32([5, 64, 1, 1], new Float32Array(320).fill(1e5)));
    const half = toHalfStorage(make(size, large));
    expect(half.graph.initializers.get('cls.4.weight')?.dtype).toBe('float32');
    expect(half.graph.initializers.get('layer0.1.running_var')?.dtype).toBe('float32');
  });

  it('names the weight that it lacks', () => {
    const initializers = new Map(model.graph.initializers);
    initializers.delete('layer1.0.conv1.weight');
    const broken = { ...model, graph: { ...model.graph, initializers } };
    expect(() => weightsOfModel(broken, 'm.onnx')).toThrow(
      'm.onnx: expected the weights of pspnet18, found no layer1.0.conv1.weight',
    );
  });
});

describe('converting', () => {
  const options = { architecture, size, widthMultiplier, classCount: 5, description, keepAuxiliary: true };

  it('.pth → .onnx → .safetensors → .onnx → .pth loses nothing', async () => {
    expect(await convertFile(at('student.pth'), at('a.onnx'), options)).toMatchObject({ format: 'onnx', architecture });
    await convertFile(at('a.onnx'), at('b.safetensors'));
    // The safetensors file says what network it holds.
    await convertFile(at('b.safetensors'), at('c.onnx'), { size, keepAuxiliary: true });
    expect(digest(readFileSync(at('c.onnx')))).toBe(digest(readFileSync(at('a.onnx'))));
    await convertFile(at('c.onnx'), at('d.pth'));
    expect(digests((await readStateDict(at('d.pth'))).tensors)).toEqual(digests(weights));
  });

  it('.pth ↔ .safetensors keeps every tensor as it is, without prefixes and other parts', async () => {
    const report = await convertFile(fixture('checkpoint_wrapped.pth.tar'), at('w.safetensors'));
    expect(report.dropped).toEqual(['module.flownet.conv1.0.weight', 'module.criterion.ce.criterion.weight']);
    const { tensors, metadata } = await readSafetensors(at('w.safetensors'));
    expect([...tensors.keys()]).toEqual([
      'cls.4.weight',
      'cls.4.bias',
      'layer0.1.running_var',
      'layer0.1.num_batches_tracked',
    ]);
    expect(metadata.get('format')).toBe('pt');
    await convertFile(at('w.safetensors'), at('w.pth'));
    expect((await readStateDict(at('w.pth'))).tensors).toEqual(tensors);
  });

  it('stores weights files in half precision, in float32 again, or as they are', async () => {
    const name = 'layer0.0.weight';
    const typeIn = async (path: string) => (await readStateDict(at(path))).tensors.get(name)?.dtype;
    await convertFile(at('a.onnx'), at('h.safetensors'), { storage: 'float16' });
    await convertFile(at('h.safetensors'), at('h.pth'));
    await convertFile(at('h.pth'), at('f.safetensors'), { storage: 'float32' });
    expect(await Promise.all(['h.safetensors', 'h.pth', 'f.safetensors'].map(typeIn))).toEqual([
      'float16',
      'float16',
      'float32',
    ]);
  });

  it('gives the weights of a model of an unknown architecture by the names they have in it', async () => {
    const model = await readModelFile(at('a.onnx'));
    const metadata = new Map([describeModel({ architecture: 'deeplabv3' })]);
    await writeModelFile(at('deeplab.onnx'), { ...model, metadata });
    await convertFile(at('deeplab.onnx'), at('deeplab.safetensors'));
    const { tensors } = await readSafetensors(at('deeplab.safetensors'));
    expect(tensors.get('cls.4.bias')).toEqual(model.graph.initializers.get('cls.4.bias'));
  });

  it('.onnx → .onnx resizes, halves, leaves the auxiliary head out, and renames classes', async () => {
    await convertFile(at('student.pth'), at('e.onnx'), options);
    const whole = await readModelFile(at('e.onnx'));
    await convertFile(at('e.onnx'), at('f.onnx'), {
      size: { height: 32, width: 40 },
      storage: 'float16',
      description: { classes: ['v', 'w', 'x', 'y', 'z'] },
    });
    const small = await readModelFile(at('f.onnx'));
    expect(small.graph.inputs[0].type?.shape).toEqual([1, 3, 32, 40]);
    expect(whole.graph.initializers.has('aux.0.weight')).toBe(true);
    expect([...small.graph.initializers.keys()].filter((name) => name.startsWith('aux'))).toEqual([]);
    expect(readDescription(small.metadata, 'f')).toMatchObject({
      architecture,
      mean: [1, 2, 3],
      classes: ['v', 'w', 'x', 'y', 'z'],
    });
    expect(statSync(at('f.onnx')).size / statSync(at('e.onnx')).size).toBeLessThan(0.5);
    // Back to float32, and never over what is read.
    await expect(convertFile(at('f.onnx'), at('f.onnx'))).rejects.toThrow('expected a file apart from what is read');
    await convertFile(at('f.onnx'), at('g.onnx'));
    expect((await readModelFile(at('g.onnx'))).graph.initializers.get('layer0.0.weight')?.dtype).toBe('float32');
  });

  it('says what is missing or does not go together, and writes nothing', async () => {
    copyFileSync(at('student.pth'), at('odd.bin'));
    const model = await readModelFile(at('a.onnx'));
    const foreign = describeModel({ architecture: 'deeplabv3' });
    await writeModelFile(at('foreign.onnx'), { ...model, metadata: new Map([foreign]) });
    await writeSafetensors(at('foreign.safetensors'), weights, new Map([foreign]));
    const cases: [from: string, to: string, options: Parameters<typeof convertFile>[2], message: RegExp][] = [
      ['student.pth', 'x.onnx', { size }, /expected the name of the network \(--arch\)/],
      ['student.pth', 'x.onnx', { architecture }, /expected the input size of the model \(--size HxW\)/],
      ['student.pth', 'x.onnx', { ...options, classCount: 19 }, /expected weights for 19 classes, found 5/],
      [
        'student.pth',
        'x.onnx',
        { ...options, classCount: 5, description: { classes: ['road', 'sky'] } },
        /expected weights for 2 classes, found 5/,
      ],
      [
        'student.pth',
        'x.onnx',
        { ...options, widthMultiplier: 1 },
        /do not fit the network: .*misshapen: layer0\.0\.weight/,
      ],
      ['student.pth', 'x.onnx', { ...options, architecture: 'pspnet19' }, /did you mean pspnet18\?/],
      ['student.pth', 'x.onnx', { architecture: 'flownet2', size }, /do not fit the network: .*missing: flownetc/],
      ['student.pth', 'x.safetensors', { architecture }, /are for writing an \.onnx/],
      ['student.pth', 'x.safetensors', { storage: 'int8' }, /stored as int8 in an \.onnx, not in .*x\.safetensors/],
      ['student.pth', 'x.pth', { keepAuxiliary: false }, /auxiliary head is left out of an \.onnx, not of .*x\.pth/],
      ['a.onnx', 'x.safetensors', { storage: 'int8' }, /stored as int8 in an \.onnx, not in .*x\.safetensors/],
      ['a.onnx', 'x.pth', { keepAuxiliary: false }, /auxiliary head is left out of an \.onnx, not of .*x\.pth/],
      [
        'student.pth',
        'x.onnx',
        { ...options, architecture: 'flownet' },
        /segformer-b5, flownet2\).*did you mean flownet2\?/,
      ],
      ['foreign.onnx', 'x.onnx', { size }, /foreign\.onnx: expected metadata that names .* found deeplabv3, which/],
      [
        'foreign.safetensors',
        'x.onnx',
        { size },
        /foreign\.safetensors: expected the name .* found deeplabv3 in the file/,
      ],
      ['student.pth', 'x.txt', {}, /ends in \.onnx, \.safetensors/],
      ['none.pth', 'x.onnx', options, /none\.pth: no such file/],
    ];
    for (const [from, to, given, message] of cases) {
      await expect(convertFile(at(from), at(to), given)).rejects.toThrow(message);
      expect(existsSync(at(to))).toBe(false);
    }
  });
});

describeWithShared("another program's model", ['models/espnet_camvid_360x480.onnx'], () => {
  const espnet = sharedPath('models', 'espnet_camvid_360x480.onnx');

  it('is stored in half precision, computing nearly the same', async () => {
    await convertFile(espnet, at('half.onnx'), { storage: 'float16' });
    const small = { height: 360, width: 480 };
    const exact = await logits(await readModelFile(espnet), small);
    const found = await logits(await readModelFile(at('half.onnx')), small);
    expect(largestDifference(found, exact) / standardDeviation(exact)).toBeLessThan(0.05);
    expect(statSync(at('half.onnx')).size / statSync(espnet).size).toBeLessThan(0.65);
  });

  it('gives its weights, and says that it cannot be rebuilt at another size', async () => {
    await convertFile(espnet, at('espnet.safetensors'));
    const { tensors } = await readSafetensors(at('espnet.safetensors'));
    expect(tensors.get('n.encoder.b1.bn.weight')?.shape).toEqual([19]);
    await expect(convertFile(espnet, at('no.onnx'), { size })).rejects.toThrow(/metadata that names the architecture/);
  });
});
