import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { toStorage, type WeightStorage } from '#src/onnx/compactStorage.js';
import { exportModel } from '#src/onnx/export.js';
import { countCost } from '#src/onnx/flops.js';
import { addNode, createGraph, input, parameter } from '#src/onnx/graph.js';
import { int } from '#src/onnx/model.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { conv, convTranspose, matMul, relu } from '#src/onnx/ops.js';
import { summarizeModel } from '#src/onnx/summary.js';
import { zeros } from '#src/tensor/tensor.js';
import { describeWithShared, sharedPath } from '../shared.js';
import { fixture } from '../weights/fixtures.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the cost of a graph', () => {
  const graph = createGraph('cost');
  const weight = (name: string, ...shape: number[]) => parameter(graph, name, shape, { kind: 'constant', value: 0 });
  const image = input(graph, 'image', 'float32', [2, 4, 10, 12]);
  it('counts grouped and strided convolutions by their outputs', () => {
    const output = conv(image, weight('w', 6, 2, 3, 3), undefined, { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] });
    expect(output.shape).toEqual([2, 6, 5, 6]);
    expect(countCost([relu(output)])).toEqual({ multiplyAdds: 360 * 18, byOperator: { Conv: 360 * 18 } });
  });
  it('counts transposed convolutions by their inputs, matrix products by their inner size', () => {
    const up = convTranspose(image, weight('u', 4, 5, 2, 2), undefined, { strides: [2, 2] });
    expect(countCost([up]).multiplyAdds).toBe(960 * 5 * 4);
    expect(countCost([matMul(image, weight('m', 12, 7))]).multiplyAdds).toBe(2 * 4 * 10 * 7 * 12);
    const [gemm] = addNode(graph, 'Gemm', [weight('a', 8, 3), weight('b', 8, 5)], { transA: int(1) });
    expect(countCost([gemm]).multiplyAdds).toBe(3 * 5 * 8);
  });
  it('leaves out what the outputs do not need', () => {
    expect(countCost([image]).multiplyAdds).toBe(0);
  });
});

describe('steadyseg info', () => {
  it('shows a model, and counts at a size that the file leaves open', async () => {
    const graph = createGraph('tiny');
    const image = input(graph, 'image', 'float32', [1, 3, 4, 4]);
    const weight = parameter(graph, 'w', [2, 3, 1, 1], { kind: 'constant', value: 0 });
    const metadata = new Map([['note', 'two\nlines']]);
    const weights = new Map([['w', zeros('float32', [2, 3, 1, 1])]]);
    const model = exportModel(graph, { logits: conv(image, weight) }, { weights, metadata });
    const open = { name: 'image', type: { dtype: 'float32', shape: ['N', 3, 'H', null] } } as const;
    const path = join(folder, 'tiny.onnx');
    await writeModelFile(path, { ...model, graph: { ...model.graph, inputs: [open] } });

    const unknown = JSON.parse(steadyseg(['info', path, '--json']).stdout);
    expect(unknown).toMatchObject({
      cost: null,
      inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 3, 'H', null] }],
    });
    expect(unknown.costUnknown).toContain('image');

    const { code, stdout, stderr } = steadyseg(['info', path, '--size', '10x20', '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'onnx',
      operators: { Conv: 1 },
      parameters: { count: 6, tensors: 1, bytes: { float32: 24 } },
      cost: { multiplyAdds: 10 * 20 * 6 },
      metadata: { note: 'two\nlines' },
    });
    expect(JSON.parse(stdout).segmentation).toMatchObject({
      input: { name: 'image', dtype: 'float32', layout: 'nchw' },
      output: { name: 'logits', kind: 'logits', channels: 2 },
      classCount: 2,
    });
    const text = steadyseg(['info', path, '--size', '10x20']).stdout;
    expect(text).toContain('\nscores      logits from "logits", channels first\nclasses     2: class 0, class 1\n');
    expect(text).toMatch(/\nnote +.*tiny\.onnx: its normalisation is said nowhere/);
    expect(text).toContain('input       image  float32 N×3×H×?');
    expect(text).toContain('cost        2.400 kFLOPs (1.200 k multiply–adds): Conv 100.0 %');
    expect(text).toContain('metadata    note: two lines');
    expect(steadyseg(['info', path, '--size', '10x20', '--text']).stdout).toContain(
      ': float32 1×2×10×20 = Conv(image, w)',
    );
  });

  it('counts the parameters of compact models as they compute, the bytes as they are stored', async () => {
    const graph = createGraph('compact');
    const image = input(graph, 'image', 'float32', [1, 32, 4, 4]);
    const weight = parameter(graph, 'w', [32, 32, 1, 1], { kind: 'constant', value: 0 });
    const weights = new Map([['w', zeros('float32', [32, 32, 1, 1])]]);
    const model = exportModel(graph, { logits: conv(image, weight) }, { weights });
    const parameters = (storage: WeightStorage) => summarizeModel(toStorage(model, storage)).parameters;
    expect(parameters('float32')).toEqual({ count: 1024, tensors: 1, bytes: { float32: 4096 } });
    expect(parameters('float16')).toEqual({ count: 1024, tensors: 1, bytes: { float16: 2048 } });
    expect(parameters('int8')).toEqual({ count: 1024, tensors: 1, bytes: { int8: 1024, float32: 128 } });
  });

  it('lists what training would change, and what not and why', () => {
    const shipped = join(import.meta.dirname, '..', '..', 'models', 'toycity-steady.onnx');
    const { trainable, weights } = JSON.parse(steadyseg(['info', shipped, '--weights', '--json']).stdout);
    const of = (role: string) => weights.filter((one: { role: string }) => one.role === role).length;
    expect(trainable.tensors).toBe(of('weight'));
    expect([of('weight') > 50, of('statistic') > 40, of('constant') > 10]).toEqual([true, true, true]);
    const text = steadyseg(['info', shipped, '--weights']).stdout;
    expect(text).toMatch(/^trains +[\d ]+ in \d+ weights; not: /m);
    expect(text).toMatch(/^layer0\.1\.running_mean +float32 \d+ {2}stays: running statistic of BatchNormalization$/m);
    expect(text).toMatch(/^layer0\.1\.weight +float32 \d+ {2}trains: weight of BatchNormalization$/m);
  });

  it('shows weights of either kind', () => {
    const pth = JSON.parse(steadyseg(['info', fixture('checkpoint_wrapped.pth.tar'), '--json']).stdout);
    expect(pth.format).toBe('pth');
    expect(pth.tensors[0]).toEqual({ name: 'module.student.cls.4.weight', dtype: 'float32', shape: [19, 8, 1, 1] });
    const text = steadyseg(['info', fixture('expected.safetensors')]).stdout;
    expect(text).toContain('cls.4.bias                    float32 19\n');
    expect(text).toContain('parameters  179 in 4 tensors; float32 0.001 MiB, int64 0.000 MiB');
  });

  it('says in one line what is wrong', () => {
    writeFileSync(join(folder, 'no.onnx'), 'no model');
    const cases: [args: string[], code: number, message: RegExp][] = [
      [[fixture('hostile.pth')], 1, /hostile\.pth: refused the global "posix\.system"/],
      [[join(folder, 'no.onnx')], 1, /no\.onnx: expected an ONNX model/],
      [[join(folder, 'none.pth')], 1, /none\.pth: no such file/],
      [[fixture('expected.safetensors'), '--size', '1x1'], 2, /for \.onnx models/],
      [[join(folder, 'tiny.onnx'), '--text', '--json'], 2, /--text or --json/],
      [[join(folder, 'tiny.onnx'), '--size', 'big'], 2, /HEIGHTxWIDTH/],
    ];
    for (const [args, code, message] of cases) {
      const result = steadyseg(['info', ...args]);
      expect([result.code, result.stdout]).toEqual([code, '']);
      expect(result.stderr).toMatch(message);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

describeWithShared('steadyseg info on a public model', ['models/espnet_camvid_360x480.onnx'], () => {
  it('counts what another program exported', () => {
    const { stdout } = steadyseg(['info', sharedPath('models', 'espnet_camvid_360x480.onnx'), '--json']);
    const { opsets, outputs, operators, cost } = JSON.parse(stdout);
    expect([opsets, outputs[0].shape, operators.Conv]).toEqual([{ 'ai.onnx': 13 }, [1, 11, 360, 480], 82]);
    expect(cost.multiplyAdds).toBeGreaterThan(1.3e9);
    expect(cost.multiplyAdds).toBeLessThan(1.4e9);
  });
});
