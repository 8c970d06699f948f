// Smoothed prediction: the consensus of frames as labels, marked as such, and refused where a consensus has no place.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { predictSmoothed, type SmoothOptions } from '#src/adapt/smooth.js';
import { writeFlo } from '#src/media/flo.js';
import { readLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { conv } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { loadModel } from '#src/segment/loadModel.js';
import { float32 } from '#src/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-smooth-'));
const at = (name: string) => join(folder, name);
const [height, width] = [16, 24];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Frames by what every pixel says: red is class 1, of a probability that grows with it, blue is class 0. */
const said = [200, 200, 60, 200, 200];
/** Seen alone or with one on either side the middle is class 1, with two it is outvoted. */
const flash = [60, 60, 250, 60, 60];

beforeAll(async () => {
  const graph = createGraph('red');
  const image = input(graph, 'image', 'float32', [1, 3, height, width]);
  const weight = constant(graph, float32([2, 3, 1, 1], [0, 0, 0, 0.02, 0, 0]), 'weight');
  const bias = constant(graph, float32([2], [0, -2]), 'bias');
  writeFileSync(at('red.onnx'), writeModel(exportModel(graph, { scores: conv(image, weight, bias) })));
  const one = createGraph('one');
  const seen = input(one, 'image', 'float32', [1, 3, height, width]);
  const map = conv(seen, constant(one, float32([1, 3, 1, 1], [0.02, 0, 0]), 'weight'), undefined);
  writeFileSync(at('one.onnx'), writeModel(exportModel(one, { map })));
  await writeFrames('frames', 'flow', said, 1);
  await writeFrames('flashes', 'flow', flash, 1);
  await writeFrames('large frames', 'large flow', said, 2);
});

/** Still frames of one colour each, some times as large as the network's input, and their flow. */
async function writeFrames(frames: string, flow: string, reds: readonly number[], times: number): Promise<void> {
  const size = { height: times * height, width: times * width };
  const pixels = size.height * size.width;
  for (const [t, red] of reds.entries()) {
    const data = Uint8Array.from({ length: 3 * pixels }, (_, i) => (i % 3 === 0 ? red : 0));
    await writePicture(join(at(frames), `${t}.png`), { ...size, data });
    if (t === reds.length - 1) continue;
    const still = { ...size, data: new Float32Array(2 * pixels) };
    await writeFlo(join(at(flow), `${t}.flo`), still);
    await writeFlo(join(at(flow), 'backward', `${t}.flo`), still);
  }
}

async function smoothed(name: string, options: Partial<SmoothOptions> = {}, frames = 'frames') {
  const model = await loadModel(at('red.onnx'), { mean: [0, 0, 0], std: [1, 1, 1], scale: 1, threads: 1 });
  const out = at(name);
  const summary = await predictSmoothed(at(frames), model, out, { reach: 1, flow: at('flow'), ...options }).finally(
    () => model.release(),
  );
  const labels: number[] = [];
  for (const t of said.keys()) {
    const { data } = await readLabelMap(join(out, 'labels', `${t}.png`));
    expect(new Set(data).size).toBe(1);
    labels.push(data[0]);
  }
  return { summary, labels };
}

it('gives each pixel the class of the mean over the frames around, and says that it is not per frame', async () => {
  // Alone the third frame is class 0; with a neighbour on either side it is outvoted.
  const { summary, labels } = await smoothed('one');
  expect(labels).toEqual([1, 1, 1, 1, 1]);
  expect(summary).toMatchObject({
    frames: 5,
    complete: true,
    notPerFrame: expect.stringMatching(/^consensus with 1 frame on either side along /),
  });
  expect(JSON.parse(readFileSync(join(at('one'), 'predict.json'), 'utf8')).notPerFrame).toBe(summary.notPerFrame);
  expect(existsSync(`${at('one')}.smooth`)).toBe(false);
});

it('enlarges the consensus to frames larger than the input of the network', async () => {
  const { labels } = await smoothed('large', { flow: at('large flow') }, 'large frames');
  expect(labels).toEqual([1, 1, 1, 1, 1]);
  const { width: across } = await readLabelMap(join(at('large'), 'labels', '0.png'));
  expect(across).toBe(2 * width);
});

it('sees as many frames on either side as it is told to', async () => {
  expect((await smoothed('reach 1', { reach: 1 }, 'flashes')).labels).toEqual([0, 1, 1, 1, 0]);
  const { summary, labels } = await smoothed('reach 2', { reach: 2 }, 'flashes');
  expect(labels).toEqual([1, 0, 0, 0, 1]);
  expect(summary.notPerFrame).toMatch(/^consensus with 2 frames on either side along /);
});

it('ends between frames when it is asked to, and leaves nothing', async () => {
  const asked = new AbortController();
  const options = { signal: asked.signal, onStage: (stage: string) => void (stage === 'consensus' && asked.abort()) };
  await expect(smoothed('ended', options)).rejects.toThrow('interrupted before the first result; nothing was written');
  expect([existsSync(at('ended')), existsSync(`${at('ended')}.smooth`)]).toEqual([false, false]);
});

it('refuses a network whose one map is above a threshold or not', async () => {
  const model = await loadModel(at('one.onnx'), { mean: [0, 0, 0], std: [1, 1, 1], scale: 1, scores: 'logits' });
  const refused = predictSmoothed(at('frames'), model, at('refused'), { reach: 1 }).finally(() => model.release());
  await expect(refused).rejects.toThrow('expected classes that exclude each other to smooth');
  expect(existsSync(at('refused'))).toBe(false);
});

it.each([
  [{ reach: 0 }, 'smooth: expected 1 to 16 frames on either side, found 0'],
  [{ reach: 17 }, 'smooth: expected 1 to 16 frames on either side, found 17'],
  [{ flip: true }, 'expected no flip, found it'],
  [{ every: 2 }, 'expected no every, found it'],
  [{ resume: true }, 'expected no resume, found it'],
  [{ save: ['labels', 'confidence'] }, 'expected no confidence, found it'],
] as const)('refuses %j', async (options, message) => {
  await expect(smoothed('refused', options)).rejects.toThrow(message);
  expect(existsSync(at('refused'))).toBe(false);
  expect(existsSync(`${at('refused')}.smooth`)).toBe(false);
});
