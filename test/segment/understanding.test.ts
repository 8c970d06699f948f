// A network's file elsewhere: whether it is understood as before, and by which options it is.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeModel } from '#src/onnx/metadata.js';
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
