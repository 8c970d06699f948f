// Weights in files beside the model: read from its own folder, and from nowhere else.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertFile } from '#src/nets/convertFile.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import type { Model, ModelNode } from '#src/onnx/model.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import * as ops from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { loadModel } from '#src/segment/loadModel.js';
import { steadyseg } from '../cli/run.js';
import { randomPixels } from '../segment/pixels.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-external-'));
const at = (...parts: string[]) => join(folder, ...parts);
afterAll(() => rmSync(folder, { recursive: true }));

/** TensorProto of 1×3×1×1 float32 "w" in another file. `locations` are the values of data_location, in order. */
function tensor(entries: Record<string, string>, locations = [1], shape = [1, 3, 1, 1]): Uint8Array {
  const writer = new BinaryWriter();
  for (const size of shape) writer.tag(1, WireType.Varint).int64(size);
  writer.tag(2, WireType.Varint).int32(1);
  writer.tag(8, WireType.LengthDelimited).string('w');
  for (const [key, value] of Object.entries(entries)) {
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string(key);
    writer.tag(13, WireType.LengthDelimited).bytes(entry.tag(2, WireType.LengthDelimited).string(value).finish());
  }
  for (const location of locations) writer.tag(14, WireType.Varint).int32(location);
  return writer.finish();
}

const field = (number: number, bytes: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();

/** A network that adds "w" to its picture. */
function network(initializer: Uint8Array, more: Partial<Model['graph']> = {}): Uint8Array {
  const graph = createGraph('external');
  const image = input(graph, 'image', 'float32', [1, 3, 4, 6]);
  const model = exportModel(graph, { logits: ops.relu(image) });
  const node: ModelNode = {
    op: 'Add',
    domain: '',
    name: 'add',
    inputs: ['image', 'w'],
    outputs: ['logits'],
    attributes: {},
  };
  const rest = initializer.length > 0 ? field(5, initializer) : undefined;
  return writeModel({ ...model, graph: { ...model.graph, nodes: [node], rest, ...more } });
}

const place = { location: 'm.onnx.data', offset: '4', length: '12' };
const weights = Float32Array.of(99, 1, 2, 3);

beforeAll(() => {
  writeFileSync(at('m.onnx'), network(tensor(place)));
  writeFileSync(at('m.onnx.data'), Buffer.from(weights.buffer));
});

describe('a model with weights in a file beside it', () => {
  it('is read, run and converted as one', async () => {
    const model = await readModelFile(at('m.onnx'));
    expect(model.graph.initializers.get('w')?.data).toEqual(Float32Array.of(1, 2, 3));
    const options = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const grey = { ...randomPixels(4, 6), data: new Uint8Array(72).fill(7) };
    const loaded = await loadModel(at('m.onnx'), options);
    expect(new Set((await loaded.segment(grey)).labels.data)).toEqual(new Set([2]));
    await loaded.release();
    await convertFile(at('m.onnx'), at('one.onnx'));
    expect(readModel(writeModel(await readModelFile(at('one.onnx')))).graph.initializers.get('w')?.data).toEqual(
      Float32Array.of(1, 2, 3),
    );
    const info = steadyseg(['info', at('m.onnx'), '--json']);
    expect([info.code, JSON.parse(info.stdout).parameters.count]).toEqual([0, 3]);
  });

  it('may lie in a folder below', async () => {
    mkdirSync(at('below'));
    writeFileSync(at('below', 'w.bin'), Buffer.from(weights.buffer));
    writeFileSync(at('deep.onnx'), network(tensor({ location: './below/w.bin', offset: '0' })));
    expect((await readModelFile(at('deep.onnx'))).graph.initializers.get('w')?.data).toEqual(weights.slice(0, 3));
  });

  it('may lie in the cache of a model hub, where every file is a link to one folder of contents', async () => {
    mkdirSync(at('hub', 'blobs'), { recursive: true });
    mkdirSync(at('hub', 'snapshots', 'e1', 'onnx'), { recursive: true });
    writeFileSync(at('hub', 'blobs', 'aa'), network(tensor(place)));
    writeFileSync(at('hub', 'blobs', 'bb'), Buffer.from(weights.buffer));
    writeFileSync(at('hub', 'blobs', 'cc'), '{"id2label":{"0":"wall","1":"sky","2":"floor"}}');
    symlinkSync('../../../blobs/aa', at('hub', 'snapshots', 'e1', 'onnx', 'model.onnx'));
    symlinkSync('../../../blobs/bb', at('hub', 'snapshots', 'e1', 'onnx', 'm.onnx.data'));
    symlinkSync('../../blobs/cc', at('hub', 'snapshots', 'e1', 'config.json'));
    const path = at('hub', 'snapshots', 'e1', 'onnx', 'model.onnx');
    expect((await readModelFile(path)).graph.initializers.get('w')?.data).toEqual(Float32Array.of(1, 2, 3));
    const loaded = await loadModel(path);
    expect(loaded.classes.classes).toEqual(['wall', 'sky', 'floor']);
    await loaded.release();
    // The same names, but the data are not beside the model's own content.
    rmSync(at('hub', 'snapshots', 'e1', 'onnx', 'm.onnx.data'));
    symlinkSync('../../../../m.onnx.data', at('hub', 'snapshots', 'e1', 'onnx', 'm.onnx.data'));
    await expect(readModelFile(path)).rejects.toThrow(/m\.onnx\.data is a link to somewhere else/);
  });
});

describe('what is refused', () => {
  beforeAll(() => {
    mkdirSync(at('inner'));
    mkdirSync(at('real'));
    writeFileSync(at('real', 'w.bin'), Buffer.from(weights.buffer));
    writeFileSync(at('outside.bin'), Buffer.from(weights.buffer));
    symlinkSync(at('outside.bin'), at('inner', 'link.bin'));
    symlinkSync(at('real'), at('inner', 'linked'));
    mkdirSync(at('inner', 'folder.bin'));
    writeFileSync(at('inner', 'own.bin'), Buffer.from(weights.buffer));
  });

  it.each([
    ['a path up', { location: '../outside.bin' }, /own folder, found the path "\.\.\/outside\.bin"/],
    ['a path up, hidden', { location: 'folder.bin/../../outside.bin' }, /found the path/],
    ['an absolute path', { location: '/etc/passwd' }, /found the path "\/etc\/passwd"/],
    ['a path of another system', { location: '..\\outside.bin' }, /found the path/],
    ['a drive', { location: 'c:own.bin' }, /found the path/],
    ['no path', {}, /found the path ""/],
    ['a link', { location: 'link.bin' }, /found that .*link\.bin is a link/],
    ['a linked folder', { location: 'linked/w.bin' }, /is a link/],
    ['a folder', { location: 'folder.bin' }, /is something else/],
    ['a missing file', { location: 'none.bin' }, /cannot read its data in .*none\.bin: no such file/],
    ['too few bytes', { location: 'own.bin', offset: '8' }, /expected 12 bytes from byte 8 on in .*, found 16 in all/],
    ['another length', { location: 'own.bin', length: '8' }, /expected 12 bytes of it in own\.bin, found 8/],
    ['an offset below 0', { location: 'own.bin', offset: '-4' }, /as whole numbers, found "-4"/],
    [
      'an endless offset',
      { location: 'own.bin', offset: '9999999999999999' },
      /found "9999999999999999"|found 16 in all/,
    ],
  ])('%s', async (_, entries, message) => {
    const path = at('inner', 'm.onnx');
    writeFileSync(path, network(tensor(entries)));
    await expect(readModelFile(path)).rejects.toThrow(message);
    await expect(readModelFile(path)).rejects.toThrow(path);
    await expect(loadModel(path)).rejects.toThrow(message);
  });

  it('a tensor far larger than its file, before memory is taken', async () => {
    const path = at('inner', 'large.onnx');
    writeFileSync(path, network(tensor({ location: 'own.bin' }, [1], [2 ** 40, 3])));
    await expect(readModelFile(path)).rejects.toThrow(/found 16 in all/);
  });

  it('the same bytes again and again', async () => {
    const path = at('inner', 'shared.onnx');
    const rest = Buffer.concat([1, 2].map(() => field(5, tensor({ location: 'own.bin' }))));
    writeFileSync(path, network(new Uint8Array(), { rest }));
    await expect(readModelFile(path)).rejects.toThrow(/share no data/);
  });

  it('another file, whichever of two marks counts', async () => {
    const path = at('inner', 'twice.onnx');
    for (const marks of [
      [1, 0],
      [0, 1],
      [1, 7],
    ]) {
      writeFileSync(path, network(tensor({ location: '../outside.bin' }, marks)));
      await expect(readModelFile(path)).rejects.toThrow(/own folder/);
    }
  });

  it.each([
    ['a subgraph', (bytes: Uint8Array) => network(new Uint8Array(), { nodes: [branching(field(5, bytes))] })],
    [
      'a subgraph of a subgraph',
      (bytes: Uint8Array) => network(new Uint8Array(), { nodes: [branching(nodeWith(field(5, bytes)))] }),
    ],
    ['a sparse tensor', (bytes: Uint8Array) => network(new Uint8Array(), { rest: field(15, field(1, bytes)) })],
  ])('data in another file in %s', (_, make) => {
    const bytes = make(tensor({ location: 'own.bin' }));
    expect(() => readModel(bytes, 'm.onnx')).toThrow(/^m\.onnx: .*(kept in another file|subgraph)/);
    expect(() => readModel(make(tensor({}, [])), 'm.onnx')).not.toThrow();
  });

  it('bytes, which come without files', async () => {
    await expect(loadModel(network(tensor(place)))).rejects.toThrow(/"w" is kept in another file \(m\.onnx\.data\)/);
  });
});

/** An `If` whose branch is a graph of these fields. */
function branching(graph: Uint8Array): ModelNode {
  const attribute = Buffer.concat([
    new BinaryWriter().tag(1, WireType.LengthDelimited).string('then_branch').finish(),
    field(6, graph),
    new BinaryWriter().tag(20, WireType.Varint).int32(5).finish(),
  ]);
  return {
    op: 'If',
    domain: '',
    name: 'if',
    inputs: ['image'],
    outputs: ['logits'],
    attributes: { then_branch: { kind: 'opaque', value: attribute } },
  };
}

/** Fields of a graph with a node that has a subgraph of these fields. */
function nodeWith(graph: Uint8Array): Uint8Array {
  return field(1, field(5, field(6, graph)));
}

it('the folder of a model is its own, wherever it is called from', () => {
  const { code, stdout } = steadyseg(['info', 'm.onnx', '--json'], dirname(at('m.onnx')));
  expect([code, JSON.parse(stdout).parameters.count]).toEqual([0, 3]);
});
