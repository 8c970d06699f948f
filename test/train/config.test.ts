import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { parseConfig, readConfig } from '#src/train/config.js';

const minimal = { network: {}, data: { layout: 'camvid', root: '/data' }, steps: 10 };

it('fills in the published defaults', () => {
  const config = parseConfig(minimal, 'x.yaml');
  expect(config).toMatchObject({
    crop: [769, 769],
    batch: 8,
    gap: 3,
    dropout: 0.1,
    optimizer: { rate: 0.01, power: 0.9, momentum: 0.9, weightDecay: 1e-4 },
  });
  expect(config.augmentation).toEqual({
    scale: [0.5, 2],
    rotation: 10,
    rotationProbability: 0.5,
    blurProbability: 0.5,
    colorJitter: 0,
    flipProbability: 0.5,
  });
});

it("fills in what depends on the optimiser's method", () => {
  const optimizer = (given: object) => parseConfig({ ...minimal, optimizer: given }, 'x.yaml').optimizer;
  expect(optimizer({})).toEqual({
    ...{ method: 'sgd', momentum: 0.9, rate: 0.01, schedule: 'polynomial', power: 0.9, weightDecay: 1e-4 },
    ...{ warmup: 0, decayNormsAndBiases: true, groups: {} },
  });
  const adam = optimizer({ method: 'adam', schedule: 'cosine', groups: { 'cls.*': { rate: 2 } } });
  expect(adam).toMatchObject({ betas: [0.9, 0.999], epsilon: 1e-8, rate: 0.001, schedule: 'cosine', weightDecay: 0 });
  expect(adam.groups).toEqual({ 'cls.*': { rate: 2, weightDecay: 1 } });
  expect(Object.keys(adam)).not.toContain('momentum');
  expect(Object.keys(adam)).not.toContain('power');
  expect(optimizer({ method: 'adamw', weightDecay: 0.05 }).weightDecay).toBe(0.05);
  expect(optimizer({ method: 'adamw' }).weightDecay).toBe(0.01);
  // Whether a default is said or not makes no difference to a resume.
  const [silent, said] = [{ method: 'adam' }, { epsilon: 1e-8, warmup: 0, method: 'adam', rate: 0.001 }].map(optimizer);
  expect(JSON.stringify(said)).toBe(JSON.stringify(silent));
  expect(JSON.stringify(optimizer(silent))).toBe(JSON.stringify(silent));
});

it.each([
  [{ method: 'adam', momentum: 0.9 }, 'x.yaml: optimizer: expected no momentum with method adam, found 0.9'],
  [{ betas: [0.9, 0.99] }, 'x.yaml: optimizer: expected no betas with method sgd, found [0.9,0.99]'],
  [{ schedule: 'constant', power: 1 }, 'x.yaml: optimizer: expected no power with schedule constant, found 1'],
  [{ groups: { 'cls.*': { rato: 2 } } }, 'there is no key optimizer.groups.cls.*.rato; did you mean'],
  [{ averaging: 1 }, 'x.yaml: optimizer.averaging: '],
])('refuses keys of the optimiser that mean nothing: %j', (optimizer, reason) => {
  expect(() => parseConfig({ ...minimal, optimizer }, 'x.yaml')).toThrow(reason);
});

it('suggests the key that was meant, at any depth', () => {
  expect(() => parseConfig({ ...minimal, stesp: 3 }, 'x.yaml')).toThrow(
    'x.yaml: there is no key stesp; did you mean steps?',
  );
  expect(() => parseConfig({ ...minimal, optimizer: { momentun: 0.5 } }, 'x.yaml')).toThrow(
    'did you mean optimizer.momentum?',
  );
  expect(() => parseConfig({ ...minimal, 'optimiser.rate': 1 }, 'x.yaml')).toThrow('there is no key optimiser.rate');
  expect(() => parseConfig({ ...minimal, ['x'.repeat(9999)]: 1 }, 'x.yaml')).toThrow(/no key x{100}…; expected/);
  expect(() => parseConfig({ ...minimal, losses: { kd: 1 } }, 'x.yaml')).toThrow(
    'there is no key losses.kd; expected one of auxiliary, boundary, boundaryAware, motion, pixel, pairFrames, selfSimilarity, multiFrame',
  );
});

it('names the key of a wrong value, and of a missing one', () => {
  expect(() => parseConfig({ ...minimal, batch: 0 }, 'x.yaml')).toThrow(/x.yaml: batch: .*1.*0/);
  expect(() => parseConfig({ network: {}, data: minimal.data }, 'x.yaml')).toThrow(
    'x.yaml: steps: expected a value, found nothing',
  );
});

it.each([
  ['an alias that leads nowhere', 'steps: *nothing', [], /x\.yaml: expected YAML: Unresolved alias/],
  ['a scalar with a change below it', '3', ['data.root=a'], /the change "data.root=a" does not fit/],
  ['a change that is no YAML', 'steps: 3', ['steps=[1'], /the change "steps=\[1" does not fit/],
  ['an empty file', '', [], /x\.yaml: the file: .*null/],
])('names the file for %s', async (_, content, changes, reason) => {
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-config-'));
  writeFileSync(join(folder, 'x.yaml'), content);
  const thrown = await readConfig(join(folder, 'x.yaml'), changes).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SteadysegError);
  expect(String(thrown)).toMatch(reason);
  rmSync(folder, { recursive: true });
});

it('takes every path from the environment, which must have it', () => {
  process.env.STEADYSEG_TEST_ROOT = '/somewhere';
  const path = '$STEADYSEG_TEST_ROOT/a';
  const dataset = { root: path, classes: path, flow: path };
  const paths = {
    network: { backbone: path, weights: path },
    data: { layout: 'camvid', ...dataset, extra: { layout: 'camvid', ...dataset, perBatch: 1 } },
    motion: { flow: path },
    teacher: { model: path, cache: path },
    validation: dataset,
  };
  const text = JSON.stringify(parseConfig({ ...paths, steps: 10 }, 'x.yaml'));
  expect(text.match(/"\/somewhere\/a"/g)?.length).toBe(14);
  expect(text).not.toContain('$');
  const unset = { ...minimal, data: { layout: 'camvid', root: '$STEADYSEG_NOT_SET' } };
  expect(() => parseConfig(unset, 'x.yaml')).toThrow(
    'x.yaml: data.root: expected the environment variable STEADYSEG_NOT_SET to be set, found none',
  );
});
