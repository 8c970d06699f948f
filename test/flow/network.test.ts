import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { networkFlow } from '#src/flow/network.js';
import { openFlowSource } from '#src/flow/open.js';
import type { RgbImage } from '#src/media/image.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import type { Model } from '#src/onnx/model.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { concat, conv } from '#src/onnx/ops.js';
import { float32 } from '#src/tensor/tensor.js';
import { endPointError, frameOf } from './frames.js';

const folder = mkdtempSync(join(tmpdir(), 'flow-network-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A "network" whose flow is u = second - first in the first channel it gets, v likewise in the second, at full or half size. */
async function model(name: string, options: { size: number; stacked?: boolean; half?: boolean; open?: boolean }) {
  const { size, stacked = false, half = false, open = false } = options;
  const graph = createGraph('flow');
  const both = stacked
    ? input(graph, 'pair', 'float32', [1, 6, size, size])
    : concat([input(graph, 'a', 'float32', [1, 3, size, size]), input(graph, 'b', 'float32', [1, 3, size, size])], 1);
  const weight = constant(graph, float32([2, 6, 1, 1], [-1, 0, 0, 1, 0, 0, 0, -1, 0, 0, 1, 0]));
  const coarse = conv(both, weight, undefined, { strides: [4, 4] });
  const flow = conv(both, weight, undefined, { strides: half ? [2, 2] : [1, 1] });
  let exported: Model = exportModel(graph, { coarse, flow });
  if (open) {
    const { graph: inner } = exported;
    const opened = (values: Model['graph']['inputs']) =>
      values.map((value) => ({
        ...value,
        type: value.type && { ...value.type, shape: value.type.shape?.map((d, axis) => (axis < 2 ? d : `d${axis}`)) },
      }));
    exported = { ...exported, graph: { ...inner, inputs: opened(inner.inputs), outputs: [] } };
    const outputs = inner.outputs.map(({ name, type }) => ({ name, type: type && { ...type, shape: undefined } }));
    exported = { ...exported, graph: { ...exported.graph, outputs } };
  }
  const path = join(folder, `${name}.onnx`);
  await writeModelFile(path, exported);
  return path;
}

function plain(width: number, height: number, color: [number, number, number]): RgbImage {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => color[i % 3]) };
}

const pair = {
  first: frameOf('a', plain(8, 4, [10, 20, 30])),
  second: frameOf('b', plain(8, 4, [14, 18, 36])),
};

it('scales the vectors with the size, for two inputs, for stacked ones, and for smaller outputs', async () => {
  const paths = [
    await model('two', { size: 16 }),
    await model('stacked', { size: 16, stacked: true }),
    await model('half', { size: 16, half: true }),
  ];
  for (const path of paths) {
    const source = await networkFlow(path);
    const forward = await source.flow(pair, 'forward');
    expect([forward.width, forward.height]).toEqual([8, 4]);
    // The network sees 16×16: u = 4 pixels of 16 are 2 of 8, v = -2 of 16 are -0.5 of 4.
    expect(endPointError(forward, () => [2, -0.5])).toBeLessThan(1e-5);
    expect(endPointError(await source.flow(pair, 'backward'), () => [-2, 0.5])).toBeLessThan(1e-5);
    await source.close();
  }
});

it('gives networks of open size multiples of what they take', async () => {
  const path = await model('open', { size: 16, open: true });
  const source = await networkFlow(path, { sizeMultiple: 16 });
  expect(source.name).toMatch(/^onnx open\.onnx sha256=[0-9a-f]{16} range=0\.\.255 rgb multiple=16$/);
  expect(endPointError(await source.flow(pair, 'forward'), () => [2, -0.5])).toBeLessThan(1e-5);
  await source.close();
});

it('feeds the value range and channel order asked for', async () => {
  const path = await model('range', { size: 16 });
  const source = await networkFlow(path, { valueRange: '-1..1', channelOrder: 'bgr' });
  const expected: [number, number] = [(6 * 2) / 255 / 2, (-2 * 2) / 255 / 4];
  expect(endPointError(await source.flow(pair, 'forward'), () => expected)).toBeLessThan(1e-6);
  await source.close();
});

it('refuses models that are no flow networks', async () => {
  const graph = createGraph('one');
  const x = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  const path = join(folder, 'one.onnx');
  await writeModelFile(path, exportModel(graph, { out: conv(x, constant(graph, float32([1, 3, 1, 1], [1, 1, 1]))) }));
  await expect(networkFlow(path)).rejects.toThrow(/one\.onnx: expected a flow network.*found image: float32 1×3×8×8/);
});

it('is opened by name, with a cache, beside Farneback and folders', async () => {
  const path = await model('named', { size: 16 });
  const cache = { folder: join(folder, 'cache') };
  const source = await openFlowSource(path, { cache });
  await source.flow(pair, 'forward');
  expect('counts' in source && source.counts()).toEqual({ cached: 0, computed: 1 });
  await source.close();
  expect((await openFlowSource(folder)).name).toBe(`folder ${folder}`);
  expect((await openFlowSource('farneback', { cache: false })).name).toMatch(/^farneback pyr_scale=0\.5/);
  expect((await openFlowSource('dis', { cache: false })).name).toBe(
    (await openFlowSource('dis-medium', { cache: false })).name,
  );
  expect((await openFlowSource('dis-fast', { cache: false })).name).toMatch(/^dis-fast finest_scale=2/);
  await expect(openFlowSource('dis-fats')).rejects.toThrow('found "dis-fats"; did you mean dis-fast?');
  await expect(openFlowSource('farnebak')).rejects.toThrow('found "farnebak"; did you mean farneback?');
  writeFileSync(join(folder, 'bad.onnx'), 'no model');
  await expect(openFlowSource(join(folder, 'bad.onnx'))).rejects.toThrow(/bad\.onnx: expected an ONNX model/);
});
