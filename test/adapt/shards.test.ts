// An adaptation prepared in shards is that of one run, byte for byte; shards that do not belong to it are refused.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdaptResult, adapt } from '#src/adapt/adapt.js';
import type { AdaptOptions } from '#src/adapt/openAdaptation.js';
import { prepareAdaptation } from '#src/adapt/shards.js';
import { writeModel } from '#src/onnx/write.js';
import { adaptableModel } from '../segment/tinyNetwork.js';
import { writeTexturedClip } from './texturedClip.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-adapt-shards-'));
const inputs = ['first', 'second'].map((name) => join(folder, name));
const model = join(folder, 'model.onnx');
const [height, width] = [48, 64];

const optionsOf = (name: string, more: Partial<AdaptOptions> = {}): AdaptOptions => ({
  ...{ inputs, model, out: join(folder, name), steps: 6, threads: 1, limit: 4, ...more },
});
const prepare = (name: string, index: number, count: number, more: Partial<AdaptOptions> = {}) =>
  prepareAdaptation(optionsOf(name, more), { index, count });
const leftOf = (name: string) => readdirSync(folder).filter((found) => found.startsWith(`${name}.adapt`));

beforeAll(async () => {
  for (const input of inputs) await writeTexturedClip(input, { height, width, noise: 90 });
  writeFileSync(model, writeModel(adaptableModel({ height, width })));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('shards of an adaptation', { timeout: 120_000 }, () => {
  // Five shards begin and end in the middle of clips of eight frames; one of four has none of three frames.
  it.each([
    [5, 13, [2, 3, 2, 3, 3]],
    [4, 3, [0, 1, 1, 1]],
  ])('give the network and the figures of one run: %d of %d frames', async (count, limit, expected) => {
    const name = `${count}.onnx`;
    const frames: number[] = [];
    for (let index = count - 1; index >= 0; index--) {
      frames.unshift((await prepare(name, index, count, { limit })).stems.length);
    }
    expect(frames).toEqual(expected);
    const whole = await adapt(optionsOf(`whole-${name}`, { limit }));
    const result = await adapt(optionsOf(name, { limit }));
    expect(readFileSync(result.model).equals(readFileSync(whole.model))).toBe(true);
    const figures = ({ model: _, seconds: _s, ...rest }: AdaptResult) => rest;
    expect(figures(result)).toEqual(figures(whole));
    expect(leftOf(name)).toEqual([]);
  });

  it('are refused where one is missing or of other options, and kept', async () => {
    const name = 'some.onnx';
    await prepare(name, 1, 2);
    await expect(adapt(optionsOf(name))).rejects.toThrow('found none of 0/2');
    await prepare(name, 0, 2, { seed: 9 });
    await expect(adapt(optionsOf(name))).rejects.toThrow(/some\.onnx\.adapt-0-of-2: .* other inputs or options/);
    await expect(prepare(name, 0, 2, { resume: true })).rejects.toThrow('begun with other inputs or options');
    rmSync(join(folder, `${name}.adapt-0-of-2`), { recursive: true });
    await prepare(name, 0, 2);
    // One that is there already is not prepared twice.
    let read = 0;
    for (const resume of [true, false]) await prepare(name, 0, 2, { resume, onProgress: () => void read++ });
    expect(read).toBe(0);
    await prepare(name, 0, 3);
    await expect(adapt(optionsOf(name))).rejects.toThrow('expected one preparation in shards');
    expect(existsSync(join(folder, name))).toBe(false);
    expect(leftOf(name)).toHaveLength(3);
  });

  it('leave nothing when they are interrupted', async () => {
    const interruption = new AbortController();
    const interrupted = prepare('cut.onnx', 1, 2, {
      signal: interruption.signal,
      onProgress: () => interruption.abort(),
    });
    await expect(interrupted).rejects.toMatchObject({ name: 'InterruptedError', message: /begins it again/ });
    expect(leftOf('cut.onnx')).toEqual([]);
  });
});
