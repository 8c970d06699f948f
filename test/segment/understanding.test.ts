// A network's file elsewhere: whether it is understood as before, and by which options it is.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { describeModel } from '#src/onnx/metadata.js';
import { cast, mul } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { describeNetwork } from '#src/segment/describeNetwork.js';
import { findNetwork } from '#src/segment/findNetwork.js';
import type { DescribeOptions } from '#src/segment/network.js';
import { optionsOf, understoodOtherwise } from '#src/segment/understanding.js';
import { tinyNetwork } from './tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-understanding-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, network: Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, network);
  return path;
}

const described = async (path: string, options: DescribeOptions = {}) =>
  describeNetwork(await findNetwork(path), options);

const config = { do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], size: [64, 48] };

it('says what a file beside the original said, and gives options that say it again', async () => {
  const network = tinyNetwork({ free: true });
  const [original, other] = [written('hub/a.onnx', network), written('elsewhere/a.onnx', network)];
  const beside = join(folder, 'hub', 'preprocessor_config.json');
  writeFileSync(beside, JSON.stringify(config));
  const wanted = await described(original);
  expect(understoodOtherwise(await findNetwork(original), wanted)).toEqual([]);
  expect(understoodOtherwise(await findNetwork(other), wanted)).toEqual(['normalisation', 'input size']);
  const { notes: _, source: _s, ...same } = await described(other, optionsOf(wanted));
  expect(wanted).toMatchObject(same);
  copyFileSync(beside, join(folder, 'elsewhere', 'preprocessor_config.json'));
  expect(understoodOtherwise(await findNetwork(other), wanted)).toEqual([]);
});

it.each([
  [
    'the mean of the default, in shares of 255',
    { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] },
    true,
    [],
  ],
  ['the multiple of a size', { ...config, size: null, size_divisor: 8 }, true, ['normalisation', 'input size']],
  ['the multiple of a size that is fixed', { ...config, size: null, size_divisor: 8 }, false, ['normalisation']],
] as const)('knows what differs where the file beside says %s', async (name, said, free, different) => {
  const network = tinyNetwork({ free });
  const [original, other] = [written(`${name}/a.onnx`, network), written(`apart/${name}.onnx`, network)];
  writeFileSync(join(folder, name, 'preprocessor_config.json'), JSON.stringify({ do_normalize: true, ...said }));
  const wanted = await described(original);
  expect(understoodOtherwise(await findNetwork(other), wanted)).toEqual(different);
  expect((await described(other, optionsOf(wanted))).sizeMultiple).toBe(wanted.sizeMultiple);
});

it('says nothing of how bytes are normalised, which the network does itself', async () => {
  const graph = createGraph('bytes');
  const image = input(graph, 'image', 'uint8', [1, 3, 12, 16]);
  const scores = mul(cast(image, 'float32'), 0.5);
  const wanted = await described(written('bytes.onnx', writeModel(exportModel(graph, { scores }))));
  expect(wanted.input.dtype).toBe('uint8');
  expect(await described(wanted.source, optionsOf(wanted))).toEqual(wanted);
});

it('says what options said, but for the names of classes', async () => {
  const metadata = new Map([describeModel({ mean: [1, 2, 3], std: [4, 5, 6] })]);
  const path = written('b.onnx', tinyNetwork({ classes: 1, metadata }));
  const found = await findNetwork(path);
  const otherwise = async (options: DescribeOptions) => understoodOtherwise(found, await described(path, options));
  const usual = await described(path, { scores: 'sigmoid' });
  expect(await otherwise({})).toEqual([]);
  expect(await otherwise({ classes: { ...usual.classes, classes: ['ground', 'person'] } })).toEqual([]);
  expect(await otherwise({ channelOrder: 'bgr' })).toEqual(['normalisation']);
  expect(await otherwise({ scores: 'sigmoid', threshold: 0.3 })).toEqual(['output']);
  const again = await described(path, optionsOf(await described(path, { scores: 'sigmoid', threshold: 0.3 })));
  expect(again.output).toMatchObject({ kind: 'sigmoid', background: { threshold: 0.3 } });
});
