// The entries of the package: the front stays small, and each name has one place.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as front from 'steadyseg';
import * as media from 'steadyseg/media';
import * as metrics from 'steadyseg/metrics';
import * as onnx from 'steadyseg/onnx';
import * as train from 'steadyseg/train';
import { expect, it } from 'vitest';

const entries = { front, media, metrics, onnx, train };

it('has a front of what the commands do, and no more', () => {
  expect(Object.keys(front).sort()).toEqual([
    'InterruptedError',
    'SteadysegError',
    'UsageError',
    'adapt',
    'compareNetworks',
    'convert',
    'diagnose',
    'evaluateMeanIoU',
    'evaluateSteadiness',
    'evaluateTemporalConsistency',
    'evaluateVideoConsistency',
    'loadModel',
    'planAdaptation',
    'predict',
    'predictSmoothed',
    'prepareAdaptation',
    'presetClasses',
    'pseudoLabel',
    'quantize',
    'readConfig',
    'runDemo',
    'segmentVideo',
    'shippedModelPath',
    'train',
  ]);
});

it('gives a name of several entries the same meaning in all of them', () => {
  const places = new Map<string, string[]>();
  for (const [entry, names] of Object.entries(entries)) {
    for (const name of Object.keys(names)) places.set(name, [...(places.get(name) ?? []), entry]);
  }
  const several = [...places].filter(([, of]) => of.length > 1);
  expect(several).toEqual([
    ['presetClasses', ['front', 'media']],
    ['readConfig', ['front', 'train']],
  ]);
  expect(media.presetClasses).toBe(front.presetClasses);
  expect(train.readConfig).toBe(front.readConfig);
});

it('has an entry of the package for every file of the API, described in the reference', () => {
  const root = join(import.meta.dirname, '..');
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
  const names = Object.keys(read('package.json').exports).filter((name) => name !== './package.json');
  expect(names.map((name) => `src/${name === '.' ? 'index' : name.slice(2)}.ts`)).toEqual(
    read('typedoc.json').entryPoints,
  );
});
