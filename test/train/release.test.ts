// What a run opened is freed when a later part of it cannot be opened, or the caller's own code fails.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { buildModel } from '#src/nets/model.js';
import { writeModelFile } from '#src/onnx/modelFile.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { openTeacher } from '#src/train/teacher.js';
import { type TrainOptions, train } from '#src/train/trainer.js';

/** What is open, and what ever was. */
const { open, opened, tracked } = vi.hoisted(() => {
  const open = new Set<string>();
  const opened: string[] = [];
  /** The same, with a note of when it is opened and freed. */
  const tracked = <T extends object, K extends keyof T>(name: string, thing: T, close: K): T => {
    const key = `${name} ${opened.push(name)}`;
    open.add(key);
    const free = thing[close] as () => Promise<void>;
    return {
      ...thing,
      [close]: async () => {
        await free();
        open.delete(key);
      },
    };
  };
  return { open, opened, tracked };
});

vi.mock('#src/runtime/session.js', async (original) => {
  const real = await original<typeof import('#src/runtime/session.js')>();
  const createSession: typeof real.createSession = async (model, options) => {
    if (options?.source?.startsWith('the teacher ') && open.has('broken')) throw new Error('no session');
    return tracked('session', await real.createSession(model, options), 'release');
  };
  return { ...real, createSession };
});
vi.mock('#src/data/loader.js', async (original) => {
  const real = await original<typeof import('#src/data/loader.js')>();
  const createLoader: typeof real.createLoader = (options) => tracked('loader', real.createLoader(options), 'close');
  return { ...real, createLoader };
});
vi.mock('#src/flow/open.js', async (original) => {
  const real = await original<typeof import('#src/flow/open.js')>();
  const openFlowSource: typeof real.openFlowSource = async (method, options) =>
    tracked('flow', await real.openFlowSource(method, options), 'close');
  return { ...real, openFlowSource };
});

const folder = mkdtempSync(join(tmpdir(), 'steadyseg release '));
const data = join(folder, 'toy');
const teacher = join(folder, 'teacher.onnx');

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 1, valClips: 0, frames: 2, height: 48, width: 64, seed: 3 });
  await writeModelFile(
    teacher,
    buildModel({ architecture: 'pspnet18', widthMultiplier: 0.0625, classes: 19, height: 32, width: 48 }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  open.clear();
  opened.length = 0;
});

const tiny = {
  network: { architecture: 'pspnet18', widthMultiplier: 0.0625 },
  data: { layout: 'toycity', root: data },
  crop: [32, 48],
  batch: 2,
  steps: 1,
  losses: { motion: 0.1, pixel: 1 },
  motion: { flow: 'farneback' },
  teacher: { model: teacher },
};

const trained = (name: string, changes: object, options: Partial<TrainOptions> = {}) =>
  train({ config: parseConfig({ ...tiny, ...changes }, 'tiny.yaml'), ...options, out: join(folder, name) });

it.each([
  ['the teacher', { teacher: { model: join(folder, 'none.onnx') } }, {}, 'none.onnx', ['flow']],
  [
    'the step',
    { distillation: { on: 'feas' }, teacher: { model: teacher, features: 'fea' }, losses: { selfSimilarity: 1 } },
    {},
    'feas',
    ['flow', 'session'],
  ],
  ['the first weights', { network: { ...tiny.network, weights: join(folder, 'none.pth') } }, {}, 'none.pth', []],
  [
    "the caller's code",
    {},
    { onStart: () => Promise.reject(new Error('not today')) },
    'not today',
    ['flow', 'session', 'session', 'loader'],
  ],
])('is freed when it fails at %s', async (name, changes, options, reason, expected) => {
  await expect(trained(name, changes, options)).rejects.toThrow(reason);
  expect(opened).toEqual(expected);
  expect([...open]).toEqual([]);
});

it('is freed when the teacher cannot be compiled', async () => {
  open.add('broken');
  const options = { path: teacher, batch: 1, crop: { height: 32, width: 48 }, mean: [0, 0, 0] as const };
  await expect(openTeacher(options)).rejects.toThrow('no session');
  expect([...open]).toEqual(['broken']);
});
