// Evaluations of files: layouts and pairing, shards, what is left out, and bad input.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { measureAlongFlow, reading } from '#src/data/evaluation/alongFlow.js';
import { evaluateMeanIoU } from '#src/data/evaluation/meanIoU.js';
import { evaluateTemporalConsistency, type TemporalConsistencyOptions } from '#src/data/evaluation/temporal.js';
import { evaluateVideoConsistency } from '#src/data/evaluation/video.js';
import { listFiles } from '#src/data/layouts.js';
import { folderFlow } from '#src/flow/folder.js';
import type { FlowSource } from '#src/flow/source.js';
import { presetClasses } from '#src/media/classes.js';
import { writeFlo } from '#src/media/flo.js';
import type { FrameSource } from '#src/media/frames.js';
import { writeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { pairingKey, pairingKeyOf } from '#src/media/stems.js';
import { mergeResults } from '#src/metrics/merge.js';
import { type EvaluationResult, parseResult } from '#src/metrics/result.js';
import { createRandom } from '#src/tensor/random.js';

const WIDTH = 24;
const HEIGHT = 16;
const camvid = presetClasses('camvid');
const cityscapes = presetClasses('cityscapes');

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'steadyseg-evaluation-'));
});
afterAll(async () => await rm(root, { recursive: true, force: true }));

const path = (...parts: string[]) => join(root, ...parts);

async function label(file: string, seed: number, ids: readonly number[] = [0, 1, 2], size = [WIDTH, HEIGHT]) {
  const random = createRandom(seed);
  const data = Uint8Array.from({ length: size[0] * size[1] }, () => ids[random.integer(ids.length)]);
  await writeLabelMap(path(file), { width: size[0], height: size[1], data });
}

async function frame(file: string, seed: number) {
  const random = createRandom(seed);
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, () => random.integer(256));
  await writePicture(path(file), { width: WIDTH, height: HEIGHT, data });
}

/** No motion, and never the same object twice, as sources promise. */
const zeroFlow = (): FlowSource => ({
  name: 'zero',
  concurrency: 2,
  flow: async () => ({ width: WIDTH, height: HEIGHT, data: new Float32Array(WIDTH * HEIGHT * 2) }),
  check: async () => {},
  close: async () => {},
});

/** `count` frames with predictions and labels, flat, below `name`. */
async function drive(name: string, count: number, step = 2) {
  for (let k = 0; k < count; k++) {
    const stem = `d_${String(100 + k * step).padStart(5, '0')}`;
    await frame(`${name}/frames/${stem}.png`, k);
    await label(`${name}/pred/${stem}.png`, k);
    await label(`${name}/gt/${stem}.png`, k + 1);
  }
}

const failure = async (work: Promise<unknown>) =>
  await work.then(
    () => 'no error',
    (thrown: Error) => thrown.message,
  );

describe('pairing', () => {
  it('takes known suffixes off', () => {
    expect(pairingKey('frankfurt_000001_047548_leftImg8bit')).toBe('frankfurt_000001_047548');
    expect(pairingKey('frankfurt_000001_047548_gtFine_labelTrainIds')).toBe('frankfurt_000001_047548');
    expect(pairingKey('frankfurt_000001_047548_my_result')).toBe('frankfurt_000001_047548');
    expect(pairingKey('0016E5_07959')).toBe('0016E5_07959');
    expect(pairingKey('clip_leftImg8bit')).toBe('clip');
    expect(pairingKeyOf('a/b/aachen_000000_000019_gtCoarse_labelIds.png')).toBe('aachen_000000_000019');
  });

  it('pairs Cityscapes’ cities with a flat folder, and maps label ids', async () => {
    for (const [city, stem] of [
      ['ulm', 'ulm_000000_000019'],
      ['bern', 'bern_000003_000019'],
    ]) {
      await label(`cs/gtFine/val/${city}/${stem}_gtFine_labelIds.png`, 1, [7]);
      await label(`cs/gtFine/val/${city}/${stem}_gtFine_instanceIds.png`, 1, [9]);
      await label(`cs/gtFine/val/${city}/${stem}_gtFine_color.png`, 1, [99]);
      await label(`cs/pred/${stem}_leftImg8bit.png`, 1, [0]);
    }
    const options = { pred: path('cs/pred'), gt: path('cs/gtFine/val'), classSet: cityscapes } as const;
    const result = await evaluateMeanIoU({ ...options, convention: 'cityscapes' });
    expect(result.frames).toBe(2);
    expect(result.mIoU).toBe(1);
    expect(result.iou.slice(0, 2)).toEqual([1, null]);

    // Train ids beside them are taken instead; ids can be told by the caller, too.
    await label('cs/gtFine/val/ulm/ulm_000000_000019_gtFine_labelTrainIds.png', 1, [0]);
    expect((await listFiles(path('cs/gtFine'), 'labels')).map(({ stem }) => stem)).toEqual([
      'bern_000003_000019_gtFine_labelIds',
      'ulm_000000_000019_gtFine_labelTrainIds',
    ]);
    expect((await evaluateMeanIoU(options)).counts.intersection[0]).toBe(2 * WIDTH * HEIGHT);
    const told = await evaluateMeanIoU({ ...options, gt: path('cs/pred'), gtIds: 'labelIds' });
    expect(told.counts.target.every((pixels) => pixels === 0)).toBe(true);
  });

  it('reads VSPW’s videos, whose file names repeat, and its ids from 1', async () => {
    for (const video of ['1_abc', '2_def']) {
      for (const stem of ['00000001', '00000002']) {
        await frame(`vspw/data/${video}/origin/${stem}.jpg`, 1);
        await label(`vspw/data/${video}/mask/${stem}.png`, 1, [1, 2, 0, 255]);
        await label(`vspw/pred/${video}/${stem}.png`, 1, [0, 1, 1, 0]);
      }
    }
    const options = { pred: path('vspw/pred'), gt: path('vspw/data'), gtIds: 'vspw', classSet: camvid } as const;
    const accuracy = await evaluateMeanIoU(options);
    expect([accuracy.frames, accuracy.clipCount, accuracy.iou[0], accuracy.iou[2]]).toEqual([
      4,
      2,
      expect.closeTo(1),
      0,
    ]);
    const { result } = await evaluateTemporalConsistency({ ...options, frames: path('vspw/data'), flow: zeroFlow() });
    expect([result.pairs, result.tc, result.labelsTc, result.clips.length]).toEqual([2, 1, 1, 2]);
    expect(result.pairList[0].first).toBe('1_abc/00000001');
  });

  it('reads Cityscapes snippets of which one frame is labelled', async () => {
    for (const sequence of ['000000', '000001']) {
      for (let k = 18; k < 21; k++) {
        const stem = `ulm_${sequence}_0000${k}`;
        await frame(`snip/leftImg8bit_sequence/val/ulm/${stem}_leftImg8bit.png`, k);
        await label(`snip/out/labels/${stem}_leftImg8bit.png`, 1, [0, 1]);
      }
      await label(`snip/gtFine/val/ulm/ulm_${sequence}_000019_gtFine_labelIds.png`, 1, [7, 8]);
    }
    const { result } = await evaluateTemporalConsistency({
      frames: path('snip/leftImg8bit_sequence/val'),
      pred: path('snip/out'),
      gt: path('snip/gtFine/val'),
      classSet: cityscapes,
      flow: zeroFlow(),
      convention: 'cityscapes',
    });
    expect(result).toMatchObject({ pairs: 4, tc: 1, mIoU: 1, labelsTc: null, clipCount: 2, skipped: [] });
    expect(result.labels).toMatchObject({ frames: 2, pairs: 0 });
  });

  it('reads lists of images and labels, and what predict wrote', async () => {
    await drive('list', 3);
    await label('list/out/labels/d_00100.png', 0);
    await label('list/out/color/d_00100.png', 0, [77]);
    await writeFile(path('list/gt.txt'), 'frames/d_00100.png gt/d_00100.png\n\n');
    const result = await evaluateMeanIoU({ pred: path('list/out'), gt: path('list/gt.txt'), classSet: camvid });
    expect(result.frames).toBe(1);
    await writeFile(path('list/bad.txt'), 'frames/d_00100.png gt/none.png\n');
    expect(
      await failure(evaluateMeanIoU({ pred: path('list/out'), gt: path('list/bad.txt'), classSet: camvid })),
    ).toMatch(/bad\.txt, line 1: expected "image label".*found "gt\/none\.png"/);
  });

  it('refuses two predictions for one frame', async () => {
    await drive('twice', 1);
    await label('twice/pred/ulm_000000_000019_a.png', 1);
    await label('twice/pred/ulm_000000_000019_b.png', 1);
    const options = { pred: path('twice/pred'), gt: path('twice/gt'), classSet: camvid };
    expect(await failure(evaluateMeanIoU(options))).toMatch(/_a\.png and .*_b\.png/);
  });
});

describe('shards', () => {
  it('merge into the unsharded result, for every measure, in any order', async () => {
    for (const [video, frames] of [5, 1, 7, 4, 6].entries()) {
      for (let k = 0; k < frames; k++) {
        await frame(`sh/data/v${video}/origin/${k}.png`, 10 * video + k);
        await label(`sh/data/v${video}/mask/${k}.png`, 10 * video + (k >> 1), [0, 1, 2, 11]);
        await label(`sh/pred/v${video}/${k}.png`, 10 * video + (k >> 2) + 1);
      }
    }
    const options = { pred: path('sh/pred'), gt: path('sh/data'), classSet: camvid };
    const evaluations: ((part: Partial<TemporalConsistencyOptions>) => Promise<EvaluationResult>)[] = [
      async (part) => await evaluateMeanIoU({ ...options, shard: part.shard }),
      async (part) => await evaluateVideoConsistency({ ...options, window: 3, shard: part.shard }),
      ...(['masked', 'etc-2020', 'vspw'] as const).map((mode) => async (part: Partial<TemporalConsistencyOptions>) => {
        const all = { ...options, frames: path('sh/data'), flow: zeroFlow(), mode, threads: 1 };
        return (await evaluateTemporalConsistency({ ...all, shard: part.shard })).result;
      }),
    ];
    for (const evaluate of evaluations) {
      const whole = await evaluate({});
      // 7: some shards are empty.
      for (const count of whole.measure === 'tc' ? [whole.mode === 'masked' ? 7 : 2] : [2, 3, 7]) {
        const results = await Promise.all(
          Array.from({ length: count }, async (_, index) => ({
            name: `shard ${index}`,
            // Through JSON, as the files of a cluster.
            result: parseResult(JSON.stringify(await evaluate({ shard: { index, count } })), 'file'),
          })),
        );
        expect(mergeResults(results.toReversed())).toEqual(whole);
        expect(() => mergeResults(results.slice(1))).toThrow(`none of 0/${count}`);
        expect(() => mergeResults([...results, results[0]])).toThrow(`found shard 0/${count} in shard 0 and shard 0`);
      }
    }
  });

  it('of different evaluations are refused', async () => {
    const options = { pred: path('sh/pred'), gt: path('sh/data'), classSet: camvid };
    const first = await evaluateMeanIoU({ ...options, shard: { index: 0, count: 2 } });
    const other = await evaluateMeanIoU({ ...options, shard: { index: 1, count: 2 }, convention: 'cityscapes' });
    const merge = (result: EvaluationResult) =>
      mergeResults([
        { name: 'a.json', result: first },
        { name: 'b.json', result },
      ]);
    expect(() => merge(other)).toThrow(
      /b\.json: expected the same convention as in a\.json \(semseg\), found cityscapes/,
    );
    const window = await evaluateVideoConsistency({ ...options, shard: { index: 1, count: 2 } });
    expect(() => merge(window)).toThrow(/the same measure/);
    expect(() => parseResult(JSON.stringify({ ...first, counts: { ...first.counts, union: [1] } }), 'a.json')).toThrow(
      /a\.json: counts\.union: expected 11 entries, found 1/,
    );
    expect(() => parseResult(JSON.stringify({ ...first, frames: -1 }), 'a.json')).toThrow(/a\.json: .*frames/);
    expect(() => parseResult(JSON.stringify([]), 'a.json')).toThrow(/a\.json: expected the JSON of steadyseg evaluate/);
  });
});

describe('what is left out', () => {
  it('is a clip of one frame: stated, and no fault', async () => {
    await drive('one', 3);
    await frame('one/frames/e_1.png', 1);
    await label('one/pred/e_1.png', 1);
    const { result } = await evaluateTemporalConsistency({
      frames: path('one/frames'),
      pred: path('one/pred'),
      classSet: camvid,
      flow: zeroFlow(),
    });
    expect(result.skipped).toEqual([
      { clip: 1, name: 'e_1', reason: 'a clip of one frame has no pair', failed: false },
    ]);
    expect([result.pairs, result.clips.length]).toEqual([2, 2]);
    const video = await evaluateVideoConsistency({
      pred: path('one/pred'),
      gt: path('one/pred'),
      classSet: camvid,
      window: 2,
    });
    expect(video.windows).toBe(1);
    expect(video.skipped[0].reason).toBe('1 frame is too few for a window of 2 (vspw)');
  });

  it('is, with keepGoing, what is missing or cannot be read', async () => {
    await drive('go', 6);
    await rm(path('go/pred/d_00104.png'));
    await writeFile(path('go/gt/d_00110.png'), 'no picture');
    const options = { pred: path('go/pred'), gt: path('go/gt'), classSet: camvid, keepGoing: true };
    const accuracy = await evaluateMeanIoU(options);
    expect(accuracy.frames).toBe(4);
    expect(accuracy.skipped.map(({ name, failed }) => [name, failed])).toEqual([
      ['d_00104', true],
      ['d_00110', true],
    ]);
    const { result } = await evaluateTemporalConsistency({ ...options, frames: path('go/frames'), flow: zeroFlow() });
    expect(result.pairs).toBe(2);
    expect(result.skipped.map(({ name }) => name)).toEqual([
      'd_00104',
      'd_00102 → d_00104',
      'd_00104 → d_00106',
      'd_00110',
      'd_00108 → d_00110',
    ]);
    const video = await evaluateVideoConsistency({ ...options, window: 2 });
    expect([video.windows, video.skipped.length, video.vc]).toEqual([0, 1, null]);
  });

  it('is, with keepGoing, what cannot be decoded of a video, and with it both pairs of that frame', async () => {
    const prediction = { width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT) };
    const source: FrameSource = {
      kind: 'video',
      isStream: false,
      input: 'film.mp4',
      description: 'film.mp4',
      count: 5,
      clips: [{ name: 'film.mp4', first: 0, count: 5 }],
      fingerprint: async () => '',
      async *frames({ onBad } = {}) {
        for (let index = 0; index < 5; index++) {
          const stem = String(index);
          if (index === 2) expect(onBad?.(stem, new SteadysegError('damaged'))).toBe('skip');
          else yield { index, stem, image: { ...prediction, data: new Uint8Array(WIDTH * HEIGHT * 3) } };
        }
      },
    };
    const pairs: string[] = [];
    const options = { flow: zeroFlow(), mode: 'etc-2020', keep: false, classSet: camvid, threads: 1 } as const;
    const measured = await measureAlongFlow(
      source,
      { ...options, keepGoing: true },
      {
        mapsOf: ({ stem }) => ({ prediction: reading(stem, Promise.resolve(prediction)) }),
        countFrame: () => undefined,
        onFrame: () => {},
        onPair: ({ first, second }) => pairs.push(`${first} → ${second}`),
      },
    );
    expect(pairs).toEqual(['0 → 1', '3 → 4']);
    expect(measured.clips).toEqual([{ index: 0, name: 'film.mp4', frames: 4 }]);
    expect(measured.skipped).toEqual([{ clip: 0, name: '2', reason: 'damaged', failed: true }]);
  });

  it('is nothing with a limit: the rest was not asked for', async () => {
    await drive('lim', 5);
    const options = { pred: path('lim/pred'), gt: path('lim/gt'), classSet: camvid, limit: 3 };
    expect((await evaluateMeanIoU(options)).frames).toBe(3);
    const { result } = await evaluateTemporalConsistency({ ...options, frames: path('lim/frames'), flow: zeroFlow() });
    expect([result.pairs, result.labels?.frames, result.skipped]).toEqual([2, 3, []]);
  });
});

describe('bad input', () => {
  const evaluate = async (name: string) => {
    const options = { pred: path(name, 'pred'), gt: path(name, 'gt'), classSet: camvid };
    const temporal = { ...options, frames: path(name, 'frames'), flow: zeroFlow() };
    return await Promise.all([
      failure(evaluateMeanIoU(options)),
      failure(evaluateTemporalConsistency(temporal)),
      failure(evaluateVideoConsistency({ ...options, window: 2 })),
    ]);
  };

  it('a missing prediction is named', async () => {
    await drive('bad1', 4);
    await rm(path('bad1/pred/d_00102.png'));
    for (const message of await evaluate('bad1')) {
      expect(message).toMatch(/bad1\/pred: expected a prediction for every frame, found none for d_00102$/);
    }
  });

  it('sizes that differ are named with both files', async () => {
    await drive('bad2', 3);
    await label('bad2/pred/d_00102.png', 1, [0], [HEIGHT, WIDTH]);
    const [accuracy, temporal, video] = await evaluate('bad2');
    for (const message of [accuracy, temporal, video]) {
      expect(message).toMatch(/pred\/d_00102\.png: expected the size of .*\.png, 24×16, found 16×24/);
    }
  });

  it('ids beyond the classes are named with their file', async () => {
    await drive('bad3', 3);
    await label('bad3/pred/d_00102.png', 1, [0, 12]);
    for (const message of await evaluate('bad3')) {
      expect(message).toMatch(
        /pred\/d_00102\.png: expected train ids 0 to 10 of camvid, 11 or 255, found 12 at \(\d+, \d+\)/,
      );
    }
    await label('bad3/pred/d_00102.png', 1, [0, 19]);
    const options = { pred: path('bad3/pred'), gt: path('bad3/gt'), classSet: cityscapes };
    expect(await failure(evaluateMeanIoU(options))).toMatch(
      /d_00102\.png: expected train ids 0 to 18 of cityscapes or 255, found 19 at .*; where 0 is unlabelled/,
    );
  });

  it('ids beyond 255 in 16-bit label maps are refused, palettes are read as indices', async () => {
    await drive('bad4', 3);
    const raw = { width: WIDTH, height: HEIGHT, channels: 1 } as const;
    await sharp(new Uint16Array(WIDTH * HEIGHT).fill(300), { raw })
      .toColourspace('grey16')
      .png()
      .toFile(path('bad4/pred/d_00100.png'));
    for (const message of await evaluate('bad4')) expect(message).toMatch(/d_00100\.png: .*in a 16-bit label map/);
    await sharp(Buffer.alloc(WIDTH * HEIGHT * 3, 200), { raw: { ...raw, channels: 3 } })
      .png({ palette: true })
      .toFile(path('bad4/pred/d_00100.png'));
    const result = await evaluateMeanIoU({ pred: path('bad4/pred'), gt: path('bad4/gt'), classSet: camvid });
    expect(result.frames).toBe(3);
  });

  it('flow that is missing, damaged or of another size is named', async () => {
    await drive('bad5', 3);
    const flow = { width: WIDTH, height: HEIGHT, data: new Float32Array(WIDTH * HEIGHT * 2) };
    const run = async () => {
      const options = { frames: path('bad5/frames'), pred: path('bad5/pred'), classSet: camvid };
      return await failure(evaluateTemporalConsistency({ ...options, flow: await folderFlow(path('bad5/flow')) }));
    };
    for (const stem of ['d_00100', 'd_00102']) {
      await writeFlo(path(`bad5/flow/${stem}.flo`), flow);
      if (stem === 'd_00100') await writeFlo(path(`bad5/flow/backward/${stem}.flo`), flow);
    }
    expect(await run()).toMatch(/found none at .*backward\/d_00102\.flo; both directions/);
    const file = path('bad5/flow/backward/d_00102.flo');
    await writeFlo(file, { width: 2, height: 3, data: new Float32Array(12) });
    expect(await run()).toMatch(/flow of d_00102 → d_00104: expected the size of .*d_00102\.png, 24×16, found 2×3/);
    await writeFile(file, 'not flow at all');
    expect(await run()).toMatch(/d_00102\.flo: expected the \.flo tag/);
    const header = Buffer.alloc(12);
    header.writeFloatLE(202021.25, 0);
    header.writeInt32LE(1 << 30, 4);
    header.writeInt32LE(1 << 30, 8);
    await writeFile(file, header);
    expect(await run()).toMatch(/d_00102\.flo: expected a size from 1×1/);
    header.writeInt32LE(WIDTH, 4);
    header.writeInt32LE(HEIGHT, 8);
    await writeFile(file, header);
    expect(await run()).toMatch(/d_00102\.flo: .*truncated/);
    await writeFlo(file, flow);
    expect(await run()).toBe('no error');
  });

  it('folders without label maps, and labels of other frames, are refused', async () => {
    await drive('bad6', 2);
    await writeFile(path('bad6', 'frames', 'readme.txt'), '');
    const options = { frames: path('bad6/frames'), pred: path('bad6/pred'), classSet: camvid, flow: zeroFlow() };
    expect(
      await failure(evaluateTemporalConsistency({ ...options, pred: dirname(path('bad6/frames/readme.txt')) })),
    ).toMatch(/found 8-bit RGB/);
    expect(await failure(evaluateTemporalConsistency({ ...options, pred: path('bad6/none') }))).toMatch(
      /cannot read .*none/,
    );
    await label('bad6/other/x_1.png', 1);
    expect(await failure(evaluateTemporalConsistency({ ...options, gt: path('bad6/other') }))).toMatch(
      /other: expected labels of the frames, found none for d_00100/,
    );
  });
});
