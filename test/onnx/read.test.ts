import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { readModelFile } from '#src/onnx/modelFile.js';
import { MAX_GRAPH_ENTRIES, readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';

type Write = (writer: BinaryWriter) => void;

function message(write: Write): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

const part = (writer: BinaryWriter, field: number, content: Uint8Array) =>
  writer.tag(field, WireType.LengthDelimited).bytes(content);

/** A model of one output and what else is written into its graph and beside it. */
function modelWith(inGraph: Write, beside: Write = () => undefined): Uint8Array {
  const output = message((writer) => writer.tag(1, WireType.LengthDelimited).string('y'));
  return message((writer) => {
    writer.tag(1, WireType.Varint).int64(8);
    const graph = message((inner) => {
      inGraph(inner);
      part(inner, 12, output);
    });
    part(writer, 7, graph);
    part(
      writer,
      8,
      message((inner) => inner.tag(2, WireType.Varint).int64(18)),
    );
    beside(writer);
  });
}

/** An initializer `w` of a shape and element type whose values are listed in a field. */
function listed(shape: readonly number[], elementType: number, values: Write): Uint8Array {
  const tensor = message((writer) => {
    for (const size of shape) writer.tag(1, WireType.Varint).int64(size);
    writer.tag(2, WireType.Varint).int32(elementType);
    values(writer);
    writer.tag(8, WireType.LengthDelimited).string('w');
  });
  return modelWith((writer) => part(writer, 5, tensor));
}

/** TensorProto.DataType of int64. */
const int64Type = 7;

describe('values listed one by one', () => {
  it.each([
    [
      'packed',
      (writer: BinaryWriter) =>
        part(
          writer,
          7,
          message((run) => run.int64(1).int64(-2).int64(300)),
        ),
    ],
    [
      'apart',
      (writer: BinaryWriter) => {
        for (const value of [1, -2, 300]) writer.tag(7, WireType.Varint).int64(value);
      },
    ],
  ])('are read %s', (_, values) => {
    const read = readModel(listed([3], int64Type, values)).graph.initializers.get('w');
    expect(read?.data).toEqual(BigInt64Array.of(1n, -2n, 300n));
  });

  it('are read as floats and small integers', () => {
    const floats = message((run) => run.float(0.5).float(-1));
    const read = readModel(listed([2], 1, (writer) => part(writer, 4, floats))).graph.initializers.get('w');
    expect(read?.data).toEqual(Float32Array.of(0.5, -1));
    const half = readModel(listed([], 10, (writer) => writer.tag(5, WireType.Varint).int32(0x3c00)));
    expect(half.graph.initializers.get('w')?.data).toEqual(Uint16Array.of(0x3c00));
  });

  it('are refused when they are more or fewer than the shape has, before memory is taken for them', () => {
    const million = new Uint8Array(2 ** 20).fill(1);
    const many = (shape: number[]) => listed(shape, int64Type, (writer) => part(writer, 7, million));
    expect(() => readModel(many([2]), 'm.onnx')).toThrow('m.onnx: expected an ONNX model');
    expect(() => readModel(many([2]))).toThrow('the tensor "w": expected 2 values for 2, found more');
    expect(() => readModel(many([2 ** 20 + 1]))).toThrow(`expected ${2 ** 20 + 1} values`);
    expect(() => readModel(many([2 ** 40]))).toThrow('found fewer');
  });
});

it('a graph of more entries than any network has is refused', () => {
  const nodes = Buffer.alloc(2 * (MAX_GRAPH_ENTRIES + 1), Uint8Array.of(0x0a, 0x00));
  expect(() => readModel(modelWith((writer) => writer.raw(nodes)))).toThrow(`more than ${MAX_GRAPH_ENTRIES} nodes`);
});

it('fields that are not interpreted are written back as they were', () => {
  const bytes = modelWith(
    () => undefined,
    (writer) => {
      writer.tag(6, WireType.LengthDelimited).string('a doc string');
      for (let i = 0; i < 3; i++) writer.tag(99, WireType.Varint).int32(i);
    },
  );
  const { rest } = readModel(bytes);
  const expected = message((writer) => {
    writer.tag(6, WireType.LengthDelimited).string('a doc string');
    for (let i = 0; i < 3; i++) writer.tag(99, WireType.Varint).int32(i);
  });
  expect(rest).toEqual(expected);
  expect(readModel(writeModel(readModel(bytes))).rest).toEqual(expected);
});

it('a file of weights in place of a model is told to be converted first', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-weights-'));
  for (const name of ['x.pth', 'x.ckpt', 'x.safetensors', 'x.pth.tar']) {
    writeFileSync(join(folder, name), 'PK');
    await expect(readModelFile(join(folder, name))).rejects.toThrow(
      `${name}: expected an ONNX model, found a file of weights: convert it first, steadyseg convert`,
    );
  }
  rmSync(folder, { recursive: true });
});
