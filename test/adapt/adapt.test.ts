// Adaptation end to end on a tiny clip: steadier where that is possible, honest where not, exact across interrupts.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdaptResult, adapt, planAdaptation } from '#src/adapt/adapt.js';
import { adaptable } from '#src/adapt/adaptable.js';
import { between, bySize } from '#src/adapt/between.js';
import { bestAlpha, type CurvePoint, refusals, splitPairs } from '#src/adapt/choice.js';
import { countClasses, withShares } from '#src/adapt/classShares.js';
import { prepareClip, renewTargets } from '#src/adapt/clip.js';
import { closeClipFiles, type PreparedClip } from '#src/adapt/clipFiles.js';
import { type AdaptStage, stepsWithin, timeToTrain } from '#src/adapt/estimate.js';
import { judge } from '#src/adapt/judge.js';
import type { AdaptOptions } from '#src/adapt/openAdaptation.js';
import { openPredictor } from '#src/adapt/predictor.js';
import { usualSteps } from '#src/adapt/rounds.js';
import { method, trainOnClip } from '#src/adapt/training.js';
import { lockFolder } from '#src/base/lock.js';
import { openFlowSource } from '#src/flow/open.js';
import { writeFlo } from '#src/media/flo.js';
import { openFrames } from '#src/media/frames.js';
import type { RgbImage } from '#src/media/image.js';
import { writeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import type { Model } from '#src/onnx/model.js';
import { softmax } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createRandom } from '#src/tensor/random.js';
import { onnxStudent } from '#src/train/openStudent.js';
import { readSafetensors } from '#src/weights/safetensors.js';
import { foreignVideo } from '../media/made.js';
import { adaptableModel } from '../segment/tinyNetwork.js';
import { writeTexturedClip } from './texturedClip.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-adapt-'));
const [frames, clean] = [join(folder, 'frames'), join(folder, 'clean')];
const model = join(folder, 'model.onnx');
const [height, width] = [48, 64];

beforeAll(async () => {
  await writeTexturedClip(frames, { height, width, noise: 90 });
  await writeTexturedClip(clean, { height, width, noise: 0 });
  writeFileSync(model, writeModel(adaptableModel({ height, width, metadata: new Map([['kept', 'as it is']]) })));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (name: string, options: Partial<AdaptOptions> = {}) =>
  adapt({ inputs: [frames], model, out: join(folder, name), steps: 30, threads: 1, ...options });

/** Of either round. */
const isStep = (stage: AdaptStage) => stage === 'steps' || stage === 'refinement';

describe('adapting to a clip', { timeout: 120_000 }, () => {
  it('makes a network that flickers on noise steadier, and changes nothing but weights', async () => {
    const result = await run('steady.onnx');
    expect([result.adapted, result.classWeights]).toEqual([true, 'balanced']);
    expect(result.after.steady).toBeGreaterThan(result.before.steady + 0.005);
    expect(result.after.kappa).toBeGreaterThan(result.before.kappa);
    // So few frames are little video.
    expect(result.reach).toBe(0.4);
    expect(result.curve.map(({ alpha }) => alpha)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect([result.frames, result.pairs, result.cuts]).toEqual([8, 7, []]);
    const [before, after] = [readModel(readFileSync(model)), readModel(readFileSync(result.model))];
    const rest = ({ graph, ...all }: Model) => ({
      ...all,
      graph: { ...graph, initializers: [...graph.initializers.keys()] },
    });
    expect(rest(after)).toEqual(rest(before));
    expect(after.graph.initializers.get('b.weight')?.data).not.toEqual(before.graph.initializers.get('b.weight')?.data);
    expect(existsSync(`${result.model}.adapt`)).toBe(false);
  });

  it.each([
    ['little video', 8, {}, true],
    ['much video', 90, {}, false],
    ['much video, for use elsewhere', 90, { aim: 'general' }, true],
    ['little video with labels', 8, { labels: true }, true],
  ] as const)('keeps, or not, to the shares of the classes on %s', async (name, count, given, keeps) => {
    const { labels: labelled, ...aim } = { labels: false, ...given };
    const input = join(folder, name);
    await writeTexturedClip(input, { height, width, noise: 90, count });
    const student = adaptable(await onnxStudent(model, {}), { general: 'aim' in aim });
    const [size, threads] = [{ height, width }, 1];
    const views = await openPredictor(student, student.weights, size, { gives: 'views', threads });
    const labels = await openPredictor(student, student.weights, size, { gives: 'labels', threads });
    const flow = await openFlowSource('dis', { threads, cache: false });
    const clip = await prepareClip({
      ...{
        sources: [await openFrames(input)],
        classes: student.classes.count,
        flow,
        predictor: views,
        threads,
        ...size,
      },
      ...{ folder: join(folder, `frames of ${name}`), temperature: method.temperature },
    });
    // One pixel as the network has it: mIoU does not fall.
    const truth = (await labels.run(await clip.files.frames.read(0))).map((label, i) => (i === 0 ? label : 255));
    const judging = { path: join(folder, `labels of ${name}`) };
    await writeLabelMap(join(judging.path, '000.png'), { height, width, data: truth });
    const chosen = { inputs: [input], steps: 5, ...aim, ...(labelled && { labels: judging }) };
    const notes: string[] = [];
    const result = await run(`${name}.onnx`, { ...chosen, onNote: (note) => notes.push(note) });
    const { alpha, curve, reach, model: adapted } = result;
    expect([result.keepsShares, notes.some((note) => note.includes('keeps the share'))]).toEqual([keeps, keeps]);
    expect(alpha).toBeGreaterThan(0);
    const counts = await countClasses(clip, labels);
    const withTargets = async (of: PreparedClip) => (keeps ? await withShares(of, counts) : of);
    const [begun, { training, held }] = [await withTargets(clip), splitPairs(clip.pairs)];
    const options = { threads, onStep: () => {} };
    const first = await trainOnClip(begun, student, training, {
      ...{ ...options, from: student.weights, steps: 3, seed: 1 },
    });
    const learnt = await openPredictor(student, first.weights, size, { gives: 'views', threads });
    const renewed = await renewTargets(clip, learnt, { temperature: method.temperature, threads });
    const { weights } = await trainOnClip(await withTargets(renewed), student, training, {
      ...{ ...options, from: first.weights, steps: 2, seed: 2 },
    });
    const frames = [...new Set(held.flatMap((t) => [t, t + 1]))];
    expect(curve[0].consensus).toBe((await judge(begun, labels, frames, { pairs: held })).consensus);
    for (const { close } of [views, labels, learnt, flow]) await close();
    await closeClipFiles(clip.files);
    const found = readModel(readFileSync(adapted)).graph.initializers;
    const furthest = ('aim' in aim ? bySize : between)(student.weights, weights, reach);
    for (const [weight, { data }] of between(student.weights, furthest, alpha)) {
      expect(found.get(weight)?.data).toEqual(data);
    }
  });

  it('ends in the same bytes when it was interrupted and resumed, and not with other options', async () => {
    const whole = readFileSync((await run('whole.onnx')).model);
    const interruption = new AbortController();
    const onProgress: AdaptOptions['onProgress'] = ({ stage, done }) => {
      if (stage === 'steps' && done === 11) interruption.abort();
    };
    await expect(run('cut.onnx', { signal: interruption.signal, onProgress })).rejects.toThrow('ended at step 1');
    expect(existsSync(join(folder, 'cut.onnx'))).toBe(false);
    await expect(run('cut.onnx')).rejects.toThrow('unfinished adaptation; go on with --resume');
    await expect(run('cut.onnx', { resume: true, seed: 5 })).rejects.toThrow('begun with other inputs or options');
    // Another frame of the same name is another clip.
    const frame = join(frames, '003.png');
    const content = readFileSync(frame);
    await writePicture(frame, { width, height, data: new Uint8Array(3 * width * height) });
    await expect(run('cut.onnx', { resume: true })).rejects.toThrow('begun with other inputs or options');
    writeFileSync(frame, content);
    // One that works on it keeps it, whatever comes of the others.
    const lock = await lockFolder(join(folder, 'cut.onnx.adapt', '.lock'), 'adapting to this file');
    await expect(run('cut.onnx', { resume: true })).rejects.toThrow('is adapting to this file');
    await lock.release();
    const resumed = await run('cut.onnx', { resume: true });
    expect(readFileSync(resumed.model).equals(whole)).toBe(true);
  });

  it('reads and looks at no frame again that it had before it was interrupted, in either round', async () => {
    const whole = readFileSync((await run('at-once.onnx')).model);
    for (const [ending, again] of [
      ['steps', ['steps', 'renewal', 'refinement', 'choice', 'judgement']],
      ['refinement', ['steps', 'refinement', 'choice', 'judgement']],
    ] as const) {
      const [name, interruption] = [`in-${ending}.onnx`, new AbortController()];
      const interrupt: AdaptOptions['onProgress'] = ({ stage, done }) => {
        if (stage === ending && done === 5) interruption.abort();
      };
      await expect(run(name, { signal: interruption.signal, onProgress: interrupt })).rejects.toThrow('at step 5');
      const stages = new Set<string>();
      const resumed = await run(name, { resume: true, onProgress: ({ stage }) => void stages.add(stage) });
      expect([...stages]).toEqual(again);
      expect(readFileSync(resumed.model).equals(whole)).toBe(true);
    }
  });

  it('says so when the network is steady already: a still, or a network that always says the same', async () => {
    const still = join(folder, 'still');
    for (const t of [0, 1, 2]) {
      await writePicture(join(still, `${t}.png`), { width, height, data: new Uint8Array(3 * width * height).fill(90) });
    }
    const notes: string[] = [];
    const result = await run('still.onnx', { inputs: [still], steps: 5, onNote: (note) => notes.push(note) });
    // What is no steadier is not worth another training.
    expect(notes.filter((note) => note.includes('trains once more'))).toEqual([]);
    expect([result.adapted, result.alpha]).toEqual([false, 0]);
    expect(readFileSync(result.model).equals(readFileSync(model))).toBe(true);
  });

  it('finds cuts, and never pairs across them', async () => {
    const cut = join(folder, 'cut');
    await writeTexturedClip(cut, { height, width, noise: 0, count: 4 });
    const random = createRandom(3);
    for (const t of [4, 5]) {
      const noise = Uint8Array.from({ length: 3 * width * height }, () => random.integer(256));
      await writePicture(join(cut, `00${t}.png`), { width, height, data: noise });
    }
    const result = await run('cuts.onnx', { inputs: [cut], steps: 2 });
    expect(result.cuts).toContain(3);
    expect(result.pairs).toBeLessThanOrEqual(4);
  });

  it('judges by a few labels where there are some: mIoU before and after, and by them how far it goes', async () => {
    const labels = join(folder, 'labels');
    // What the network says of the frames without their noise, of twice the size, is right here but in one corner.
    const truth = new Map<number, Uint8Array>();
    const first: Uint8Array[] = [];
    await run('clean.onnx', {
      inputs: [clean],
      steps: 1,
      onJudged: (which, frame) => void (which === 'before' && first.push(frame.labels.data)),
    });
    for (const t of [2, 5]) {
      const data = Uint8Array.from({ length: 4 * height * width }, (_, i) => {
        const [x, y] = [i % (2 * width), Math.floor(i / (2 * width))];
        return x < 4 && y < 4 ? 255 : first[t][(y >> 1) * width + (x >> 1)];
      });
      truth.set(t, data);
      await writeLabelMap(join(labels, `00${t}.png`), { width: 2 * width, height: 2 * height, data });
    }
    await writeLabelMap(join(labels, '077.png'), { width, height, data: new Uint8Array(width * height) });
    const notes: string[] = [];
    const said: Record<string, Uint8Array[]> = { before: [], after: [] };
    const result = await run('judged.onnx', {
      labels: { path: labels },
      onNote: (note) => notes.push(note),
      onJudged: (which, frame) => void said[which].push(frame.labels.data),
    });
    expect(notes).toContain('2 labelled frames judge how far the weights go; 1 labels belong to no frame');
    const mIoU = (frames: readonly Uint8Array[]) => {
      const [both, either] = [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ];
      for (const [t, data] of truth) {
        data.forEach((label, i) => {
          if (label === 255) return;
          const found = frames[t][(Math.floor(i / (2 * width)) >> 1) * width + ((i % (2 * width)) >> 1)];
          if (found === label) both[label]++;
          either[label]++;
          if (found !== label) either[found]++;
        });
      }
      const shares = either.flatMap((all, c) => (all > 0 ? [both[c] / all] : []));
      return shares.reduce((sum, share) => sum + share, 0) / shares.length;
    };
    expect(result.before.mIoU).toBeCloseTo(mIoU(said.before), 9);
    expect(result.after.mIoU).toBeCloseTo(mIoU(said.after), 9);
    expect(result.after.mIoU).toBeGreaterThanOrEqual(Number(result.before.mIoU));
    expect(result.curve.every((point) => point.mIoU !== undefined)).toBe(true);
    // Labels tell what little video does not.
    expect(result.curve.map(({ alpha }) => alpha)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(result.after.tc).toBeGreaterThan(result.before.tc);

    const refused = (name: string, path: string) => expect(run(name, { labels: { path } })).rejects;
    await refused('refused.onnx', join(folder, 'nowhere')).toThrow(/nowhere/);
    const others = join(folder, 'other labels');
    await writeLabelMap(join(others, '900.png'), { width, height, data: new Uint8Array(width * height) });
    await refused('refused.onnx', others).toThrow('expected labels named like frames, such as 000, found 900');
    await writeLabelMap(join(others, '001.png'), { width, height, data: new Uint8Array(width * height).fill(255) });
    await refused('refused.onnx', others).toThrow('expected labelled pixels, found none');
    await writeLabelMap(join(others, '001.png'), { width, height, data: new Uint8Array(width * height).fill(4) });
    await refused('refused.onnx', others).toThrow(/001\.png: expected train ids 0 to 3/);
    await expect(run('refused.onnx', { inputs: [frames, clean], labels: { path: labels } })).rejects.toThrow(
      'expected one frame of this name, found two: give one clip at a time',
    );
    expect(existsSync(join(folder, 'refused.onnx'))).toBe(false);
  });

  it('trains once more with all classes alike where the first training ends in nothing safe, resumes that, too, and says so', async () => {
    // By these labels only what it says already is right.
    const labels = { path: join(folder, 'as before') };
    const said: Uint8Array[] = [];
    const listen: AdaptOptions['onJudged'] = (which, { labels: { data } }) =>
      void (which === 'before' && said.push(data));
    await run('listened.onnx', { steps: 1, onJudged: listen });
    for (const t of [2, 5]) await writeLabelMap(join(labels.path, `00${t}.png`), { width, height, data: said[t] });

    const trained = async (name: string, options: Partial<AdaptOptions>) => {
      const [notes, steps] = [[] as string[], [] as number[]];
      const result = await run(name, {
        ...{ labels, steps: 25, onNote: (note) => notes.push(note) },
        onProgress: ({ stage, done }) => void (isStep(stage) && steps.push(done)),
        ...options,
      });
      const [again, missed] = ['trains once more', 'a second may help'].map(
        (words) => notes.filter((note) => note.includes(words)).length,
      );
      return { result, again, missed, steps: steps.length };
    };
    const whole = await trained('as-before.onnx', {});
    expect([whole.again, whole.missed, whole.steps]).toEqual([1, 0, 50]);
    expect([whole.result.adapted, whole.result.classWeights]).toEqual([false, 'balanced']);
    expect(whole.result.curve.slice(1).every(({ mIoU = 1 }) => mIoU < 1)).toBe(true);
    // A time was planned for one training.
    expect(await trained('in-time.onnx', { minutes: 10 })).toMatchObject({
      ...{ again: 0, missed: 1, steps: 25 },
    });

    const interruption = new AbortController();
    let done = 0;
    const onProgress: AdaptOptions['onProgress'] = ({ stage }) => {
      // In the second round of the second training.
      if (isStep(stage) && ++done === 43 + 26 + 5) interruption.abort();
    };
    const begun = { labels, steps: 43 };
    await expect(run('second.onnx', { ...begun, signal: interruption.signal, onProgress })).rejects.toThrow(
      'ended at step 5 of 17',
    );
    const kept = ['last', 'last-even'].map((name) =>
      readFileSync(join(folder, 'second.onnx.adapt', `${name}.safetensors`)),
    );
    expect(kept[0].equals(kept[1])).toBe(false);
    // Five updates alone are not as far from the original: the second round goes on from where the first has led.
    const { tensors } = await readSafetensors(join(folder, 'second.onnx.adapt', 'last-even-second.safetensors'));
    const original = readModel(readFileSync(model)).graph.initializers.get('b.weight')?.data as Float32Array;
    const reached = tensors.get('parameter.b.weight')?.data as Float32Array;
    expect(Math.max(...original.map((value, i) => Math.abs(reached[i] - value)))).toBeGreaterThan(6 * 2e-4);
    let resumed = 0;
    const { curve } = await run('second.onnx', {
      ...begun,
      resume: true,
      onProgress: ({ stage }) => void (isStep(stage) && resumed++),
    });
    // What was not kept of the first training, and of the second.
    expect(resumed).toBe(1 + 17 + 1 + 12);
    // The first training's second round has its own targets, not those that the second one left.
    const neverCut = await run('never-cut.onnx', begun);
    expect(curve).toEqual(neverCut.curve);
    // Nor a mixture of both.
    const within = new AbortController();
    let renewed = 0;
    const onRenewed: AdaptOptions['onProgress'] = ({ stage, total = 0 }) => {
      if (stage === 'renewal' && ++renewed === 2 * total - 2) within.abort();
    };
    await expect(run('mixed.onnx', { ...begun, signal: within.signal, onProgress: onRenewed })).rejects.toThrow(
      'go on with --resume',
    );
    expect((await run('mixed.onnx', { ...begun, resume: true })).curve).toEqual(neverCut.curve);
  });

  it('learns in the second round from the targets that were renewed for it', async () => {
    const weightsOf = ({ model: path }: AdaptResult) =>
      readModel(readFileSync(path)).graph.initializers.get('b.weight')?.data;
    const whole = weightsOf(await run('renewed.onnx', { steps: 15 }));
    const onProgress: AdaptOptions['onProgress'] = ({ stage, done, total }) => {
      if (stage !== 'renewal' || done !== total) return;
      const path = join(folder, 'changed.onnx.adapt', 'clip', 'renewed.bin');
      writeFileSync(path, new Uint8Array(readFileSync(path).length).fill(64));
    };
    expect(weightsOf(await run('changed.onnx', { steps: 15, onProgress }))).not.toEqual(whole);
  });

  it('ends the training where steps take longer than was measured, for the minutes to do', async () => {
    const notes: string[] = [];
    let planned = 0;
    const { steps } = await run('late.onnx', {
      ...{ minutes: 0.1, steps: 100_000, onNote: (note) => notes.push(note) },
      onEstimate: (estimate) => {
        planned = estimate.steps;
      },
      onProgress: ({ stage }) => {
        if (isStep(stage)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      },
    });
    expect(steps).toBeLessThan(planned);
    expect(notes.join()).toContain(`the training was ended after ${steps} of ${planned} steps`);
  });

  it('for general use changes weights less, and is held to what it said of what it must keep', async () => {
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const inputs = [join(folder, 'long')];
    await writeTexturedClip(inputs[0], { height, width, noise: 90, count: 90 });
    const [video, general] = [
      await run('video.onnx', { inputs }),
      await run('general.onnx', { inputs, aim: 'general', onNote }),
    ];
    expect(notes.join()).toContain('at most 34 % of the way is taken; more where');
    expect([video.reach, general.reach]).toEqual([1, 0.34]);
    notes.length = 0;
    const chosen = { inputs, aim: 'general' as const, steps: 5, keep: [frames] };
    const both = await run('both.onnx', { ...chosen, onNote });
    expect(notes.join()).toContain('at most 47 % of the way is taken');
    expect(notes.join()).not.toContain('more where');
    expect([both.keepsShares, both.reach]).toEqual([true, 0.47]);
    // Weights of 0 stay, but where other video holds them.
    const { graph, ...rest } = readModel(readFileSync(model));
    const kernel = graph.initializers.get('b.weight');
    (kernel?.data as Float32Array)[0] = 0;
    const zeroed = join(folder, 'zeroed.onnx');
    writeFileSync(zeroed, writeModel({ graph, ...rest }));
    const firstOf = async (options: Partial<AdaptOptions>) => {
      const { model: adapted, alpha } = await run('of zeroed.onnx', { ...chosen, ...options, model: zeroed });
      expect(alpha).toBeGreaterThan(0);
      return readModel(readFileSync(adapted)).graph.initializers.get('b.weight')?.data[0];
    };
    expect(await firstOf({ keep: [] })).toBe(0);
    expect(await firstOf({})).not.toBe(0);
    const kept = await run('kept.onnx', { inputs, keep: [frames] });
    expect([video.keeps, general.keeps]).toEqual([undefined, undefined]);
    expect(kept.keeps).toBeGreaterThan(0.9);
    expect(kept.keeps).toBeLessThan(1);
    const moved = (path: string) => {
      const [before, after] = [model, path].map((one) =>
        readModel(readFileSync(one)).graph.initializers.get('b.weight'),
      );
      return Math.hypot(...Array.from(before?.data as Float32Array, (value, i) => value - Number(after?.data[i])));
    };
    expect(moved(general.model)).toBeLessThan(moved(video.model));
    expect(moved(kept.model)).toBeLessThan(moved(video.model));
    expect(general.after.steady).toBeGreaterThanOrEqual(general.before.steady);
  });

  it('counts the frames of a video that does not say how many it has, and refuses a stream', async () => {
    const images: RgbImage[] = [];
    for await (const { image } of (await openFrames(frames)).frames())
      images.push({ ...image, data: image.data.slice() });
    const video = join(folder, 'bare.h264');
    await foreignVideo(video, 'h264', 'libx264', images);
    expect((await openFrames(video)).count).toBe(undefined);
    const planned = async (more: Partial<AdaptOptions>) =>
      (await planAdaptation({ inputs: [video], model, out: join(folder, 'bare.onnx'), threads: 1, ...more })).estimate;
    expect(await planned({})).toMatchObject({ frames: 8, steps: 150 });
    expect(await planned({ inputs: [video, frames], limit: 11 })).toMatchObject({ frames: 11 });
    expect(await planned({ inputs: [frames, video], limit: 11 })).toMatchObject({ frames: 11 });
    expect(await planned({ limit: 3 })).toMatchObject({ frames: 3 });
    await expect(planned({ keep: ['rtsp://camera/1'] })).rejects.toThrow(
      'rtsp://camera/1: expected frames that can be read again',
    );
  });

  it('tells where the result is understood in another way than the original', async () => {
    const hub = join(folder, 'hub');
    mkdirSync(hub);
    copyFileSync(model, join(hub, 'model.onnx'));
    const config = { do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
    writeFileSync(join(hub, 'preprocessor_config.json'), JSON.stringify(config));
    const notes: string[] = [];
    const given = { model: join(hub, 'model.onnx'), steps: 2, onNote: (note: string) => void notes.push(note) };
    const told = () => notes.splice(0).filter((note) => note.includes('does not say its'));
    await run(join('hub', 'steady.onnx'), given);
    expect(told()).toEqual([]);
    await run('apart.onnx', given);
    expect(told()).toEqual([expect.stringMatching(/apart\.onnx: it does not say its normalisation itself/)]);
  });

  it('says beforehand what it takes, keeps to a time, and takes flow from files of any size', async () => {
    const plan = await planAdaptation({ inputs: [frames], model, out: join(folder, 'planned.onnx'), threads: 1 });
    expect(plan.weights).toEqual({ tensors: 3, count: 6 * 27 + 6 + 4 * 54 });
    expect([plan.estimate.frames, plan.estimate.steps, plan.size]).toEqual([8, 150, { height, width }]);
    expect([8, 40, 101].map(usualSteps)).toEqual([150, 200, 500]);
    expect(plan.estimate.seconds).toBeGreaterThan(0);
    expect(existsSync(join(folder, 'planned.onnx.adapt'))).toBe(false);
    const costs = { frame: 1, consensus: 1, renewal: 0.5, judgement: 1, step: 2, unsettledStep: 2 };
    expect(stepsWithin(1, costs, 8, 300)).toBe(4);
    expect(stepsWithin(9, costs, 8, 100)).toBe(100);
    // Two steps are of one round.
    expect(stepsWithin(0.5, { ...costs, renewal: 5, judgement: 0 }, 8, 2)).toBe(2);
    // The first 75 steps take longer, and as many of the second round where the first has fewer.
    expect(stepsWithin(1, { ...costs, unsettledStep: 4 }, 8, 300)).toBe(2);
    expect(stepsWithin(10, { ...costs, unsettledStep: 4 }, 8, 300)).toBe(199);
    expect(stepsWithin(9, { ...costs, unsettledStep: 4 }, 8, 123)).toBe(122);
    const stages = { frames: 9, consensus: 9, steps: 9, renewal: 9, refinement: 9, choice: 5, judgement: 7 };
    expect(timeToTrain(2, { stages }, 10)).toBe(1000 * (120 - 10 - 5 - 7));
    expect(timeToTrain(0.1, { stages }, 10)).toBe(0);
    expect(timeToTrain(1e9, { stages }, 10)).toBe(2 ** 31 - 1);
    await expect(run('hurried.onnx', { minutes: 1e-6 })).rejects.toThrow(
      /at least 1 minutes for 8 frames, found .*: give more minutes, or fewer frames/,
    );

    // Flow of frames twice as large: one pixel to the left is two there.
    const flow = join(folder, 'flow');
    for (let t = 0; t < 7; t++) {
      for (const [place, u] of [
        ['', -2],
        ['backward', 2],
      ] as const) {
        const data = Float32Array.from({ length: 8 * width * height }, (_, i) => (i % 2 === 0 ? u : 0));
        await writeFlo(join(flow, place, `00${t}.flo`), { width: 2 * width, height: 2 * height, data });
      }
    }
    const result = await run('files.onnx', { flow, steps: 4 });
    expect(result.pairs).toBe(7);

    // Other flow at the same place is another adaptation.
    const [name, interruption] = ['files-cut.onnx', new AbortController()];
    const onProgress: AdaptOptions['onProgress'] = ({ stage }) => void (stage === 'steps' && interruption.abort());
    await expect(run(name, { flow, steps: 4, signal: interruption.signal, onProgress })).rejects.toThrow('at step 1');
    const file = join(flow, '003.flo');
    const content = readFileSync(file);
    writeFileSync(
      file,
      content.map((byte, i) => (i > content.length - 8 ? 0 : byte)),
    );
    await expect(run(name, { flow, steps: 4, resume: true })).rejects.toThrow('begun with other inputs or options');
    writeFileSync(file, content);
    // Nothing that was prepared is lost by an error of a resume.
    rmSync(join(folder, `${name}.adapt`, 'last.safetensors'));
    const fails = () => expect.unreachable('the disk is gone');
    await expect(run(name, { flow, steps: 4, resume: true, onEstimate: fails })).rejects.toThrow('the disk is gone');
    expect(existsSync(join(folder, `${name}.adapt`, 'prepared.json'))).toBe(true);
    const resumed = await run(name, { flow, steps: 4, resume: true });
    expect(readFileSync(resumed.model).equals(readFileSync(result.model))).toBe(true);
  });

  it('refuses what cannot be adapted, and writes nothing', async () => {
    const labels = join(folder, 'one.onnx');
    const graph = createGraph('no weights');
    const image = input(graph, 'image', 'float32', [1, 3, height, width]);
    writeFileSync(labels, writeModel(exportModel(graph, { scores: softmax(image, 1) })));
    await expect(run('none.onnx', { model: labels })).rejects.toThrow('expected float weights to adapt, found none');
    const one = join(folder, 'single');
    await writePicture(join(one, '0.png'), { width, height, data: new Uint8Array(3 * width * height) });
    await expect(run('single.onnx', { inputs: [one] })).rejects.toThrow('expected at least 2 frames, found 1');
    await expect(run('none.onnx', { inputs: [] })).rejects.toThrow('expected a video or frames');
    await expect(adapt({ inputs: [frames], model, out: model })).rejects.toThrow(
      'expected a file apart from what is read',
    );
    expect(existsSync(join(folder, 'none.onnx'))).toBe(false);
  });
});

describe('the choice', () => {
  const point = (alpha: number, steady: number, consensus: number, sharesApart: number): CurvePoint => ({
    ...{ alpha, steady, consensus, sharesApart, kappa: steady, agreement: 1, frames: 2, pairs: 1 },
    ...{ flicker: [], shares: [], tc: steady, regions: { seen: [], lost: [] } },
  });

  it('is the steadiest safe point, or the original', () => {
    const original = point(0, 0.9, 0.9, 0.02);
    expect(bestAlpha([original, point(0.5, 0.95, 0.91, 0.02), point(1, 0.97, 0.92, 0.02)])).toBe(1);
    expect(bestAlpha([original, point(0.5, 0.95, 0.91, 0.02), point(1, 0.97, 0.89, 0.02)])).toBe(0.5);
    expect(bestAlpha([original, point(0.5, 0.95, 0.91, 0.03), point(1, 0.89, 0.92, 0.01)])).toBe(0);
  });

  it('says why what would be steadier is refused', () => {
    const original = point(0, 0.9, 0.9, 0.02);
    const losing = { ...point(0.75, 0.92, 0.9, 0.02), regions: { seen: [10], lost: [2] } };
    expect(refusals([original, point(0.5, 0.89, 0.9, 0.02), point(1, 0.91, 0.2, 0.9)])).toEqual([
      'class shares move too far',
    ]);
    expect(refusals([original, losing, { ...losing, alpha: 1, sharesApart: 0.5 }])).toEqual([
      'too many regions are lost',
      'class shares move too far',
    ]);
    expect(refusals([original, point(0.5, 0.91, 0.8, 0.02)])).toEqual(['too many pixels leave the consensus']);
    expect(
      refusals([
        { ...original, mIoU: 0.5 },
        { ...point(1, 0.95, 0.9, 0.02), mIoU: 0.49 },
      ]),
    ).toEqual(['mIoU falls']);
    // Nothing is refused where nothing is steadier.
    expect(refusals([original, { ...point(0.5, 0.91, 0.2, 0.02), kappa: 0.9 }, point(1, 0.9, 0.2, 0)])).toEqual([]);
    expect(refusals([original, { ...point(0.5, 0.89, 0.2, 0.02), kappa: 0.95 }])).toEqual([]);
    expect(refusals([original, point(0.5, 0.95, 0.91, 0.02)])).toEqual([]);
    // Nor where a nearer point is taken: there is no need to train once more.
    expect(refusals([original, point(0.5, 0.95, 0.91, 0.02), point(1, 0.97, 0.2, 0.9)])).toEqual([]);
  });

  it('may leave the consensus by a tenth of what becomes steady', () => {
    const original = point(0, 0.95, 0.96, 0.002);
    expect(bestAlpha([original, point(0.25, 0.982, 0.957, 0.002)])).toBe(0.25);
    expect(bestAlpha([original, point(0.25, 0.982, 0.956, 0.002)])).toBe(0);
    expect(bestAlpha([original, point(0.25, 0.951, 0.9598, 0.002)])).toBe(0);
    // On the last part of the way, too.
    expect(bestAlpha([original, point(0.5, 0.97, 0.99, 0.002), point(1, 0.98, 0.985, 0.002)])).toBe(0.5);
    expect(bestAlpha([original, point(0.5, 0.97, 0.99, 0.002), point(1, 0.98, 0.9895, 0.002)])).toBe(1);
  });

  it('keeps the class shares within a hundredth of the consensus, or about as near as they were', () => {
    const [near, far] = [point(0, 0.95, 0.92, 0.002), point(0, 0.95, 0.92, 0.07)];
    expect(bestAlpha([near, point(0.5, 0.98, 0.94, 0.009), point(1, 0.99, 0.94, 0.011)])).toBe(0.5);
    expect(bestAlpha([far, point(0.5, 0.98, 0.94, 0.0729), point(1, 0.99, 0.94, 0.0741)])).toBe(0.5);
  });

  it('may lose three in twenty of the regions that it saw', () => {
    const losing = (alpha: number, steady: number, lost: number) => ({
      ...point(alpha, steady, 0.95, 0.002),
      regions: { seen: [10, 11], lost: [0, lost] },
    });
    const original = losing(0, 0.9, 1);
    expect(bestAlpha([original, losing(0.5, 0.95, 4), losing(1, 0.97, 5)])).toBe(0.5);
    expect(bestAlpha([original, losing(0.5, 0.95, 5), losing(1, 0.97, 5)])).toBe(0);
  });

  it('is, with labels, the steadiest whose mIoU does not fall, whatever the consensus says', () => {
    const labelled = (alpha: number, steady: number, mIoU: number) => ({
      ...point(alpha, steady, 0.9 - alpha, 0.5),
      mIoU,
    });
    const original = labelled(0, 0.9, 0.6);
    expect(bestAlpha([original, labelled(0.5, 0.95, 0.6), labelled(1, 0.97, 0.59)])).toBe(0.5);
    expect(bestAlpha([original, labelled(0.5, 0.95, 0.7), labelled(1, 0.97, 0.61)])).toBe(1);
    expect(bestAlpha([original, labelled(0.5, 0.95, 0.59), labelled(1, 0.89, 0.7)])).toBe(0);
    expect(bestAlpha([original, labelled(0.5, 0.95, Number.NaN)])).toBe(0);
  });

  it('is made on pairs whose frames no training pair has', () => {
    const pairs = Array.from({ length: 60 }, (_, t) => t);
    const { training, held } = splitPairs(pairs);
    expect(held).toHaveLength(6);
    const frames = new Set(held.flatMap((t) => [t, t + 1]));
    expect(training.some((t) => frames.has(t) || frames.has(t + 1))).toBe(false);
    expect(training.length).toBe(60 - 3 * 6);
    expect(splitPairs([0, 1, 2])).toEqual({ training: [0, 1, 2], held: [0, 1, 2] });
  });
});
