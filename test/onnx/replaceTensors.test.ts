import { readFile } from 'node:fs/promises';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { conv } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { replaceTensors } from '#src/onnx/replaceTensors.js';
import { tensorRoles } from '#src/onnx/trainable.js';
import { widenTensor } from '#src/onnx/widen.js';
import { writeModel } from '#src/onnx/write.js';
import { float32ToFloat16 } from '#src/tensor/half.js';
import { float32, type Tensor, tensor, zeros } from '#src/tensor/tensor.js';
import { describeWithShared, sharedPath } from '../shared.js';

function smallModel(weight: Tensor): Uint8Array {
  const graph = createGraph('small');
  const x = input(graph, 'x', 'float32', [1, 1, 4, 4]);
  const w = constant(graph, float32([2, 1, 1, 2], [1, 2, 3, 4]), 'w');
  const model = exportModel(
    graph,
    { y: conv(x, w) },
    {
      metadata: new Map([
        ['kept', 'yes'],
        ['note', 'old'],
      ]),
    },
  );
  return writeModel({
    ...model,
    graph: {
      ...model.graph,
      initializers: new Map([
        ['w', weight],
        ['other', float32([1], [7])],
      ]),
    },
  });
}

/** Where two arrays differ first, from either end. */
function differingRange(a: Uint8Array, b: Uint8Array): [number, number] {
  let start = 0;
  while (a[start] === b[start] && start < a.length) start++;
  let end = 0;
  while (a[a.length - 1 - end] === b[b.length - 1 - end] && end < a.length - start) end++;
  return [start, a.length - end];
}

it('only the bytes of the tensor change, and metadata is added at the end', () => {
  const before = smallModel(float32([2, 1, 1, 2], [1, 2, 3, 4]));
  const values = float32([2, 1, 1, 2], [10, 20, 30, 40]);
  const after = replaceTensors(before, new Map([['w', values]]));
  expect(after.length).toBe(before.length);
  const [start, end] = differingRange(before, after);
  expect(end - start).toBeLessThanOrEqual(16);
  expect(readModel(after).graph.initializers.get('w')).toEqual(values);
  const noted = readModel(replaceTensors(before, new Map([['w', values]]), new Map([['note', 'new']])));
  expect([...noted.metadata]).toEqual([
    ['kept', 'yes'],
    ['note', 'new'],
  ]);
  expect(replaceTensors(before, new Map())).toBe(before);
});

it('float16 stays float16, lists of floats stay lists, Constant nodes are found by their output', () => {
  const half = tensor('float16', [2, 1, 1, 2], float32ToFloat16(Float32Array.of(1, 2, 3, 4)));
  const values = float32([2, 1, 1, 2], [0.5, 0.25, 2, -4]);
  const changed = readModel(replaceTensors(smallModel(half), new Map([['w', values]]))).graph.initializers.get('w');
  expect(changed?.dtype).toBe('float16');
  expect(changed && widenTensor(changed)).toEqual(values);

  const list = new BinaryWriter().tag(1, WireType.Varint).int64(2).tag(2, WireType.Varint).int32(1);
  list.tag(4, WireType.LengthDelimited).fork().float(1).float(2).join().tag(8, WireType.LengthDelimited).string('w');
  const message = list.finish();
  const graph = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(message).finish();
  const model = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph).finish();
  const replaced = replaceTensors(model, new Map([['w', float32([2], [8, 9])]]));
  const expected = Uint8Array.from(model);
  const floats = new Uint8Array(Float32Array.of(8, 9).buffer);
  expected.set(floats, expected.length - 3 - floats.length);
  expect(replaced).toEqual(expected);

  const attribute = new BinaryWriter().tag(1, WireType.LengthDelimited).string('value');
  attribute.tag(5, WireType.LengthDelimited).bytes(message);
  const node = new BinaryWriter()
    .tag(2, WireType.LengthDelimited)
    .string('c')
    .tag(4, WireType.LengthDelimited)
    .string('Constant');
  node.tag(5, WireType.LengthDelimited).bytes(attribute.finish());
  const nodes = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(node.finish()).finish();
  const inNode = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(nodes).finish();
  const result = replaceTensors(inNode, new Map([['c', float32([2], [8, 9])]]));
  expect(result.length).toBe(inNode.length);
  expect(result).not.toEqual(inNode);
});

it('a name that is not there, another shape and another element type are refused', () => {
  const bytes = smallModel(float32([2, 1, 1, 2], [1, 2, 3, 4]));
  expect(() => replaceTensors(bytes, new Map([['v', float32([1], [1])]]))).toThrow('no tensor v');
  expect(() => replaceTensors(bytes, new Map([['w', float32([3], [1, 2, 3])]]))).toThrow(
    'w: expected 2×1×1×2, found 3',
  );
  expect(() => replaceTensors(bytes, new Map([['w', tensor('int8', [4], new Int8Array(4))]]))).toThrow(
    'w: expected float32, found int8',
  );
});

const files = [
  'deeplabv3_mnv2_voc_513_fp16',
  'espnet_p2q8_cityscapes_free',
  'sinet_portrait_320',
  'twinlitenet_bdd100k_360x640',
];
describeWithShared('networks of others', ['models/foreign'], () => {
  it.each(files)('%s: its own weights give the same bytes, others change nothing else', async (name) => {
    const bytes = await readFile(sharedPath(`models/foreign/${name}.onnx`));
    const model = readModel(bytes);
    const weights = new Map<string, Tensor>();
    for (const [tensorName, { role }] of tensorRoles(model)) {
      const content = model.graph.initializers.get(tensorName);
      if (content && role !== 'constant') weights.set(tensorName, content);
    }
    expect(weights.size).toBeGreaterThan(50);
    expect(Buffer.compare(replaceTensors(bytes, weights), bytes)).toBe(0);
    const zeroed = new Map([...weights].map(([key, { dtype, shape }]) => [key, zeros(dtype, shape)]));
    const after = readModel(replaceTensors(bytes, zeroed));
    const rest = ({ graph }: typeof model) => [...graph.initializers].filter(([key]) => !weights.has(key));
    expect(rest(after)).toEqual(rest(model));
    expect({ ...after, graph: { ...after.graph, initializers: null } }).toEqual({
      ...model,
      graph: { ...model.graph, initializers: null },
    });
  });
});
