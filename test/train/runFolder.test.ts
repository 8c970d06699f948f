// What a run folder holds is checked when it is read: errors name the file, the expected and the found.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { elementCount, float32, type Shape } from '#src/tensor/tensor.js';
import { readCheckpoint, writeCheckpoint } from '#src/train/checkpoint.js';
import { decidingChanges, parseConfig } from '#src/train/config.js';
import { createOptimizer, type Optimizer, type OptimizerOptions, publishedSgd } from '#src/train/optimizer.js';
import { appendMetrics, readMetrics, readRunConfig } from '#src/train/runFolder.js';
import { applyGradients, type TrainingState } from '#src/train/state.js';
import { writeSafetensors } from '#src/weights/safetensors.js';

const heads = { includes: (name: string) => /^(ppm|cls|aux)\./.test(name), factor: 10 };

const folder = mkdtempSync(join(tmpdir(), 'steadyseg run '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
async function problem(reading: Promise<unknown>): Promise<string> {
  const thrown = await reading.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SteadysegError);
  return String(thrown);
}

const step = { step: 1, time: 2, losses: { loss: 0.5 }, rate: 0.1, milliseconds: 3, waited: 0 };

it('reads metrics back as they were, and leaves out a last line that was cut short', async () => {
  const path = join(folder, 'metrics.jsonl');
  const validation = { mIoU: Number.NaN, iou: [0.5, Number.NaN], tc: 0.25, frames: 3, pairs: 2 };
  await appendMetrics(path, step);
  await appendMetrics(path, { step: 1, time: 2, validation });
  await appendMetrics(path, { ...step, step: 2 });
  expect(await readMetrics(path, 1)).toEqual([step, { step: 1, time: 2, validation }]);
  writeFileSync(path, '{"step":2,"ti', { flag: 'a' });
  expect((await readMetrics(path)).length).toBe(3);
});

it.each([
  ['no JSON', '{"step":', 'line 1: expected the record of a step or a validation: Unexpected end of JSON'],
  ['a list', '[]', 'line 1: expected the record of a step or a validation: step: expected a value, found nothing'],
  ['a step of a fraction', JSON.stringify({ ...step, step: 1.5 }), 'line 1: .*: step: .*integer.*1.5'],
  ['losses that are none', JSON.stringify({ ...step, losses: { loss: 'low' } }), 'line 1: .*: losses.loss: .*"low"'],
  ['a validation of nothing', '{"step":1,"time":2,"validation":{"frames":3}}', 'line 1: .*: validation.mIoU: '],
])('names the line of metrics that is %s', async (_, line, reason) => {
  const path = file('wrong.jsonl', `${line}\n${JSON.stringify(step)}\n`);
  expect(await problem(readMetrics(path))).toMatch(new RegExp(`wrong.jsonl, ${reason}`));
});

it('refuses metrics that are longer than the longest string', async () => {
  const path = file('long.jsonl', '');
  truncateSync(path, 2 ** 29);
  expect(await problem(readMetrics(path))).toContain('long.jsonl: expected at most 524288000 bytes, found 536870912');
});

it.each([
  ['is no JSON', '{', 'Expected property name'],
  ['has no step', '{}', 'step: expected a value, found nothing'],
  ['has a negative step', '{"step":-1}', 'step: .*-1'],
  ['has a best without figure', '{"step":1,"best":{"step":1,"mIoU":null}}', 'best.mIoU: .*null'],
])('names a checkpoint whose record %s', async (_, record, reason) => {
  const path = join(folder, 'last.safetensors');
  await writeSafetensors(path, new Map([['x', float32([1], [1])]]), new Map([['steadyseg.checkpoint', record]]));
  const state = { parameters: new Map(), slots: new Map(), step: 7 };
  expect(await problem(readCheckpoint(path, state))).toMatch(
    new RegExp(`last.safetensors: expected the record of a checkpoint: .*${reason}`),
  );
  expect(state.step).toBe(7);
});

describe('checkpoints', () => {
  const fixture = (name: string) => join(import.meta.dirname, '..', 'fixtures', 'train', name);
  const shapes = new Map([
    ['layer1.conv.weight', [2, 3, 1, 1]],
    ['layer1.norm.bias', [3]],
    ['cls.4.weight', [2, 2, 1, 1]],
  ]);
  /** Everything 0, for an optimiser. */
  const emptyState = ({ rule, averaging }: Optimizer): TrainingState => {
    const zeros = ([name, shape]: [string, Shape]) => [name, new Float32Array(elementCount(shape))] as const;
    const statistic: [string, Shape] = ['layer1.norm.running_mean', [3]];
    const parameters = new Map(
      [...shapes, statistic].map(([name, shape]) => [name, float32(shape, Array(elementCount(shape)).fill(0))]),
    );
    const slots = new Map(rule.slots.map((slot) => [slot, new Map([...shapes].map(zeros))]));
    if (averaging !== undefined) slots.set('averaged', new Map([...shapes, statistic].map(zeros)));
    return { parameters, slots, step: 0 };
  };
  const gradients = (state: TrainingState) =>
    new Map(
      [...shapes.keys()].map((name) => [
        name,
        Float32Array.from(state.parameters.get(name)?.data ?? [], (_, i) => (i - 1) * 0.25),
      ]),
    );
  const bits = (state: TrainingState) =>
    [...state.parameters.values()]
      .map(({ data }) => [...data])
      .concat([...state.slots.values()].flatMap((slot) => [...slot.values()].map((data) => [...data])));

  it('of 0.1.0 go on, to the same bits', async () => {
    const optimizer = createOptimizer(publishedSgd, shapes, heads);
    const [state, next] = [emptyState(optimizer), emptyState(optimizer)];
    const { best } = await readCheckpoint(fixture('checkpoint-0.1.0.safetensors'), state);
    expect([state.step, best?.mIoU]).toEqual([3, 0.5]);
    applyGradients(state, gradients(state), optimizer, 0.01);
    await readCheckpoint(fixture('checkpoint-0.1.0-next.safetensors'), next);
    expect(bits(state)).toEqual(bits(next));
    expect(state.step).toBe(next.step);
  });

  it.each<[string, OptimizerOptions]>([
    ['sgd', { ...publishedSgd, clipNorm: 0.1 }],
    ['adam', { ...publishedSgd, method: 'adam', betas: [0.9, 0.99], epsilon: 1e-8 }],
    ['adamw and a mean', { ...publishedSgd, method: 'adamw', betas: [0.9, 0.99], epsilon: 1e-8, averaging: 0.9 }],
  ])('hold everything of %s, bit for bit', async (_, options) => {
    const optimizer = createOptimizer(options, shapes, heads);
    const [state, resumed] = [emptyState(optimizer), emptyState(optimizer)];
    await readCheckpoint(fixture('checkpoint-0.1.0-next.safetensors'), {
      ...emptyState(createOptimizer(publishedSgd, shapes)),
      parameters: state.parameters,
    });
    const path = join(folder, 'optimizer.safetensors');
    for (let step = 0; step < 3; step++) applyGradients(state, gradients(state), optimizer, 0.01);
    await writeCheckpoint(path, state, undefined);
    await readCheckpoint(path, resumed);
    for (const one of [state, resumed]) applyGradients(one, gradients(one), optimizer, 0.005);
    expect(bits(resumed)).toEqual(bits(state));
    expect(resumed.step).toBe(4);
  });

  it('of another optimiser are refused, and leave the state as it was', async () => {
    const state = emptyState(createOptimizer({ ...publishedSgd, averaging: 0.9 }, shapes));
    expect(await problem(readCheckpoint(fixture('checkpoint-0.1.0.safetensors'), state))).toContain(
      'checkpoint-0.1.0.safetensors: expected averaged.layer1.conv.weight as float32 6, found none',
    );
    expect(state.step).toBe(0);
    expect(
      bits(state)
        .flat()
        .every((value) => value === 0),
    ).toBe(true);
  });
});

it.each([
  ['{', /config.json: expected the configuration of a run: .*JSON/],
  ['{"network":{},"data":{"layout":"camvid","root":"/data"}}', /config.json: steps: expected a value, found nothing/],
])('names a configuration that is none', async (content, reason) => {
  const path = file('config.json', content);
  const found = await problem(readRunConfig(path));
  expect(found).toMatch(reason);
  expect(found).toContain(path);
});

it('finds what two configurations differ in, but for where, how and how long a run runs', () => {
  const minimal = { network: {}, data: { layout: 'camvid', root: '/data' }, steps: 10 };
  const before = parseConfig({ ...minimal, workers: 2, threads: 1, mining: {} }, 'x');
  const now = parseConfig({ ...minimal, steps: 20, checkpointEvery: 3, teacher: { model: 'a.onnx' } }, 'x');
  expect(decidingChanges(before, now).sort()).toEqual(['mining', 'teacher']);
  expect(decidingChanges(before, { ...before, workers: 1, threads: undefined, checkpointEvery: 1 })).toEqual([]);
});
