// Quantisation end to end on a small network: what comes out runs by itself, and what cannot be is refused.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlowSource } from '#src/flow/open.js';
import { writeLabelMap } from '#src/media/labels.js';
import { readPicture, writePicture } from '#src/media/pictures.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import { readDescription } from '#src/onnx/metadata.js';
import { argMax, cast, conv, mul, relu, resize, softmax } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { chooseLeft } from '#src/quantize/leaveOut.js';
import { type QuantizeOptions, quantize } from '#src/quantize/quantize.js';
import { placesOf } from '#src/quantize/sample.js';
import { createSession } from '#src/runtime/session.js';
import { evaluateSteadiness } from '#src/segment/evaluateSteadiness.js';
import { loadModel } from '#src/segment/loadModel.js';
import { float32ToFloat16 } from '#src/tensor/half.js';
import { createRandom, symmetricByName } from '#src/tensor/random.js';
import { float32, tensor } from '#src/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-quantize-'));
const frames = join(folder, 'frames');
const [height, width] = [48, 64];

async function writeFrames(out: string, count: number, pixel: (x: number, t: number, noise: number) => number) {
  const random = createRandom(3);
  for (let t = 0; t < count; t++) {
    const data = Uint8Array.from({ length: 3 * height * width }, (_, i) =>
      Math.max(0, Math.min(255, Math.round(pixel(Math.floor(i / 3) % width, t, random.uniform() - 0.5)))),
    );
    await writePicture(join(out, `${String(t).padStart(3, '0')}.png`), { width, height, data });
  }
}

function writeNetwork(
  name: string,
  end: (scores: Value) => Value = (scores) => scores,
  bad?: number,
  dtype: 'float32' | 'float16' = 'float32',
): string {
  const graph = createGraph('network');
  const image = input(graph, 'image', dtype, [1, 3, height, width]);
  const weight = (of: string, shape: number[]) => {
    const content = symmetricByName(of, shape, 0.4);
    return constant(graph, dtype === 'float32' ? content : tensor(dtype, shape, float32ToFloat16(content.data)), of);
  };
  const pads = [1, 1, 1, 1];
  const a = relu(conv(image, weight('a', [8, 3, 3, 3]), weight('ab', [8]), { pads, strides: [2, 2] }));
  const b = relu(conv(a, weight('b', [8, 8, 3, 3]), weight('bb', [8]), { pads }));
  const c = conv(
    b,
    weight('c', [4, 8, 1, 1]),
    bad === undefined ? weight('cb', [4]) : constant(graph, float32([4], [0, bad, 0, 0]), 'cb'),
  );
  const model = exportModel(graph, { scores: end(resize(c, [1, 4, height, width], 'linear', 'half_pixel')) });
  const path = join(folder, name);
  writeFileSync(path, writeModel(model));
  return path;
}

let model: string;
beforeAll(async () => {
  await writeFrames(frames, 6, (x, t, noise) => 128 + 80 * Math.sin((x + 3 * t) * 0.2) + 40 * noise);
  model = writeNetwork('network.onnx');
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (out: string, options: Partial<QuantizeOptions> = {}) =>
  quantize({
    ...{ model, calibrate: frames, out: join(folder, out), threads: 1, anySpeed: true, budget: 0.9 },
    ...{ mean: [110, 128, 140], std: [58, 60, 62], channelOrder: 'bgr' },
    ...options,
  });

describe('quantising a network', { timeout: 120_000 }, () => {
  it('writes a standard file that runs by itself, with what was said of the float one', async () => {
    const result = await run('integers.onnx');
    expect(result).toMatchObject({ left: [], ranking: [], refused: [], frames: { calibrated: 4, judged: 2 } });
    expect(result.agreement).toBeGreaterThan(0.9);
    expect(result.signalToNoise).toBeGreaterThan(20);
    expect(result.integerShare).toBe(1);
    expect(result.size.after).toBe(readFileSync(result.model).length);
    expect(result.speed).toBeCloseTo(result.milliseconds.before / result.milliseconds.after);
    const file = readModel(readFileSync(result.model));
    const operators = new Set(file.graph.nodes.map(({ op, domain }) => `${domain}${op}`));
    expect(operators).toEqual(new Set(['QuantizeLinear', 'DequantizeLinear', 'Conv', 'Relu', 'Resize', 'Identity']));
    expect(readDescription(file.metadata, '')).toMatchObject({
      mean: [140, 128, 110],
      std: [62, 60, 58],
      channelOrder: 'bgr',
    });
    // The engine alone runs it.
    const session = await createSession(result.model, { threads: 1 });
    const image = float32([1, 3, height, width], new Float32Array(3 * height * width));
    const { scores } = await session.run({ image }).finally(() => session.release());
    expect(scores.shape).toEqual([1, 4, height, width]);
    // The same options or none: the same network.
    const [plain, told] = await Promise.all([
      loadModel(result.model),
      loadModel(result.model, { mean: [110, 128, 140], std: [58, 60, 62], channelOrder: 'bgr' }),
    ]);
    expect(plain.description.preprocessing).toEqual(told.description.preprocessing);
    expect(plain.sessionCut).toBeDefined();
  });

  it('of labels is judged by labels', async () => {
    const labels = writeNetwork('labels.onnx', (scores) => cast(argMax(scores, 1, false), 'int64'));
    const result = await run('labels.integers.onnx', { model: labels });
    expect(result.signalToNoise).toBeNull();
    expect(result.agreement).toBeGreaterThan(0.9);
  });

  it('takes a network of float16 throughout that enlarges its scores at the end', async () => {
    const half = writeNetwork('half.onnx', (scores) => scores, undefined, 'float16');
    const [result, other] = [await run('of half.onnx', { model: half }), await run('of float.onnx')];
    expect(Math.abs((result.signalToNoise ?? 0) - (other.signalToNoise ?? 0))).toBeLessThan(2);
    expect(result.agreement).toBeCloseTo(other.agreement, 1);
  });

  it('lets weights settle on their integers, and keeps them only where that helps', async () => {
    const plain = await run('plain.onnx', { budget: 0.5 });
    const steps: number[] = [];
    const onProgress: QuantizeOptions['onProgress'] = ({ stage, done }) => void (stage === 'steps' && steps.push(done));
    const tuned = await run('tuned.onnx', { budget: 0.5, tune: 25, onProgress });
    expect(steps).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    if (tuned.tuned) expect(tuned.agreement).toBeGreaterThan(plain.agreement);
    else expect(readFileSync(tuned.model)).toEqual(readFileSync(plain.model));
    const labels = writeNetwork('labels2.onnx', (scores) => cast(argMax(scores, 1, false), 'int64'));
    await expect(run('x.onnx', { model: labels, tune: 5 })).rejects.toThrow('labels');
  });

  it('gives the same bytes again', async () => {
    const [a, b] = [await run('a.onnx'), await run('b.onnx')];
    expect(readFileSync(a.model)).toEqual(readFileSync(b.model));
  });

  it('leaves the dearest operators float for the budget, and writes nothing where that cannot be held', async () => {
    const all = await run('all.onnx', { budget: 0.5 });
    const budget = Math.min(1, all.agreement + 1e-6);
    const some = await run('some.onnx', { budget });
    expect(some.agreement).toBeGreaterThanOrEqual(budget);
    expect(some.left.length).toBeGreaterThan(0);
    expect(some.left).toEqual(some.ranking.slice(0, some.left.length).map(({ name }) => name));
    const decibels = some.ranking.map(({ signalToNoise }) => signalToNoise);
    expect(decibels).toEqual(decibels.toSorted((a, b) => a - b));
    await expect(run('none.onnx', { budget: 1 })).rejects.toThrow('nothing was written');
    expect(existsSync(join(folder, 'none.onnx'))).toBe(false);
  });

  it('measures flicker of both along the flow, and of one frame none', async () => {
    const { steadiness: measured } = await run('flicker.onnx');
    expect(measured?.pairs).toBe(5);
    expect(measured?.flow).toContain('dis');
    // What `evaluate steadiness` and `evaluate tc` find of the same frames.
    const flow = await openFlowSource('dis', { cache: false });
    const classSet = (await loadModel(model)).classes;
    try {
      for (const [name, figures] of [
        ['flicker.onnx', measured?.after],
        ['network.onnx', measured?.before],
      ] as const) {
        const network = await loadModel(join(folder, name), {
          mean: [110, 128, 140],
          std: [58, 60, 62],
          channelOrder: 'bgr',
        });
        const { result } = await evaluateSteadiness({ frames, pred: network, flow, classSet });
        expect(1 - (figures?.flicker ?? Number.NaN)).toBeCloseTo(result.steady ?? Number.NaN, 9);
        expect(figures?.kappa).toBeCloseTo(result.kappa ?? Number.NaN, 9);
        expect(figures?.tc).toBeGreaterThan(0);
        expect(figures?.tc).toBeLessThanOrEqual(1);
      }
    } finally {
      await flow.close();
    }
    const one = join(folder, 'one');
    await writeFrames(one, 1, (x) => x);
    expect((await run('one.onnx', { calibrate: one })).steadiness).toBeNull();
  });

  it('is judged by labels where there are some, and keeps a budget of mIoU', async () => {
    // Labels of two frames: what the float network says, but the left third is another class.
    const float = await loadModel(model, { mean: [110, 128, 140], std: [58, 60, 62], channelOrder: 'bgr' });
    const labels = join(folder, 'labels');
    mkdirSync(labels);
    for (const stem of ['001', '004']) {
      const { data } = (await float.segment(await readPicture(join(frames, `${stem}.png`)))).labels;
      const changed = Uint8Array.from(data, (id, i) => (i % width < width / 3 ? (id + 1) % 4 : id));
      await writeLabelMap(join(labels, `${stem}.png`), { width, height, data: changed });
    }
    const { mIoU, frames: counts } = await run('labelled.onnx', { labels: { path: labels } });
    expect(counts).toEqual({ calibrated: 4, judged: 2 });
    expect(mIoU?.before).toBeGreaterThan(0.2);
    expect(mIoU?.before).toBeLessThan(0.8);
    expect(Math.abs((mIoU?.before ?? 0) - (mIoU?.after ?? 1))).toBeLessThan(0.1);
    expect((await run('a.onnx')).mIoU).toBeNull();
    const held = await run('held.onnx', { labels: { path: labels }, budget: undefined, mIoUBudget: 0.2 });
    expect((held.mIoU?.before ?? 1) - (held.mIoU?.after ?? 0)).toBeLessThanOrEqual(0.2);
    expect(held.left).toEqual([]);
    await expect(run('x.onnx', { mIoUBudget: 0.1 })).rejects.toThrow('expected labels with a budget of mIoU');
    const both = run('x.onnx', { labels: { path: labels }, mIoUBudget: 0.1, budget: 0.5 });
    await expect(both).rejects.toThrow('either budget, not both');
    await expect(run('x.onnx', { labels: { path: frames } })).rejects.toThrow(frames);
    // One frame is held back, the later of the two, of which nobody says anything.
    await writeLabelMap(join(labels, '004.png'), { width, height, data: new Uint8Array(width * height).fill(255) });
    await expect(run('x.onnx', { labels: { path: labels }, frames: 2 })).rejects.toThrow(
      'labelled pixels on the frames',
    );
  });

  it('works on one frame and on frames of one colour, and says that they are few', async () => {
    const grey = join(folder, 'grey');
    await writeFrames(grey, 1, () => 128);
    const notes: string[] = [];
    const result = await run('grey.onnx', { calibrate: grey, onNote: (note) => void notes.push(note) });
    expect(result.frames).toEqual({ calibrated: 1, judged: 1 });
    expect(notes.join()).toContain('too few frames');
  });

  it('refuses what it cannot do, in words', async () => {
    const empty = join(folder, 'empty');
    await expect(run('x.onnx', { calibrate: empty })).rejects.toThrow('no such file');
    const { model: integers } = await run('once.onnx');
    await expect(run('twice.onnx', { model: integers })).rejects.toThrow('quantised already');
    const nan = writeNetwork('nan.onnx', undefined, Number.NaN);
    await expect(run('x.onnx', { model: nan })).rejects.toThrow(/NaN|finite/);
    const none = join(folder, 'none-network.onnx');
    const graph = createGraph('none');
    const image = input(graph, 'image', 'float32', [1, 3, height, width]);
    writeFileSync(none, writeModel(exportModel(graph, { scores: softmax(mul(image, 2), 1) })));
    await expect(run('x.onnx', { model: none })).rejects.toThrow('found none');
    await expect(run('x.onnx', { budget: 1.5 })).rejects.toThrow('budget above 0');
    await expect(quantize({ model, calibrate: frames, out: model })).rejects.toThrow('would replace');
    expect(existsSync(join(folder, 'x.onnx'))).toBe(false);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const before = readdirSync(folder);
    const interruption = new AbortController();
    const onProgress: QuantizeOptions['onProgress'] = ({ stage }) => {
      if (stage === 'ranges') interruption.abort();
    };
    await expect(run('cut.onnx', { signal: interruption.signal, onProgress })).rejects.toThrow('interrupted');
    expect(readdirSync(folder)).toEqual(before);
  });
});

describe('the choice of operators', () => {
  it('leaves out as few as hold the budget, the dearest first', async () => {
    const costs = new Map([...'abcdefgh'].map((name, i) => [name, (7 - i) * 0.01]));
    const kept = async (left: ReadonlySet<string>) =>
      1 - [...costs].reduce((sum, [name, cost]) => sum + (left.has(name) ? 0 : cost), 0);
    const common = { operators: [...costs.keys()], kept, noise: async (name: string) => costs.get(name) ?? 0 };
    const choice = await chooseLeft({ ...common, budget: 0.9 });
    expect([...(choice?.left ?? [])]).toEqual(['a', 'b', 'c']);
    expect(choice?.ranking[1]).toEqual({ name: 'b', signalToNoise: -10 * Math.log10(0.06) });
    expect((await chooseLeft({ ...common, budget: 0.7 }))?.left.size).toBe(0);
    expect(await chooseLeft({ ...common, budget: 1.1 })).toBeUndefined();
  });

  it('spreads frames evenly', () => {
    expect(placesOf(3, 9)).toEqual([1, 4, 7]);
    expect(placesOf(4, 4)).toEqual([0, 1, 2, 3]);
  });
});
