// The trainer end to end on a tiny toy city: the same weights bit for bit across interrupts, kills and resumes.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { InterruptedError, TerminatedError } from '#src/base/errors.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { writeToyCity } from '#src/toycity/write.js';
import { readConfig, type TrainingConfig } from '#src/train/config.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import type { Student } from '#src/train/student.js';
import { type TrainOptions, train } from '#src/train/trainer.js';
import { readStateDict } from '#src/weights/openWeights.js';
import { openSafetensors, readSafetensors, writeSafetensors } from '#src/weights/safetensors.js';
import { inProcessRanks } from '../collective/inProcess.js';
import { tinyStudent } from './tinyStudent.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg train '));
const data = join(folder, 'toy city');
const configFile = join(folder, 'tiny.yaml');
/** How often a run is killed; a campaign sets it higher. */
const kills = Number(process.env.STEADYSEG_KILLS ?? 2);
const steps = 8;

const tiny = `
network: { architecture: pspnet18, widthMultiplier: 0.0625 }
data: { layout: toycity, root: "${data}" }
crop: [32, 48]
batch: 2
steps: ${steps}
augmentation: { scale: [0.75, 1.5] }
losses: { motion: 0.1 }
checkpointEvery: 2
validation: { every: 4, limit: 3 }
`;

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 3, valClips: 1, frames: 3, height: 48, width: 64, seed: 3 });
  writeFileSync(configFile, tiny);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const configure = (...changes: string[]): Promise<TrainingConfig> => readConfig(configFile, changes);

async function trained(name: string, options: Partial<TrainOptions> & { config?: TrainingConfig } = {}) {
  const out = join(folder, name);
  const result = await train({ config: await configure(), ...options, out });
  return { out, result, model: readFileSync(result.model) };
}

describe('a training run', () => {
  let whole: Buffer;
  it('writes everything a run folder holds', async () => {
    const { out, result, model } = await trained('whole');
    whole = model;
    expect(result.steps).toBe(steps);
    expect(result.validation?.validation).toMatchObject({ frames: 3, pairs: 2 });
    const records = await readMetrics(runFiles(out).metrics);
    expect(records.filter((record) => 'losses' in record).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(records.filter((record) => 'validation' in record).map(({ step }) => step)).toEqual([4, 8]);
    const checkpoint = await openSafetensors(runFiles(out).best);
    expect(checkpoint.tensors.has('velocity.cls.4.weight')).toBe(true);
    await checkpoint.close();
  });

  it('gives the same weights again, and others from another seed', async () => {
    expect((await trained('again')).model.equals(whole)).toBe(true);
    expect((await trained('other', { config: await configure('seed=2') })).model.equals(whole)).toBe(false);
  });

  it('gives the same weights when it was interrupted and resumed', async () => {
    const interruption = new AbortController();
    const onStep: TrainOptions['onStep'] = ({ step }) => {
      if (step === 3) interruption.abort();
    };
    await expect(trained('resumed', { onStep, signal: interruption.signal })).rejects.toThrow('ended at step 3 of 8');
    const { model, out } = await trained('resumed', { resume: true });
    expect(model.equals(whole)).toBe(true);
    expect((await readMetrics(runFiles(out).metrics)).length).toBe(steps + 2);
  });

  it.each([
    ['before it is opened', InterruptedError, true],
    ['while it is opened, by a scheduler', TerminatedError, false],
  ])('writes nothing when one of its ranks is told to end %s', async (name, kind, before) => {
    const interruption = new AbortController();
    const end = () => interruption.abort(kind === TerminatedError ? new TerminatedError('SIGTERM') : undefined);
    if (before) end();
    const build = vi.fn<Student['build']>((...given) => {
      end();
      return tinyStudent(19).build(...given);
    });
    const student = { ...tinyStudent(19), build };
    const config = await configure('batch=1');
    const runs = inProcessRanks(2).map((collective, rank) =>
      trained(name, { config, student, collective, signal: rank === 1 ? interruption.signal : undefined }),
    );
    for (const result of await Promise.allSettled(runs)) {
      const reason = expect.objectContaining({ name: kind.name, message: expect.stringMatching(/^ended before the/) });
      expect(result).toEqual({ status: 'rejected', reason });
    }
    expect(build.mock.calls.length > 0).toBe(!before);
    expect(existsSync(join(folder, name))).toBe(false);
  });

  it('goes on bit for bit with everything an optimiser may remember', async () => {
    const changes = [
      'steps=5',
      'optimizer={ method: adamw, rate: 0.002, schedule: cosine, warmup: 2, clipNorm: 1, averaging: 0.5, decayNormsAndBiases: false }',
      'validation.every=5',
    ];
    const config = await configure(...changes);
    const { model, out } = await trained('adam', { config });
    const interruption = new AbortController();
    const onStep: TrainOptions['onStep'] = ({ step }) => {
      if (step === 2) interruption.abort();
    };
    const interrupted = trained('adam resumed', { config, onStep, signal: interruption.signal });
    await expect(interrupted).rejects.toThrow('ended at step 2 of 5');
    const resumed = await trained('adam resumed', { config: await configure(...changes), resume: true });
    expect(resumed.model.equals(model)).toBe(true);
    // The model is the mean, and so is what others take from the checkpoint.
    const { tensors } = await readSafetensors(runFiles(out).last);
    const { initializers } = (await readModelFile(runFiles(out).model)).graph;
    const taken = (await readStateDict(runFiles(out).last)).tensors;
    for (const name of ['cls.4.weight', 'cls.1.running_mean']) {
      const mean = tensors.get(`averaged.${name}`)?.data;
      expect(mean).toBeDefined();
      expect(initializers.get(name)?.data).toEqual(mean);
      expect(taken.get(name)?.data).toEqual(mean);
      expect(tensors.get(`parameter.${name}`)?.data).not.toEqual(mean);
    }
    const rates = (await readMetrics(runFiles(out).metrics)).flatMap((one) => ('rate' in one ? [one.rate] : []));
    expect(rates.map((rate) => Number(rate.toFixed(6)))).toEqual([0.001, 0.001809, 0.001309, 0.000691, 0.000191]);
  });

  it('leaves the same model when it is resumed after its last step', async () => {
    const samples: number[] = [];
    let ends = 0;
    const { model } = await trained('again', {
      resume: true,
      onValidatedFrame: (_, index) => samples.push(index),
      onEnd: () => {
        ends++;
      },
    });
    expect(ends).toBe(1);
    expect(model.equals(whole)).toBe(true);
    expect(samples).toEqual([0, 1, 2]);
  });

  it('gives the same weights when it was killed and resumed', async () => {
    const out = join(folder, 'killed');
    for (let kill = 0; kill < kills; kill++) await killedRun(out, 300 + ((kill * 7919) % 2500));
    const { model } = await trained('killed', { resume: true });
    expect(model.equals(whole)).toBe(true);
  });

  /** What a run's folder says of its validations. */
  const validationsIn = async (out: string) => {
    const records = await readMetrics(runFiles(out).metrics);
    return records.flatMap((record) => ('validation' in record ? [[record.step, record.validation]] : []));
  };

  it('keeps what was trained when a validation fails, and goes on when it is configured otherwise', async () => {
    const spoilt = join(folder, 'spoilt');
    await writeToyCity({ out: spoilt, clips: 1, valClips: 1, frames: 3, height: 48, width: 64, seed: 3 });
    const labels = join(spoilt, 'gtFine', 'val');
    const spoil = () => {
      for (const name of readdirSync(labels, { recursive: true, encoding: 'utf8' })) {
        if (name.endsWith('.png')) writeFileSync(join(labels, name), 'no picture');
      }
    };
    const config = await configure(`validation.root=${spoilt}`, 'checkpointEvery=100');
    // Labels are looked at before the first step, too.
    await expect(trained('spoilt run', { config, onStep: spoil })).rejects.toThrow(spoilt);
    const taken: number[] = [];
    const onStep: TrainOptions['onStep'] = ({ step }) => taken.push(step);
    await expect(trained('spoilt run', { config, resume: true, onStep })).rejects.toThrow(spoilt);
    expect(taken).toEqual([]);

    const { model, out, result } = await trained('spoilt run', { resume: true, onStep });
    expect(taken).toEqual([5, 6, 7, 8]);
    expect(model.equals(whole)).toBe(true);
    const undisturbed = join(folder, 'whole');
    expect(await validationsIn(out)).toEqual(await validationsIn(undisturbed));
    expect(readFileSync(runFiles(out).best).equals(readFileSync(runFiles(undisturbed).best))).toBe(true);
    expect(JSON.parse(readFileSync(runFiles(out).config, 'utf8')).validation).toEqual({ every: 4, limit: 3 });
    expect(result.best?.step).toBeGreaterThan(0);
  });

  it('validates a step once in its log, and keeps the same best, when it ends while validating', async () => {
    const onValidation = () => {
      throw new Error('out of paper');
    };
    await expect(trained('paper', { onValidation })).rejects.toThrow('out of paper');
    const { out } = await trained('paper', { resume: true });
    const undisturbed = join(folder, 'whole');
    expect(await validationsIn(out)).toEqual(await validationsIn(undisturbed));
    expect(readFileSync(runFiles(out).best).equals(readFileSync(runFiles(undisturbed).best))).toBe(true);
  });

  it('compares a validation with the best one across a resume, but not with one on other frames', async () => {
    const interruption = new AbortController();
    const onStep: TrainOptions['onStep'] = ({ step }) => {
      if (step === 5) interruption.abort();
    };
    const before = trained('compared', { onStep, signal: interruption.signal });
    await expect(before).rejects.toThrow('ended at step 5 of 8');
    const { last } = runFiles(join(folder, 'compared'));
    const { tensors, metadata } = await readSafetensors(last);
    const record = JSON.parse(metadata.get('steadyseg.checkpoint') ?? '');
    expect(record).toMatchObject({ step: 5, best: { step: 4 } });
    record.best.mIoU = 2;
    const unbeatable = new Map([['steadyseg.checkpoint', JSON.stringify(record)]]);
    for (const [changes, best] of [
      [['validation.every=3'], { step: 4, mIoU: 2 }],
      [['validation.limit=2'], { step: 8 }],
    ] as const) {
      await writeSafetensors(last, tensors, unbeatable);
      const { result } = await trained('compared', { config: await configure(...changes), resume: true });
      expect(result.best).toMatchObject(best);
    }
  });

  it('has no best where held frames have no labels, and goes on all the same', async () => {
    const list = join(folder, 'unlabelled.txt');
    const frames = join(data, 'leftImg8bit_sequence', 'val');
    const pictures = readdirSync(frames, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.png'));
    writeFileSync(list, pictures.map((name) => `${join(frames, name)}\t-\n`).join(''));
    const validation = `validation={ layout: list, root: "${list}", classes: toycity, every: 1 }`;
    const config = await configure(validation, 'steps=2');
    for (const resume of [false, true]) {
      const { out, result } = await trained('unlabelled', { config, resume });
      expect(result.best).toBe(undefined);
      expect(existsSync(runFiles(out).best)).toBe(false);
      expect(await validationsIn(out)).toMatchObject([
        [1, { mIoU: Number.NaN, frames: 3 }],
        [2, { mIoU: Number.NaN, frames: 3 }],
      ]);
    }
  });

  it('refuses a folder that holds a run, another configuration, and a run under way', async () => {
    await expect(trained('whole')).rejects.toThrow('there is a run in this folder');
    const config = await configure('optimizer.rate=0.5');
    await expect(trained('whole', { config, resume: true })).rejects.toThrow('another configuration (optimizer)');
    const onStart = () => expect(trained('busy', { resume: true })).rejects.toThrow('is training in this folder');
    await trained('busy', { onStart });
  });

  it('replaces nothing that is no run’s: neither as a new run nor as one to go on with', async () => {
    for (const name of ['model.onnx', 'report.html', 'metrics.jsonl', 'checkpoints/last.safetensors']) {
      const out = join(folder, `mine ${name.replace('/', ' ')}`);
      mkdirSync(join(out, name, '..'), { recursive: true });
      writeFileSync(join(out, name), 'mine');
      for (const resume of [false, true]) {
        const run = train({ config: await configure(), out, resume });
        await expect(run).rejects.toThrow(`${join(out, name)}: expected no file or one that an earlier run wrote`);
      }
      expect(readFileSync(join(out, name), 'utf8')).toBe('mine');
    }
  });

  it('stops when the loss is no longer a number, and says what to do', async () => {
    const config = await configure('optimizer.rate=1e30');
    let ends = 0;
    // A listener of the end that fails too does not hide why the run did.
    const onEnd = () => {
      ends++;
      throw new Error('out of paper');
    };
    await expect(trained('exploded', { config, onEnd })).rejects.toThrow(
      /step \d: the (total|segmentation|motion) loss became .*lower optimizer.rate/,
    );
    expect(ends).toBe(1);
    const done = await configure('steps=1', 'validation.every=1');
    await expect(trained('ended', { config: done, onEnd })).rejects.toThrow('out of paper');
  });

  it('averages gradients over accumulated batches', async () => {
    const { result } = await trained('accumulated', {
      config: await configure('accumulate=2', 'steps=2', 'validation.every=2'),
    });
    expect(result.steps).toBe(2);
  });
});

/** Starts or resumes the run in a process of its own and kills it after a while. */
function killedRun(out: string, milliseconds: number): Promise<void> {
  const main = resolve(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
  const child: ChildProcess = spawn(process.execPath, [main, 'train', configFile, '--out', out, '--resume'], {
    stdio: 'ignore',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  return new Promise((done) => {
    child.on('exit', () => {
      clearTimeout(timer);
      done();
    });
  });
}
